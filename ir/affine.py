"""x = sum_k A_k y_k + c: the one form behind rows, substitutions and lift records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from .operator import Operator
from .operators.identity import Identity
from .sums import sum_by
from .types import FloatArray, IntArray, Values


@dataclass(frozen=True, eq=False)
class Affine:
    """``parts``: variable block -> operator [m, size of the block]; ``offset`` [m]."""

    offset: FloatArray
    parts: Mapping[str, Operator] = field(default_factory=dict)

    @classmethod
    def of_variable(cls, name: str, size: int, factor: float = 1.0) -> Affine:
        """factor * (the whole block)."""
        return cls(np.zeros(size), {name: Identity(size, factor)})

    @property
    def size(self) -> int:
        """Number of rows m."""
        return len(self.offset)

    def value(self, values: Values) -> FloatArray:
        """[B, m] for blocks given as [B, n]."""
        total = np.broadcast_to(self.offset, (batch_of(values), self.size)).copy()
        for name, operator in self.parts.items():
            total += operator.apply(values[name])
        return total

    def magnitude(self, values: Values) -> FloatArray:
        """sum_k |A_k| |y_k| + |c|, the scale of rounding errors of ``value``; [B, m]."""
        total = np.broadcast_to(np.abs(self.offset), (batch_of(values), self.size)).copy()
        for name, operator in self.parts.items():
            total += operator.absolute(np.abs(values[name]))
        return total

    @property
    def roundings(self) -> int:
        """An n with float64 ``value`` and ``magnitude`` off by at most gamma_n ``magnitude``; see :class:`Operator`."""
        return max((op.roundings for op in self.parts.values()), default=0) + len(self.parts) + 1

    def faults(self, sizes: Mapping[str, int]) -> list[str]:
        """What is wrong with the data, in words, given the sizes of the blocks; empty if sound."""
        found = [f for name, op in self.parts.items() for f in shape_faults(op, self.size, sizes[name], name)]
        return found + ([] if np.isfinite(self.offset).all() else ["an offset is not finite"])

    def interval(self, box: Mapping[str, tuple[FloatArray, FloatArray]]) -> tuple[FloatArray, FloatArray]:
        """Least and greatest value over boxes (not rounded outward), each [m]; infinite where a bound is."""
        low, high = self.offset.copy(), self.offset.copy()
        for name, operator in self.parts.items():
            lower, upper = box[name]
            part_low, part_high = operator_interval(operator, lower, upper)
            low, high = low + part_low, high + part_high
        return low, high

    def plus(self, other: Affine) -> Affine:
        parts = dict(self.parts)
        for name, operator in other.parts.items():
            parts[name] = parts[name].plus(operator) if name in parts else operator
        return Affine(self.offset + other.offset, parts)

    def scaled(self, factor: FloatArray | float) -> Affine:
        return Affine(self.offset * factor, {name: op.scaled(factor) for name, op in self.parts.items()})

    def rows(self, index: IntArray) -> Affine:
        return Affine(self.offset[index], {name: op.rows(index) for name, op in self.parts.items()})

    def substitute(self, name: str, by: Affine) -> Affine:
        """This map with block ``name`` replaced by an affine map of other blocks."""
        if name not in self.parts:
            return self
        operator = self.parts[name]
        rest = Affine(self.offset, {key: op for key, op in self.parts.items() if key != name})
        shift = operator.apply(by.offset[None])[0] if by.offset.any() else np.zeros(self.size)
        return rest.plus(Affine(shift, {key: operator.after(op) for key, op in by.parts.items()}))


def batch_of(values: Values) -> int:
    """Number of samples B in a set of values (1 when there is no variable at all)."""
    return next((len(array) for array in values.values()), 1)


def shape_faults(operator: Operator, rows: int, columns: int, of: str) -> list[str]:
    """Faults of an operator that must have the given shape because it is applied to ``of``."""
    found = operator.faults()
    if not found and operator.shape != (rows, columns):
        found = [f"the operator of {of} has shape {operator.shape}, not {(rows, columns)}"]
    return found


def operator_interval(operator: Operator, lower: FloatArray, upper: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Least and greatest A x over a box, entrywise by sign; safe with infinite bounds. Each [m]."""
    if np.isfinite(lower).all() and np.isfinite(upper).all():
        centre, radius = lower / 2 + upper / 2, upper / 2 - lower / 2
        middle, spread = operator.apply(centre[None])[0], operator.absolute(radius[None])[0]
        return middle - spread, middle + spread
    csr = operator.to_csr()
    rows = np.repeat(np.arange(csr.shape[0]), np.diff(csr.indptr))
    positive = csr.data > 0
    low = csr.data * np.where(positive, lower[csr.indices], upper[csr.indices])
    high = csr.data * np.where(positive, upper[csr.indices], lower[csr.indices])
    size = csr.shape[0]
    return sum_by(rows, low, size), sum_by(rows, high, size)
