"""One node of the branch and bound: a bound of its own, by the plain relaxation or with triangle cuts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...ir.spin_form import SpinForm
from ...ir.types import AnyArray
from ..search.clock import Clock
from .cuts import Point, Problem, exchanged, settled, tightened
from .reduced import Reduced, reduced
from .sdp import Ascent, Relaxation, convex_shift, multipliers
from .tree import Node, Proof
from .triangles import Triangles


@dataclass(frozen=True)
class Effort:
    """Rounds of the augmented Lagrangian: (penalty, sweeps, triangles that join before it or 0) each; ``settle``:
    sweeps with the multipliers held; at most ``keep`` triangles. Triangles are counted per spin of the form."""

    rounds: tuple[tuple[float, int, float], ...]
    settle: int
    keep: int


ROOT = Effort(tuple((0.98**r, 20, 8 if r % 2 == 0 else 0) for r in range(60)), 40, 32)
BELOW = Effort(((0.75, 12, 2.5), (0.37, 12, 0)), 20, 24)
OVERHEAD = 1e7
"""What a node costs beside its multiplications, in these."""
STRETCH = 8
"""Sweeps between two looks at a node without cuts."""


def rooted(form: SpinForm, found: Relaxation) -> Node:
    """The root with the plain bound."""
    fixed = np.zeros(form.spins, np.int8)
    fixed[0] = 1
    proof = Proof(single(found.scale), single(found.diagonal), Triangles.none())
    return Node(fixed, proof, proof.upper(form, fixed)).with_vectors(single(found.vectors), Triangles.none(), 0.3)


def child(form: SpinForm, parent: Node, spin: int, value: int) -> tuple[Node, Reduced]:
    """A node with its parent's proof, vectors and triangles; ``upper`` is the parent's."""
    assert parent.vectors is not None and parent.cuts is not None
    fixed = parent.fixed.copy()
    fixed[spin] = value
    place = int(np.searchsorted(parent.free(), spin))
    node = Node(fixed, parent.proof.below(spin), parent.upper, own=False)
    cuts = parent.cuts.without(place, value) if len(parent.cuts) else parent.cuts
    return node.with_vectors(np.delete(parent.vectors, place, axis=0), cuts, parent.step), reduced(form, fixed)


def plain(form: SpinForm, node: Node, small: Reduced, goal: float, sweeps: int, clock: Clock) -> float:
    """Ascends until the node is closed (its upper is at most ``goal``), or the value passes the goal, so that it never
    will be; then its proof stays the parent's. Returns about how many multiplications that took."""
    assert node.vectors is not None
    if small.form.spins == 1:
        propose(form, node, small, np.zeros(0), np.zeros(1))
        return 0.0
    ascent = Ascent(small.form, node.vectors.astype(np.float64), convex_shift(small.form.quadratic))
    done = 0
    while done < sweeps and not clock.over:
        ascent.run(STRETCH, 0.0)
        done += STRETCH
        node.vectors, node.value = ascent.vectors, small.form.constant + ascent.value
        if node.value > goal:
            break
        found = multipliers(small.form, ascent.vectors)
        if found.upper <= goal:
            propose(form, node, small, found.scale, found.diagonal)
            if node.upper <= goal:
                break
    per_sweep = small.form.spins * ascent.vectors.shape[1] * (2 * len(small.form.rows) + small.form.spins)
    return float(OVERHEAD + done * per_sweep + small.form.spins**2 * (small.form.spins + len(small.form.rows)))


def cut(form: SpinForm, node: Node, small: Reduced, effort: Effort, unit: float, clock: Clock | None = None) -> None:
    """Rounds of the augmented Lagrangian, no more once the time is over, then a proof. ``unit``: what multipliers and
    penalties are measured in."""
    assert node.vectors is not None and node.cuts is not None
    if small.form.spins == 1:
        propose(form, node, small, np.zeros(0), np.zeros(1))
        return
    problem = Problem.of(small.form, unit)
    point, keep = Point(node.vectors, node.cuts, node.step), effort.keep * form.spins
    for sigma, sweeps, add in effort.rounds:
        if clock is not None and clock.over:
            break
        if add:
            point = exchanged(point, int(add * form.spins), keep)
        point = tightened(problem, point, sigma, sweeps)
    told, cuts = written(point.cuts.pick(point.cuts.multiplier > 0).most(keep).merged(), unit)
    point = Point(point.vectors, cuts, point.step)
    vectors = settled(problem, point, effort.settle)
    node.with_vectors(vectors, cuts, point.step)
    scale, diagonal = raw_multipliers(problem, cuts, vectors)
    propose(form, node, small, scale * unit, diagonal * unit, told)


def written(cuts: Triangles, unit: float) -> tuple[Triangles, Triangles]:
    """The triangles as a proof holds them, with short numbers where these have room, and the same in units."""
    multiplier = cuts.multiplier * np.float32(unit)
    if 2**-8 < unit < 2**8:
        multiplier = multiplier.astype(np.float16)
    return cuts.valued(multiplier), cuts.valued(multiplier.astype(np.float32) / np.float32(unit))


def raw_multipliers(problem: Problem, cuts: Triangles, vectors: AnyArray) -> tuple[AnyArray, AnyArray]:
    """a_i = ||(B q)_i||, d_j = ||(G q)_j||; the shift that they need is the checker's to find."""
    lagrangian = problem.lagrangian(cuts, vectors)
    images = lagrangian.rows @ vectors
    scale = np.sqrt(np.einsum("ij,ij->i", images, images))
    scale = np.maximum(scale, 1e-6 * np.abs(lagrangian.rows).sum(axis=1))
    slope = lagrangian.rows.T @ (images / (2 * np.maximum(scale, 1e-30)[:, None])) + lagrangian.quadratic @ vectors
    return scale, np.sqrt(np.einsum("ij,ij->i", slope, slope))


def propose(
    form: SpinForm, node: Node, small: Reduced, scale: AnyArray, diagonal: AnyArray, cuts: Triangles | None = None
) -> None:
    """A proof over the form's rows and spins; taken where it is no worse than what the node inherited."""
    all_scales, all_diagonals = np.zeros(len(form.rows), np.float32), np.zeros(form.spins, np.float32)
    with np.errstate(over="ignore"):  # what overflows proves nothing
        all_scales[small.rows], all_diagonals[small.free] = scale, diagonal
    cuts = Triangles.none() if cuts is None else cuts
    cuts = Triangles(small.free[cuts.triangle].astype(np.int16), cuts.pattern, cuts.multiplier)
    proof = Proof(all_scales, all_diagonals, cuts)
    upper = proof.upper(form, node.fixed)
    if upper > node.upper and not node.own:
        node.upper, node.own = node.proof.upper(form, node.fixed), True
    if upper <= node.upper:
        node.proof, node.upper, node.own = proof, upper, True


def single(values: AnyArray) -> AnyArray:
    with np.errstate(over="ignore"):
        return np.asarray(values, dtype=np.float32)
