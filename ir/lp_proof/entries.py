"""Linear and quadratic blocks of a problem as entries (row, first factor, second factor, coefficient)."""

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
    """k entries of ``rows`` forms: ``coefficient`` [k] times variables ``first`` and ``second`` [k] (-1: none)."""

    rows: int
    row: IntArray
    first: IntArray
    second: IntArray
    coefficient: FloatArray

    @classmethod
    def of(cls, problem: Problem, block: Lin | Poly, two_valued: BoolArray, spin: BoolArray) -> Entries:
        """The entries of a block; x x is x for binaries, 1 for spins. Raises :class:`Refused` beyond degree 2."""
        if isinstance(block, Lin):
            terms: Sequence[Term] = [Linear(name, operator) for name, operator in block.parts.items()]
        else:
            terms = block.terms
        listed = [Monomials.none(block.size), *(monomials_of(term, block.name) for term in terms)]
        if isinstance(block, Poly):
            listed.append(Monomials.none(block.size).plus_constant(block.constant))
        parts = [cls._columns(problem, one, two_valued, spin, block.name) for one in listed]
        row, first, second, coefficient = (np.concatenate(each) for each in zip(*parts, strict=True))
        return cls(block.size, row, first, second, coefficient)

    @staticmethod
    def _columns(
        problem: Problem, terms: Monomials, two_valued: BoolArray, spin: BoolArray, name: str
    ) -> tuple[IntArray, IntArray, IntArray, FloatArray]:
        starts = np.array([*(problem.starts[one] for one in terms.names), 0], dtype=np.int64)
        places = np.where(terms.which >= 0, starts[terms.which] + terms.index, -1)
        places = -np.sort(-np.pad(places, ((0, 0), (0, 2)), constant_values=-1), axis=1)
        if (places[:, 2:] >= 0).any():
            raise Refused(f"{name} has products of more than two variables", code="certify")
        first, second = places[:, 0], places[:, 1]
        same = (first == second) & (first >= 0)
        if same.any() and not two_valued[first[same]].all():
            raise Refused(f"{name} has squares of variables with more than two values", code="certify")
        unit = same & spin[np.maximum(first, 0)]
        return terms.row, np.where(unit, -1, first), np.where(same, -1, second), terms.coefficient


def monomials_of(term: Term, name: str) -> Monomials:
    found = term.monomials()
    if not isinstance(found, Monomials):
        raise Refused(f"{name} has terms that are no explicit products", code="certify")
    return found
