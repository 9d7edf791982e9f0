"""Vectors of exact rationals over one common denominator, for deciding what float64 can't.

With dyadic numbers (stored network weights, float inputs) the denominators stay powers of two and an affine layer costs
one product of Python integers per entry. Other readings work too, but their denominators grow.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import lcm

import numpy as np

from .operator import Operator
from .rational import Integers, read
from .types import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Exact:
    """``top`` (object array of Python ints, [B, n] or [n]) over ``bottom`` > 0."""

    top: Integers
    bottom: int = 1

    @classmethod
    def of(cls, values: FloatArray, reading: str = "dyadic") -> Exact:
        """What floats mean under a reading; raises InputError for numbers that are not finite."""
        top, bottom = read(values, reading)
        common = lcm(*set(bottom.ravel().tolist())) if bottom.size else 1
        return cls(top.astype(object) * (common // bottom.astype(object)), common)

    def pick(self, index: IntArray | None) -> Exact:
        """Elements of the last axis; all of them without an index."""
        return self if index is None else Exact(self.top[..., index], self.bottom)

    def plus(self, other: Exact) -> Exact:
        common = lcm(self.bottom, other.bottom)
        return Exact(self.top * (common // self.bottom) + other.top * (common // other.bottom), common)

    def negated(self) -> Exact:
        return Exact(-self.top, self.bottom)

    def divided(self, divisor: Exact) -> Exact:
        """Elementwise quotient by numbers [n] without a zero."""
        if (abs(divisor.top) == divisor.bottom).all():
            return Exact(self.top * (divisor.top // divisor.bottom), self.bottom)
        common = lcm(*map(abs, divisor.top.tolist()))
        return Exact(self.top * divisor.bottom * (common // divisor.top), self.bottom * common)

    def through(self, operator: Operator, reading: str = "dyadic") -> Exact:
        """The operator, its entries under ``reading``, applied to the last axis: [B, n] to [B, m]."""
        csr = operator.to_csr()
        entries = Exact.of(np.asarray(csr.data, dtype=np.float64), reading)
        products = self.top[:, csr.indices] * entries.top
        result = np.zeros((len(self.top), csr.shape[0]), dtype=object)
        filled = np.flatnonzero(np.diff(csr.indptr))
        if filled.size:
            result[:, filled] = np.add.reduceat(products, csr.indptr[filled], axis=1)
        return Exact(result, self.bottom * entries.bottom)

    def sign(self) -> IntArray:
        """-1, 0 or 1 for every element."""
        return np.asarray((self.top > 0).astype(np.int64) - (self.top < 0).astype(np.int64))

    def fraction(self, *place: int) -> Fraction:
        """One element."""
        return Fraction(int(self.top[place]), self.bottom)

    def to_float(self) -> FloatArray:
        """Every element correctly rounded to float64 (division of Python ints), infinite beyond its range."""
        flat = [quotient(int(n), self.bottom) for n in self.top.ravel()]
        return np.array(flat, dtype=np.float64).reshape(self.top.shape)


def quotient(top: int, bottom: int) -> float:
    try:
        return top / bottom
    except OverflowError:
        return float("inf") if top > 0 else float("-inf")
