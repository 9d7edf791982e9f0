"""What whole proofs about spin forms show: the worst of their leaves, and for an objective the value that follows."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from ..errors import Refused
from ..fixed_spins import fixed_spins
from ..odd_cycles import KIND, OddCycles
from ..problem import Problem
from ..quadratic.spins import spin_form
from ..spin_form import SpinForm
from ..spin_tree import SpinTree
from .grids import lowered
from .leaf import proved_upper
from .walks import proved_by_walks

CHUNK = 1 << 22
"""Numbers of fixed spins that are held at once."""


def tree_upper(form: SpinForm, tree: SpinTree) -> float:
    """A proved upper bound of F; inf where nothing is proved, as by a tree of another size. Raises :class:`InputError`
    for a tree that splits a spin twice."""
    if (tree.spins, tree.rows) != (form.spins, len(form.rows)):
        return np.inf
    found, leaf = -np.inf, 0
    for block in tree.fixed(max(1, CHUNK // tree.spins)):
        for fixed in block:
            cut = slice(int(tree.start[leaf]), int(tree.start[leaf + 1]))
            triangles = tree.triangle[cut], tree.pattern[cut], tree.multiplier[cut]
            found = max(found, proved_upper(form, fixed, tree.scale[leaf], tree.diagonal[leaf], *triangles))
            leaf += 1
    return found


def cycles_upper(form: SpinForm, proof: OddCycles) -> float:
    """As :func:`tree_upper`, of a proof by odd cycles."""
    if proof.spins != form.spins:
        return np.inf
    found, leaf = -np.inf, 0
    for block in fixed_spins(KIND, proof.spin, proof.spins, max(1, CHUNK // proof.spins)):
        for fixed in block:
            first, last = int(proof.leaf[leaf]), int(proof.leaf[leaf + 1])
            steps = slice(int(proof.start[first]), int(proof.start[last]))
            start = proof.start[first : last + 1] - proof.start[first]
            walks = proof.vertex[steps], proof.flag[steps], proof.multiplier[first:last]
            found = max(found, proved_by_walks(form, fixed, start, *walks))
            leaf += 1
    return found


def form_of(problem: Problem) -> SpinForm | None:
    """The objective as a spin form, its rows left out; None for objectives that are none."""
    try:
        return spin_form(problem)
    except Refused:
        return None


def least_value(form: SpinForm, upper: float) -> Fraction | None:
    """The lower bound of the minimised objective that an upper bound of F means: moved to the grid of F's values where
    there is one. None: no bound."""
    return -lowered(form, upper) if np.isfinite(upper) else None
