"""What every kind of polynomial term (a file in ``ir/terms/``) offers.

A term is a vector of m polynomials. A :class:`~isinglass.ir.blocks.Poly` is the sum of its terms and a constant.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from .affine import Affine
from .types import FloatArray, Values

Box = Mapping[str, tuple[FloatArray, FloatArray]]


class Term(Protocol):
    """Rows m, the variables read, and what can be asked of the polynomials."""

    @property
    def size(self) -> int:
        """Number of polynomials m."""

    @property
    def variables(self) -> tuple[str, ...]:
        """Names of the blocks that occur, in a fixed order, without repeats."""

    @property
    def degree(self) -> int:
        """Greatest degree."""

    def value(self, values: Values) -> FloatArray:
        """Values [B, m]."""

    def magnitude(self, values: Values) -> FloatArray:
        """Values with every coefficient and variable replaced by its absolute value [B, m]: the scale of rounding."""

    @property
    def roundings(self) -> int:
        """An n with float64 ``value`` and ``magnitude`` off by at most gamma_n ``magnitude``; see :class:`Operator`."""

    def faults(self, sizes: Mapping[str, int]) -> list[str]:
        """What is wrong with the data, in words, given the sizes of all blocks that it reads; empty if sound."""

    def gradient(self, values: Values, seed: FloatArray) -> dict[str, FloatArray]:
        """sum_r seed[:, r] * d p_r / d x, for each variable block [B, n]."""

    def interval(self, box: Box) -> tuple[FloatArray, FloatArray]:
        """A lower and an upper bound of each polynomial over a box, each [m] (not rounded outward)."""

    def substitute(self, name: str, by: Affine) -> tuple[tuple[Term, ...], FloatArray]:
        """The term with a block replaced by an affine map: new terms and the constants [m] that split off."""

    def monomials(self) -> Term:
        """The same polynomials as explicit monomials (:class:`~isinglass.ir.terms.monomials.Monomials`)."""
