"""Bounds by odd cycles: cycles found, programs, proofs against enumeration, HiGHS' MILPs and the checker."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from ising_cases import all_spins, ended, graph, ising, maximum, torus
from scipy import sparse
from scipy.optimize import LinearConstraint, milp

from isinglass.api import lp_tool
from isinglass.compiler.spins import odd_cycles as search
from isinglass.compiler.spins.cycle_program import CycleProgram, passed
from isinglass.compiler.spins.cycles import STEP, Cycles, Graph, by_scipy, chordless, compiled_search, keys
from isinglass.compiler.spins.odd_cycles import CycleResult, bracket
from isinglass.compiler.spins.tree_rounding import flipped, rounded
from isinglass.ir.certificates import odd_cycles as checker
from isinglass.ir.problem import Problem
from isinglass.ir.protocols import Limits
from isinglass.ir.quadratic.spins import couplings, spin_form

SEARCHES = [by_scipy, pytest.param(None, id="compiled")]


def graph_of(problem: Problem) -> Graph:
    form = spin_form(problem)
    return Graph.of(couplings(form), form.spins)


def run(problem: Problem, limits: Limits | None = None, start: Any = None) -> CycleResult:
    form = spin_form(problem)
    known = np.ones((1, form.spins)) if start is None else start
    found: CycleResult = ended(bracket(form, known, lp_tool(), limits or Limits()))
    return found


def proved(problem: Problem, result: CycleResult) -> Fraction:
    """What the checker makes of the proof, as a bound of the maximum, after a trip through JSON."""
    least = checker.lower_bound(problem, json.loads(json.dumps(result.proof.to_plain())))
    assert least is not None
    return -least


def agrees(problem: Problem, result: CycleResult) -> None:
    """The checker proves what is claimed, and hardly more: claims leave room for sums that round otherwise."""
    found = proved(problem, result)
    assert found <= result.upper
    assert float(found) == pytest.approx(float(result.upper), rel=1e-9)


def shortest(graph: Graph, value: Any) -> float:
    """Length of the shortest odd closed walk, by Floyd and Warshall on the doubled graph."""
    n = graph.vertices
    far = np.full((2 * n, 2 * n), np.inf)
    for i, j, s in zip(graph.left, graph.right, value, strict=True):
        for a, b in ((i, j), (j, i)):
            for layer in (0, n):
                far[a + layer, b + layer] = min(far[a + layer, b + layer], 1 - s)
                far[a + layer, b + n - layer] = min(far[a + layer, b + n - layer], 1 + s)
    for k in range(2 * n):
        far = np.minimum(far, far[:, k, None] + far[None, k])
    return float(far[np.arange(n), np.arange(n) + n].min())


# -- cycles -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("finder", SEARCHES)
@pytest.mark.parametrize("seed", range(8))
def test_cycles_are_closed_odd_and_violated_and_found_where_there_are_any(finder: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    one = graph_of(ising(torus(4, seed) if seed % 2 else graph(9, 0.5, seed)))
    value = np.clip(rng.normal(size=one.edges) * (0.4 + 0.2 * seed), -1, 1)
    found = (finder or compiled_search())(one, value, np.full(one.edges, STEP), np.arange(one.vertices), 2 - 1e-4)
    assert (found.count > 0) == (shortest(one, value) < 2 - 1e-3)
    after = np.concatenate([np.roll(v, -1) for v in np.split(found.vertex, found.start[1:-1])])
    assert (found.lengths >= 3).all() or not found.count
    assert np.array_equal(one.left[found.edge], np.minimum(found.vertex, after))
    assert np.array_equal(one.right[found.edge], np.maximum(found.vertex, after))
    for k in range(found.count):
        steps = slice(found.start[k], found.start[k + 1])
        assert np.prod(found.sign[steps]) == -1
        assert len(set(found.vertex[steps].tolist())) == found.lengths[k]
        assert found.sign[steps] @ value[found.edge[steps]] > found.lengths[k] - 2


def test_shortest_walks_are_the_same_by_both_ways() -> None:
    one = graph_of(ising(graph(12, 0.4, 3)))
    value = np.clip(np.random.default_rng(1).normal(size=one.edges), -1, 1)
    least = []
    for finder in (by_scipy, compiled_search()):
        found = finder(one, value, np.full(one.edges, STEP), np.arange(one.vertices), 2 - 1e-4)
        slack = np.add.reduceat(1 - found.sign * value[found.edge], found.start[:-1])
        least.append(slack.min())
    assert least[0] == pytest.approx(least[1], abs=1e-5)
    assert least[0] == pytest.approx(shortest(one, value), abs=1e-5)


def test_every_violated_cycle_passes_the_vertices_that_are_searched() -> None:
    one = graph_of(ising(torus(5, 1)))
    spins = np.random.default_rng(0).choice([-1.0, 1.0], one.vertices)
    value = spins[one.left] * spins[one.right]
    assert not len(passed(one, value))
    value[7] = -value[7]
    found = by_scipy(one, value, np.full(one.edges, STEP), passed(one, value), 2 - 1e-4)
    assert 7 in found.edge


def test_chords_and_keys() -> None:
    square = np.zeros((4, 4))
    square[[0, 1, 2, 0, 0], [1, 2, 3, 3, 2]] = 1
    one = graph_of(ising(square))
    edge = {(int(i), int(j)): k for k, (i, j) in enumerate(zip(one.left, one.right, strict=True))}
    ring, triangle = [1, 2, 3, 4], [1, 2, 3]
    edges = [[edge[min(a, b), max(a, b)] for a, b in zip(c, c[1:] + c[:1], strict=True)] for c in (ring, triangle)]
    both = Cycles(np.array([0, 4, 7]), np.array(ring + triangle), np.array(edges[0] + edges[1]),
                  np.array([-1.0, 1, 1, 1, -1, 1, 1]))  # fmt: skip
    assert chordless(one, both).tolist() == [False, True]
    turned = Cycles(np.array([0, 4]), np.roll(ring, 1), np.roll(edges[0], 1), np.array([1.0, -1, 1, 1]))
    assert keys(turned, one.edges)[0] == keys(both, one.edges)[0]
    assert len(set(keys(both, one.edges).tolist())) == 2
    other = Cycles(turned.start, turned.vertex, turned.edge, -turned.sign)
    assert keys(other, one.edges)[0] != keys(both, one.edges)[0]
    assert keys(both.take(np.array([1])), one.edges)[0] == keys(both, one.edges)[1]


def test_rounding_follows_the_products() -> None:
    one = graph_of(ising(torus(5, 2)))
    spins = np.random.default_rng(0).choice([-1.0, 1.0], one.vertices)
    found = rounded(one, 0.9 * spins[one.left] * spins[one.right], np.random.default_rng(1))
    assert np.array_equal(found[1:] * found[1], spins[1:] * spins[1])
    better = flipped(one, found)
    for k in range(one.vertices):
        other = better.copy()
        other[k] = -other[k]
        assert one.energies(other[None])[0] >= one.energies(better[None])[0]
    assert one.energies(better[None])[0] <= one.energies(found[None])[0]


def test_rows_that_are_taken_out_are_those_with_slack() -> None:
    one = graph_of(ising(torus(5, 2)))
    program = CycleProgram.of(one, lp_tool())
    result, multipliers = program.solve(None)
    assert result.x is not None
    assert program.cut(result.x, lambda: False) > 0
    result, multipliers = program.solve(None)
    assert result.x is not None
    kept = multipliers > 0
    program.idle = np.where(kept, 0, 99)
    assert np.array_equal(program.purge(), kept)
    again, after = program.solve(None)
    assert again.value == pytest.approx(result.value)
    assert len(after) == program.cycles.count == len(program.known) == kept.sum()
    assert (program.cycles.matrix(one.edges) @ again.x <= program.cycles.lengths - 2 + 1e-7).all()


# -- bounds -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(24))
def test_small_problems_are_closed_and_the_checker_agrees(seed: int) -> None:
    rng = np.random.default_rng(seed)
    size, normal = int(rng.integers(2, 11)), seed % 3 == 0
    field = None if seed % 4 == 0 else rng.integers(-2, 3, size)
    problem = ising(graph(size, [0.3, 0.6, 1.0][seed % 3], seed, normal), field, "bin" if seed % 5 == 0 else "spin")
    form, best = maximum(problem)
    result = run(problem)
    assert result.exact and result.finished
    assert result.value == pytest.approx(best, abs=1e-9)
    assert float(form.value(result.spins[None])[0]) == result.value
    agrees(problem, result)
    assert float(result.upper) >= best - 1e-12 * abs(best)


@pytest.mark.parametrize("seed", [0, 1, 2, 4, 5])
def test_trees_close_what_the_program_leaves_open(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With nothing found but at the root's first round, fixing spins has to do the work."""
    monkeypatch.setattr(search, "ROUNDS", 0)
    calls = iter(range(10**9))
    cut = CycleProgram.cut
    monkeypatch.setattr(CycleProgram, "cut", lambda *args: cut(*args) if next(calls) < 2 else 0)
    problem = ising(graph(8, 0.8, seed, seed % 2 == 0), None if seed < 4 else np.ones(8))
    _, best = maximum(problem)
    result = run(problem)
    assert result.exact
    assert result.nodes > 1
    assert result.value == pytest.approx(best, abs=1e-9)
    agrees(problem, result)
    assert float(result.upper) >= best - 1e-12 * abs(best)


def highs_minimum(couplings: Any) -> float:
    """The least energy of an Ising problem without field, by HiGHS: binaries y_i, x_e = 1 where the ends differ."""
    coo = sparse.coo_array(couplings)
    (left, right), weight, n = coo.coords, coo.data, couplings.shape[0]
    m, edges = len(weight), sparse.identity(len(weight))
    ends = [sparse.coo_array((np.ones(m), (np.arange(m), side)), shape=(m, n)) for side in (left, right)]
    signs = ((1, -1, -1), (-1, 1, -1), (1, 1, 1), (-1, -1, 1))
    rows = sparse.vstack([sparse.hstack([a * ends[0] + b * ends[1], c * edges]) for a, b, c in signs])
    limit = LinearConstraint(rows.tocsr(), -np.inf, np.repeat([0.0, 0.0, 2.0, 0.0], m))
    cost = np.concatenate([np.zeros(n), -2 * weight])
    found = milp(cost, constraints=limit, integrality=np.append(np.ones(n), np.zeros(m)), bounds=(0, 1))
    assert found.status == 0
    return float(found.fun + weight.sum())


@pytest.mark.parametrize(("seed", "normal"), [(0, False), (1, True)])
def test_tori_are_solved_as_highs_solves_them(seed: int, normal: bool) -> None:
    weight = torus(6, seed, normal)
    problem = ising(weight)
    result = run(problem)
    assert result.exact
    assert -result.value == pytest.approx(highs_minimum(weight), abs=1e-6)
    agrees(problem, result)


def test_a_larger_torus_by_the_compiled_search() -> None:
    problem = ising(torus(23, 0))
    result = run(problem)
    assert result.exact and result.nodes == 1
    agrees(problem, result)
    assert result.upper == result.value


def test_no_time_still_gives_a_bound() -> None:
    problem = ising(torus(6, 0))
    result = run(problem, Limits(0.0))
    assert not result.exact
    agrees(problem, result)
    assert float(result.upper) <= abs(torus(6, 0)).sum()


def test_the_same_seed_gives_the_same_proof() -> None:
    one, other = (run(ising(torus(6, 3))).proof.to_plain() for _ in range(2))
    assert one == other


def test_known_points_are_used() -> None:
    problem = ising(graph(8, 0.7, 5))
    form, best = maximum(problem)
    spins = all_spins(8)
    known = spins[form.value(spins).argmax()][None]
    assert run(problem, Limits(0.0), known).value == best
