"""Blocks of a problem as entries: row, factors, coefficient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..blocks import Lin, Poly
from ..errors import Refused
from ..problem import Problem
from ..term import Term
from ..terms.linear import Linear
from ..terms.monomials import Monomials
from ..types import BoolArray, FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Entries:
    """k entries of ``rows`` forms: ``coefficient`` [k] times the variables ``factors`` [k, d], used places first, then
    -1. No variable occurs twice in an entry, and one with more than two values comes last."""

    rows: int
    row: IntArray
    factors: IntArray
    coefficient: FloatArray

    @classmethod
    def of(cls, problem: Problem, block: Lin | Poly, two_valued: BoolArray, spin: BoolArray) -> Entries:
        """The entries of a block; x x is x for binaries, 1 for spins. Raises :class:`Refused` for powers and products
        of variables with more than two values."""
        if isinstance(block, Lin):
            terms: Sequence[Term] = [Linear(name, operator) for name, operator in block.parts.items()]
        else:
            terms = block.terms
        listed = [Monomials.none(block.size), *(monomials_of(term, block.name) for term in terms)]
        if isinstance(block, Poly):
            listed.append(Monomials.none(block.size).plus_constant(block.constant))
        width = max(one.width for one in listed)
        parts = [columns(problem, one, width) for one in listed]
        factors = reduced(np.concatenate(parts), two_valued, spin, block.name)
        row, coefficient = (np.concatenate([getattr(one, part) for one in listed]) for part in ("row", "coefficient"))
        return cls(block.size, row, factors, coefficient)


def columns(problem: Problem, terms: Monomials, width: int) -> IntArray:
    """The columns of the factors [k, width], -1 where there is none."""
    starts = np.array([*(problem.starts[one] for one in terms.names), 0], dtype=np.int64)
    places = np.where(terms.which >= 0, starts[terms.which] + terms.index, -1)
    return np.pad(places, ((0, 0), (0, width - places.shape[1])), constant_values=-1)


def reduced(factors: IntArray, two_valued: BoolArray, spin: BoolArray, name: str) -> IntArray:
    """Equal factors as one, or none where they are spins in pairs; in order, at most one of many values, last."""
    many = ~np.append(two_valued, True) & (np.arange(len(two_valued) + 1) < len(two_valued))
    if (many[factors].sum(axis=1) > 1).any():
        message = f"{name} has squares or products of variables with more than two values"
        raise Refused(message, code="certify", hint="such a problem has no certificate by linear programs")
    factors = np.sort(factors, axis=1)
    for place in range(1, factors.shape[1]):
        same = (factors[:, place] == factors[:, place - 1]) & (factors[:, place] >= 0)
        both = same & np.append(spin, False)[factors[:, place]]
        factors[same, place - 1] = -1
        factors[both, place] = -1
        factors[:, : place + 1].sort(axis=1)
    key = np.where(factors < 0, np.iinfo(np.int64).max, factors + len(two_valued) * many[factors])
    return np.take_along_axis(factors, np.argsort(key, axis=1, kind="stable"), axis=1)


def monomials_of(term: Term, name: str) -> Monomials:
    found = term.monomials()
    if not isinstance(found, Monomials):
        raise Refused(f"{name} has terms that are no explicit products", code="certify")
    return found
