"""Claims as ordinary problems: no counterexample is lost, outside solvers agree with all phases enumerated."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dimod
import highspy
import numpy as np
import pytest
from networks import Array, Layers, ScipyMilp, save, single
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint
from scipy.optimize import milp as scipy_milp
from test_prove import enumerated
from test_unsafe import one_input

from isinglass.compiler.compile import compile_problem
from isinglass.compiler.negate_claim import BOUNDS, negate_claim
from isinglass.facade.milp_export import CompiledClaim, compile_claim
from isinglass.frontends.networks.box import Box
from isinglass.frontends.networks.properties import argmax_is, prove, question
from isinglass.frontends.networks.reader import read_network
from isinglass.ir.affine import Affine
from isinglass.ir.errors import Infeasible, Refused, UsageError
from isinglass.ir.evaluate import complete, evaluate
from isinglass.ir.operators.csr import Csr
from isinglass.ir.problem import Problem
from isinglass.ir.protocols import Limits
from isinglass.ir.tasks import Prove
from isinglass.ir.unsafe import UnsafeSet

TARGETS = ("lp", "mps", "npz", "cqm")


def random_claim(seed: int, folder: Path) -> tuple[Prove, float]:
    """A 2-3-2 network, up to four cases of up to two rows over inputs and outputs in up to three boxes, and the
    greatest margin of all cases by a linear program for every phase."""
    rng = np.random.default_rng(seed)
    layers: Layers = [(single(rng.normal(size=s)), single(rng.normal(size=s[1]) / 2)) for s in ((2, 3), (3, 2))]
    cases, boxes = int(rng.integers(1, 5)), int(rng.integers(1, 4))
    sizes = rng.integers(1, 3, cases)
    region = np.sort(rng.integers(0, boxes, cases)) if seed % 3 else np.zeros(cases, np.int64)
    centre, radius = rng.integers(-8, 9, (boxes, 2)) / 8, rng.integers(0, 9, (boxes, 2)) / 8
    rows, offset = rng.integers(-4, 5, (int(sizes.sum()), 2)) / 4, rng.integers(-8, 3, int(sizes.sum())) / 4
    forms = Affine(offset, {"y": Csr.of(rows)})
    lower, upper = centre - radius, centre + radius
    start = np.concatenate([[0], np.cumsum(sizes)])
    texts = tuple(f"case {k}" for k in range(cases))
    unsafe = UnsafeSet(
        forms, rng.random(len(offset)) < 0.3, start, region, lower, upper, lower, upper, "dyadic", texts
    )
    margins = [
        enumerated(layers, lower[r], upper[r], rows[a:b], offset[a:b])
        for r, a, b in zip(region, start, start[1:], strict=False)
    ]
    network = read_network(save(folder / "net.onnx", layers))
    return question(network, unsafe, "claim"), max(margins)


def highs(path: Path) -> tuple[str, float, highspy.Highs]:
    """Status and objective of a file as HiGHS solves it."""
    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("mip_rel_gap", 0.0)
    assert solver.readModel(str(path)) == highspy.HighsStatus.kOk
    solver.run()
    status = solver.modelStatusToString(solver.getModelStatus())
    return status.lower(), solver.getInfo().objective_function_value, solver


def solved(compiled: CompiledClaim, folder: Path) -> tuple[str, float, Any]:
    """Status, objective and point of a target's file, by a program that is not ours."""
    path = folder / f"model{compiled.target.suffix}"
    compiled.target.write(compiled.problem, path)
    if path.suffix in (".lp", ".mps"):
        status, value, solver = highs(path)
        return status, value, None if status != "optimal" else np.array(solver.getSolution().col_value)
    with np.load(path) as z:
        matrix = sparse.csr_array((z["data"], z["indices"], z["indptr"]), shape=tuple(z["shape"]))
        rows = LinearConstraint(matrix, z["row_lower"], z["row_upper"])
        found = scipy_milp(z["cost"], integrality=z["integer"].astype(int), bounds=Bounds(z["lower"], z["upper"]),
                           constraints=rows, options={"mip_rel_gap": 0.0})  # fmt: skip
        status = {0: "optimal", 2: "infeasible"}.get(found.status, "other")
        return status, -found.fun if found.fun is not None else np.nan, found.x


@pytest.mark.parametrize("target", ["lp", "mps", "npz"])
@pytest.mark.parametrize("seed", range(16))
def test_outside_solvers_agree_with_all_phases(seed: int, target: str, tmp_path: Path) -> None:
    task, greatest = random_claim(seed, tmp_path)
    for bounds in ("interval", "crown"):
        for goal in ("feasible", "margin"):
            try:
                compiled = compile_claim(task, target, options={"goal": goal, "bounds": bounds})
            except Infeasible:
                assert greatest <= 1e-9
                continue
            status, value, x = solved(compiled, tmp_path)
            answer = compiled.answer(np.zeros((0, 0)) if x is None else x)
            all_cases = compiled.ledger[0].count == 0  # else those left out may have had the greatest margin below 0
            if goal == "margin" and (all_cases or greatest > 0):
                assert status == "optimal" and value == pytest.approx(greatest, abs=1e-5)
            if greatest > 1e-5:
                assert status == "optimal" and (answer.status, answer.arithmetic) == ("sat", "both")
            elif greatest < -1e-5:
                assert answer.status == "unknown" and (goal == "margin" or status == "infeasible")


@pytest.mark.parametrize("seed", range(24))
def test_no_counterexample_is_lost(seed: int, tmp_path: Path) -> None:
    """Every sampled point that is unsafe, with its case chosen, is feasible before and after the passes."""
    task, greatest = random_claim(seed, tmp_path)
    unsafe, rng = task.unsafe, np.random.default_rng(seed)
    share = rng.random((200, 2))
    share[::2] = np.rint(share[::2])
    for bounds in BOUNDS:
        try:
            step = negate_claim(task, "margin", bounds)
        except Infeasible:
            assert greatest <= 1e-9
            continue
        trace = compile_problem(step.problem, "MIP", {}, None, {}, lambda: None)  # type: ignore[arg-type, return-value]
        left = step.ledger[0].count
        for case in range(unsafe.count):
            own = unsafe.pick(np.array([case]))
            x = unsafe.lower[unsafe.region[case]] + share * (unsafe.upper - unsafe.lower)[unsafe.region[case]]
            values = complete(task.problem, {"x": x})
            margin = own.margins(values)[:, 0]
            points, margin = x[margin > 1e-7], margin[margin > 1e-7]
            if left and len(points):
                continue  # numbers of cases have moved
            if len(points):
                free = {"x": points, "margin": margin[:, None]} | chosen(step.problem, unsafe, case, len(points))
                whole = complete(step.problem, {key: free[key] for key in free if key in step.problem.vars})
                assert evaluate(step.problem, whole, tolerance=1e-9).feasible.all()
                down, fine = trace.lift.down(whole)
                assert fine.all() and evaluate(trace.problem, down, tolerance=1e-9).feasible.all()


def chosen(problem: Problem, unsafe: UnsafeSet, case: int, count: int) -> dict[str, Array]:
    """The binaries of a case and its box."""
    used = np.unique(unsafe.region)
    return {
        "case": np.tile(np.arange(unsafe.count) == case, (count, 1)).astype(float),
        "region": np.tile(used == unsafe.region[case], (count, 1)).astype(float),
    }


def test_bounds_from_best_to_worst(tmp_path: Path) -> None:
    """Binaries left by intervals, CROWN, and CROWN with optimised slopes, on a network of three layers."""
    rng = np.random.default_rng(4)
    layers = [(rng.normal(size=s), rng.normal(size=s[1]) / 2) for s in ((3, 12), (12, 12), (12, 12), (12, 2))]
    network = read_network(save(tmp_path / "net.onnx", layers))
    task = prove(network, Box.between(np.full(3, -0.4), np.full(3, 0.4)), argmax_is(2, 0))
    width = {}
    for bounds in BOUNDS:
        found = negate_claim(task, "margin", bounds).problem.vars
        width[bounds] = sum(float((var.upper - var.lower).sum()) for var in found.values())
    assert width["optimised"] < 0.999 * width["crown"] and width["crown"] < 0.9 * width["interval"]


def test_what_the_guarantee_says(tmp_path: Path) -> None:
    """Strict rows and rounded sides let more in; nothing else does. Every such thing is in the ledger."""
    network = read_network(save(tmp_path / "net.onnx", [(np.ones((1, 1)), np.zeros(1))]))
    forms = Affine(np.zeros(1), {"y": Csr.of(np.ones((1, 1)))})
    sides = np.array([[0.0]]), np.array([[1.0]])
    for strict, inner, sets, optimum in [
        (False, sides, "same", "kept"),
        (True, sides, "grows", "kept"),
        (False, (sides[0] + 1e-16, sides[1]), "grows", "bounded"),
    ]:
        unsafe = replace(one_input(forms, [strict], [0, 1], [(0.0, 1.0)]), inner_lower=inner[0], inner_upper=inner[1])
        step = negate_claim(question(network, unsafe, "c"), "margin")
        assert (step.guarantee.feasible, step.guarantee.optimum) == (sets, optimum)
        assert step.guarantee.proves_infeasible
        assert any(note.loss for note in step.ledger) == (sets == "grows")


def test_claims_that_bounds_decide(tmp_path: Path) -> None:
    network = read_network(save(tmp_path / "net.onnx", [(np.ones((1, 1)), np.zeros(1))]))
    forms = Affine(np.array([-3.0, -0.5]), {"y": Csr.of(np.ones((2, 1)))})
    unsafe = one_input(forms, [False, False], [0, 1, 2], [(0.0, 1.0), (0.0, 1.0)])
    task = question(network, unsafe, "c")
    step = negate_claim(task)
    assert "case" not in step.problem.vars and step.ledger[0].count == 1
    for cases in ([0], []):
        with pytest.raises(Infeasible, match="bounds exclude all"):
            negate_claim(replace(task, unsafe=unsafe.pick(np.array(cases, np.int64))))
    with pytest.raises(UsageError, match="goal"):
        negate_claim(task, "best")
    with pytest.raises(Refused, match="malformed"):
        negate_claim(replace(task, unsafe=replace(unsafe, texts=())))


def test_several_boxes_need_no_big_m(tmp_path: Path) -> None:
    """Six cases in two boxes: two binaries choose the box, and every row of x has coefficients that are sides."""
    network = read_network(save(tmp_path / "net.onnx", [(np.eye(2), np.zeros(2))]))
    forms = Affine(np.linspace(-1, 0, 6), {"y": Csr.of(np.tile([[1.0, 0.5]], (6, 1)))})
    low, high = np.array([[0.0, 0.0], [2.0, 0.0]]), np.array([[1.0, 1.0], [3.0, 1.0]])
    unsafe = UnsafeSet(
        forms, np.zeros(6, np.bool_), np.arange(7), np.repeat([0, 1], 3), low, high, low, high, "dyadic",
        tuple("abcdef"),
    )  # fmt: skip
    problem = negate_claim(question(network, unsafe, "c")).problem
    assert problem.vars["region"].size == 2 and problem.vars["case"].size == 6
    assert problem.lins["region.most"].parts["region"].to_dense().tolist() == [[-1.0, -3.0]]
    assert problem.lins["region.least"].parts["region"].to_dense().tolist() == [[0.0, 2.0]]
    assert problem.vars["x"].lower.tolist() == [0.0, 0.0] and problem.vars["x"].upper.tolist() == [3.0, 1.0]


def test_only_milp_targets_take_claims(tmp_path: Path) -> None:
    task, _ = random_claim(1, tmp_path)
    with pytest.raises(Refused, match="lp, mps, npz and cqm"):
        compile_claim(task, "bqm")
    with pytest.raises(UsageError, match="not for claims"):
        compile_claim(task, "lp", options={"code": "unary"})


def test_a_cqm_is_what_dimod_says(tmp_path: Path) -> None:
    """HiGHS's point of the same problem is feasible for dimod, with the same objective."""
    path = save(tmp_path / "net.onnx", [(np.eye(3), -np.ones(3) / 4), (np.eye(3), np.zeros(3))])
    task = prove(read_network(path), Box.between(np.zeros(3), np.ones(3)), argmax_is(3, 1))
    compiled = compile_claim(task, "cqm", options={"goal": "margin"})
    cqm = compiled.artifact
    found = ScipyMilp().solve(compiled.problem, Limits())
    point = dict(zip(compiled.problem.labels(), compiled.problem.stack(found.values)[0].tolist(), strict=True))
    assert cqm.check_feasible(point, rtol=1e-6, atol=1e-6)
    assert cqm.objective.energy(point) == pytest.approx(-0.75, abs=1e-6)
    assert len(cqm.discrete) == 1
    wrong = {**point, "case[0]": 1 - point["case[0]"]}
    assert not cqm.check_feasible(wrong)
    place = compiled.save(tmp_path / "bundle")
    (file,) = place.glob("*.cqm")
    again: Any = dimod.ConstrainedQuadraticModel
    assert again.from_file(file.read_bytes()).is_equal(cqm)
    assert compiled.answer(found).status == "sat"
    assert SimpleNamespace(**compiled.options).goal == "margin"
