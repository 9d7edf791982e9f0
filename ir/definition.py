"""How the value of a variable follows from others: the data behind ``Complete`` and ``Recover``."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .affine import Affine
from .blocks import Arg
from .function import Function
from .terms.monomials import Monomials
from .types import FloatArray, IntArray, Values


@dataclass(frozen=True, eq=False)
class Sum:
    """An affine map of other blocks."""

    affine: Affine

    @property
    def reads(self) -> tuple[str, ...]:
        return tuple(self.affine.parts)

    def value(self, values: Values) -> FloatArray:
        """[B, n]."""
        return self.affine.value(values)


@dataclass(frozen=True, eq=False)
class Quotient:
    """floor(affine / step), clipped to ``lower..upper``: the slack of a row, in steps."""

    affine: Affine
    step: float
    lower: FloatArray
    upper: FloatArray

    @property
    def reads(self) -> tuple[str, ...]:
        return tuple(self.affine.parts)

    def value(self, values: Values) -> FloatArray:
        """[B, n]."""
        return np.clip(np.floor(self.affine.value(values) / self.step), self.lower, self.upper)


@dataclass(frozen=True, eq=False)
class Apply:
    """A function of elements of other blocks."""

    function: Function
    args: tuple[Arg, ...]

    @property
    def reads(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(arg.variable for arg in self.args))

    def value(self, values: Values) -> FloatArray:
        """[B, n]."""
        return self.function.value([arg.pick(values[arg.variable]) for arg in self.args])


@dataclass(frozen=True, eq=False)
class Conjunction:
    """Products of binaries of several blocks: factors ``names[which[k, d]][index[k, d]]``, -1 where there are fewer."""

    names: tuple[str, ...]
    which: IntArray
    index: IntArray

    @property
    def reads(self) -> tuple[str, ...]:
        return self.names

    def value(self, values: Values) -> FloatArray:
        """[B, n]."""
        k = np.arange(len(self.which))
        return Monomials(len(k), self.names, k, self.which, self.index, np.ones(len(k))).value(values)


Definition = Sum | Quotient | Apply | Conjunction
