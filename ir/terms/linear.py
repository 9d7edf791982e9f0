"""A x for one block x: m linear forms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..affine import Affine, operator_interval, shape_faults
from ..operator import Operator
from ..term import Box, Term
from ..types import FloatArray, Values
from .monomials import Monomials


@dataclass(frozen=True, eq=False)
class Linear:
    """``operator`` [m, size of ``variable``]."""

    variable: str
    operator: Operator

    @property
    def size(self) -> int:
        return self.operator.shape[0]

    @property
    def variables(self) -> tuple[str, ...]:
        return (self.variable,)

    @property
    def degree(self) -> int:
        return 1

    def value(self, values: Values) -> FloatArray:
        return self.operator.apply(values[self.variable])

    def magnitude(self, values: Values) -> FloatArray:
        return self.operator.absolute(np.abs(values[self.variable]))

    @property
    def roundings(self) -> int:
        return self.operator.roundings

    def faults(self, sizes: Mapping[str, int]) -> list[str]:
        return shape_faults(self.operator, self.size, sizes[self.variable], self.variable)

    def gradient(self, values: Values, seed: FloatArray) -> dict[str, FloatArray]:
        return {self.variable: self.operator.adjoint(seed)}

    def interval(self, box: Box) -> tuple[FloatArray, FloatArray]:
        return operator_interval(self.operator, *box[self.variable])

    def substitute(self, name: str, by: Affine) -> tuple[tuple[Term, ...], FloatArray]:
        if name != self.variable:
            return (self,), np.zeros(self.size)
        terms = tuple(Linear(new, self.operator.after(operator)) for new, operator in by.parts.items())
        return terms, self.operator.apply(by.offset[None])[0]

    def monomials(self) -> Monomials:
        coo = self.operator.to_csr().tocoo()
        row, column = (np.asarray(c, dtype=np.int64) for c in coo.coords)
        return Monomials(self.size, (self.variable,), row, np.zeros((len(row), 1), np.int64), column[:, None], coo.data)
