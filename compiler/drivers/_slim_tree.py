"""A tree of linear programs with shorter multipliers: as few bits as leave the bound what it is.

Multipliers that are rounded prove something else, maybe as much. Small ones vanish, the others pack better.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np

from ...ir.certificates.lp_tree import leaf_bounds, limited
from ...ir.lp_proof.model import Model
from ...ir.lp_proof.tree import LpTree
from ...ir.types import BoolArray, FloatArray, IntArray

BITS = (8, 16, 24, 32, 40)
"""Bits of the greatest multiplier of a leaf that are kept, fewest first."""


def slim(model: Model, tree: LpTree, least: Fraction | float) -> LpTree:
    """The tree with multipliers rounded on each leaf as long as it still proves ``least`` (as the checker has it)."""
    leaf = np.repeat(np.arange(tree.leaves), np.diff(tree.start))
    values, short = tree.multiplier.copy(), np.zeros(tree.leaves, np.bool_)
    for bits in BITS:
        tried = np.where(short[leaf], values, rounded(tree.multiplier, leaf, tree.leaves, bits))
        fine = ~short & proving(model, replace(tree, multiplier=tried), least)
        values = np.where(fine[leaf], tried, values)
        short |= fine
        if short.all():
            break
    kept = values != 0
    start = np.concatenate([[0], np.cumsum(np.bincount(leaf[kept], minlength=tree.leaves))])
    return replace(tree, multiplier=values[kept], row=tree.row[kept], start=start)


def rounded(values: FloatArray, leaf: IntArray, leaves: int, bits: int) -> FloatArray:
    """Values as whole multiples of the power of two that is ``bits`` below the greatest of their leaf."""
    greatest = np.zeros(leaves)
    np.maximum.at(greatest, leaf, np.abs(values))
    step = np.ldexp(1.0, np.frexp(np.where(greatest > 0, greatest, 1.0))[1] - bits)[leaf]
    return np.asarray(np.rint(values / step) * step)


def proving(model: Model, tree: LpTree, least: Fraction | float) -> BoolArray:
    """Which leaves [L] prove at least ``least`` of the objective."""
    bounds, where = np.unique(leaf_bounds(model, tree), return_inverse=True)
    fine = [bound == np.inf or limited(model, bound, tree.cutoff) >= least for bound in bounds.tolist()]
    return np.asarray(np.array(fine, dtype=np.bool_)[where])
