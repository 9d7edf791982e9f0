"""Bounds of mixed-integer programs: a tree of cases whose leaves carry multipliers of rows.

The rows are made here again from the problem as it was read (``ir/lp_proof/model.py``); the certificate only says where
to split and what to multiply rows by. The two sides of a split, ``x <= v`` and ``x >= v + 1``, hold all whole values of
x. On every leaf the multipliers give a lower bound of the costs, or show that no point is there, by weak duality in
float64 with all rounding errors on the safe side (``ir/lp_proof/leaves.py``); any numbers are sound. The least of the
leaves' bounds holds everywhere; where the costs lie on a grid it is moved up to it. A tree about the points that are no
worse than a cutoff bounds these, and the others are above it: it proves the lesser of its bound and the cutoff.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

import numpy as np
from scipy import sparse

from ..errors import Refused
from ..lp_proof.leaves import Leaves
from ..lp_proof.model import Model
from ..lp_proof.tree import LpTree
from ..problem import Problem
from ..types import FloatArray

CHUNK = 1 << 21
"""Numbers of boxes that are held at once."""


def check(problem: Problem, certificate: Mapping[str, Any]) -> bool:
    """Whether the certificate proves that no point satisfies all rows. Raises :class:`InputError` for a malformed
    one."""
    return bound(problem, certificate) == np.inf


def lower_bound(problem: Problem, certificate: Mapping[str, Any]) -> Fraction | None:
    """A proved lower bound of the minimised objective; None where none is proved. Raises as :func:`check`."""
    found = bound(problem, certificate)
    return found if isinstance(found, Fraction) else None


def bound(problem: Problem, certificate: Mapping[str, Any]) -> Fraction | float:
    """The proved lower bound of the minimised objective; inf: there is no point; -inf: nothing is proved."""
    tree = LpTree.from_plain(certificate)
    try:
        model = Model.of(problem, tree.cutoff)
    except Refused:
        return -np.inf
    if (tree.columns, tree.rows) != (len(model.cost), len(model.low)):
        return -np.inf
    return limited(model, float(leaf_bounds(model, tree).min()), tree.cutoff)


def leaf_bounds(model: Model, tree: LpTree) -> FloatArray:
    """Proved lower bounds of the costs on the leaves [L]; inf: no point, -inf: none."""
    leaves, found, done = Leaves(model), [], 0
    for lower, upper in boxes(model, tree):
        part = slice(done, done + len(lower))
        done += len(lower)
        at = slice(int(tree.start[part.start]), int(tree.start[part.stop]))
        start = tree.start[part.start : part.stop + 1] - tree.start[part.start]
        multipliers = sparse.csr_array((tree.multiplier[at], tree.row[at], start), shape=(len(lower), tree.rows))
        found.append(leaves.bounds(multipliers, tree.farkas[part], lower, upper))
    return np.concatenate(found)


def limited(model: Model, least: float, cutoff: float | None) -> Fraction | float:
    """What follows for the objective from a bound of the costs of all points up to a cutoff."""
    raised = model.raised(least) if least < np.inf else None
    if cutoff is None or (raised is None and least < np.inf):
        return np.inf if least == np.inf else -np.inf if raised is None else raised
    return Fraction(cutoff) if raised is None else min(raised, Fraction(cutoff))


def boxes(model: Model, tree: LpTree) -> Iterator[tuple[FloatArray, FloatArray]]:
    """The boxes of the leaves in preorder, many at a time, each [K, n]. A split of a real variable leaves both sides
    as they were."""
    lower, upper = model.lower.copy(), model.upper.copy()
    most = max(1, CHUNK // max(1, len(lower)))
    found: tuple[list[FloatArray], list[FloatArray]] = ([], [])
    open_: list[tuple[int, float, float]] = []  # second sides to come: variable, and what its bounds were
    for variable, value in zip(tree.variable.tolist(), tree.value.tolist(), strict=True):
        if variable >= 0:
            open_.append((variable, lower[variable], upper[variable]))
            if model.whole[variable]:
                upper[variable] = min(upper[variable], value)
            open_.append((-1, 0.0, value))
            continue
        found[0].append(lower.copy())
        found[1].append(upper.copy())
        if len(found[0]) == most:
            yield np.stack(found[0]), np.stack(found[1])
            found[0].clear()
            found[1].clear()
        while open_ and open_[-1][0] >= 0:  # both sides of this split are done
            variable, lower[variable], upper[variable] = open_.pop()
        if open_:
            _, _, value = open_.pop()
            variable, low, high = open_[-1]
            lower[variable], upper[variable] = low, high
            if model.whole[variable]:
                after = value + 1
                lower[variable] = max(low, 1.0 if model.spin[variable] and -1 < after < 1 else after)
    if found[0]:
        yield np.stack(found[0]), np.stack(found[1])
