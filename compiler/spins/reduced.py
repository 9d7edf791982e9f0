"""A spin form at a node: fixed spins joined with spin 0, rows whose sign is known turned into couplings to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from ...ir.spin_form import SpinForm
from ...ir.types import BoolArray, IntArray

DENSE = 300
"""Up to so many spins couplings are held densely: sparse arrays cost more than they save."""


@dataclass(frozen=True, eq=False)
class Reduced:
    """``form`` over t_0 and the free spins; ``free`` [N']: their numbers, 0 first; ``rows`` [n]: which rows it has,
    those left out have a known sign (or are zero)."""

    form: SpinForm
    free: IntArray
    rows: BoolArray


def reduced(form: SpinForm, fixed: Any) -> Reduced:
    """``fixed`` [N]: +-1, 0 where free; ``fixed[0]`` is not looked at."""
    free = np.append(0, 1 + np.flatnonzero(fixed[1:] == 0))
    signs = np.asarray(fixed, dtype=np.float64).copy()
    signs[0] = 1.0
    held = np.flatnonzero(signs)
    rows = form.rows[:, free]
    quadratic, constant = form.quadratic, form.constant
    if quadratic is not None and not isinstance(quadratic, np.ndarray) and form.spins <= DENSE:
        quadratic = quadratic.toarray()
    if len(held) > 1:
        rows[:, 0] = form.rows[:, held] @ signs[held]
        if quadratic is not None:
            quadratic, more = merged(quadratic, free, held, signs)
            constant += more
    kept = np.abs(rows[:, 1:]).sum(axis=1) > np.abs(rows[:, 0])
    if not kept.all():
        known = rows[~kept]
        line = np.sign(known[:, 0]) @ known
        constant += float(line[0])
        line[0] = 0.0
        rows = rows[kept]
        quadratic = coupled(quadratic, line)
    return Reduced(SpinForm(np.ascontiguousarray(rows), quadratic, constant, form.error), free, kept)


def merged(quadratic: Any, free: IntArray, held: IntArray, signs: Any) -> tuple[Any, float]:
    """Q with the held spins joined with spin 0, and the constant that this gives."""
    line = np.asarray(signs[held] @ quadratic[held]).ravel()
    constant = float(line[held] @ signs[held])
    inner = quadratic[free][:, free]
    line = line[free]
    line[0] = 0.0
    if isinstance(inner, np.ndarray):
        inner[0], inner[:, 0] = line, line
        return inner, constant
    size = len(line)
    rest = sparse.diags_array(np.append(0.0, np.ones(size - 1)))
    return (rest @ inner @ rest + cross(line, size)).tocsr(), constant


def coupled(quadratic: Any, line: Any) -> Any:
    """Q with ``t_0 (line . t)`` added; ``line[0]`` is 0."""
    if isinstance(quadratic, np.ndarray):
        quadratic = quadratic.copy()
        quadratic[0] += line / 2
        quadratic[:, 0] += line / 2
        return quadratic
    if not line.any():
        return quadratic
    if quadratic is None and len(line) <= DENSE:
        return coupled(np.zeros((len(line), len(line))), line)
    added = cross(line / 2, len(line))
    return added if quadratic is None else (quadratic + added).tocsr()


def cross(line: Any, size: int) -> Any:
    """Row and column 0 of a symmetric matrix, the rest zero."""
    places = np.flatnonzero(line)
    zero = np.zeros(len(places), np.int64)
    row, column = np.concatenate([zero, places]), np.concatenate([places, zero])
    return sparse.coo_array((np.tile(line[places], 2), (row, column)), shape=(size, size)).tocsr()
