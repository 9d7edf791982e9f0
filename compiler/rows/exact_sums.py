"""Sums of coefficients that must stay what their reading says: exact, or known not to be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from ...ir.blocks import Poly
from ...ir.errors import Refused
from ...ir.exact import Exact
from ...ir.operators.code import Code
from ...ir.operators.csr import Csr
from ...ir.operators.dense import Dense
from ...ir.operators.gather import Gather
from ...ir.operators.identity import Identity
from ...ir.sums import sum_by
from ...ir.terms.monomials import Monomials
from ...ir.terms.square import Square
from ...ir.types import BoolArray, FloatArray, IntArray
from .dyadic import lowest_bit

STORED = (Code, Csr, Dense, Gather, Identity)
"""Operators whose entries are stored numbers, not products of several."""


def exact_sums(values: FloatArray, group: IntArray, count: int, reading: str) -> tuple[FloatArray, BoolArray]:
    """Sums [count] of ``values`` [k] by ``group`` [k], and where the float64 result means the sum of what they mean.

    Groups of one number, and of numbers on a common grid that mean themselves, are summed in float64; the others as
    rationals, whose nearest float64 is then read back.
    """
    total = sum_by(group, values, count)
    itself = np.ones(len(values), bool) if reading == "dyadic" else lowest_bit(values) >= 1.0
    unit = np.full(count, np.inf)
    np.minimum.at(unit, group, lowest_bit(values))
    fine = sum_by(group, (~itself).astype(np.float64), count) == 0
    fine &= sum_by(group, np.abs(values), count) < 2.0**53 * unit
    fine |= np.bincount(group, minlength=count) <= 1
    hard = np.flatnonzero(~fine[group])
    if len(hard):
        order = hard[np.argsort(group[hard], kind="stable")]
        groups, first = np.unique(group[order], return_index=True)
        numbers = Exact.of(values[order], reading)
        sums = Exact(np.add.reduceat(numbers.top, first), numbers.bottom)
        total[groups] = sums.to_float()
        fine[groups] = np.isfinite(total[groups])
        back = Exact.of(np.where(fine[groups], total[groups], 0.0), reading)
        fine[groups] &= np.asarray(back.top * sums.bottom == sums.top * back.bottom, dtype=np.bool_)
    return total, fine


def exact_monomials(poly: Poly) -> Monomials:
    """All terms of a row block as monomials, not merged; raises :class:`Refused` where expanding a term may round."""
    found: list[Monomials] = [Monomials.none(poly.size)]
    for term in poly.terms:
        monomials = term.monomials()
        assert isinstance(monomials, Monomials)
        operator = getattr(term, "operator", None)
        if not isinstance(term, Monomials) and not isinstance(operator, STORED):  # coefficients are computed ones
            inputs = np.concatenate([np.zeros(1), *numbers_in(term)])
            size = np.abs(monomials.coefficient).max(initial=0.0)
            if isinstance(term, Square):  # sums of products: (|a| + |c|)^2 bounds the sum of their absolute terms
                ones = {name: np.ones((1, op.shape[1])) for name, op in term.inner.parts.items()}
                size = float(term.inner.magnitude(ones).max(initial=0.0)) ** 2
            if (lowest_bit(inputs) < 1.0).any() or size >= 2.0**53:
                kind = type(term).__name__.lower()
                raise Refused(
                    f"rows {poly.name!r}: multiplying out a {kind} term may round its coefficients",
                    hint="run normalize-rows first, or write the rows with whole numbers",
                )
        found.append(monomials)
    return Monomials.join(found)


def numbers_in(tree: Any) -> list[FloatArray]:
    """Every float64 array and number in a tree of dataclasses and mappings, flattened."""
    if isinstance(tree, np.ndarray):
        return [np.asarray(tree, dtype=np.float64).ravel()] if tree.dtype.kind == "f" else []
    if isinstance(tree, float):
        return [np.array([tree])]
    if isinstance(tree, Mapping):
        return [array for value in tree.values() for array in numbers_in(value)]
    if is_dataclass(tree):
        return [array for spec in fields(tree) for array in numbers_in(getattr(tree, spec.name))]
    return []
