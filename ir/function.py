"""What every function file in ``ir/functions/`` supplies: the base class of elementwise functions."""

from __future__ import annotations

import numpy as np

from .errors import Refused
from .exact import Exact
from .lines import Lines, constant_lines
from .operator import finite_faults
from .types import FloatArray


class Function:
    """y[k] = f(a[0][k], ..., a[arity - 1][k]). Frozen dataclasses; fields are the attributes.

    ``onnx`` lists the operator names that a network reader maps to this function.
    """

    onnx: tuple[str, ...] = ()
    discrete = False
    """True where integer arguments give integer values, so that results must match exactly."""
    rounds = True
    """Whether float64 evaluation may round; false for mere selections (relu, max), whose bounds need no widening."""
    straight = True
    """Whether slopes and offsets of the lines are affine in the tilt, up to rounding."""
    kinks: tuple[float, ...] = ()
    """Arguments between which the function of one argument is linear; where a search splits it best."""

    def arity(self, given: int) -> bool:
        """Whether this number of arguments is accepted."""
        return given == 1

    def faults(self) -> list[str]:
        """What is wrong with the attributes, in words; empty if sound."""
        return finite_faults(self)

    def value(self, args: list[FloatArray]) -> FloatArray:
        """Elementwise value; each argument [B, k], result [B, k]."""
        raise NotImplementedError

    def vjp(self, args: list[FloatArray], seed: FloatArray) -> list[FloatArray]:
        """Seed times the derivative by each argument, each [B, k] (a subgradient at kinks)."""
        raise NotImplementedError

    def interval(self, lower: list[FloatArray], upper: list[FloatArray]) -> tuple[FloatArray, FloatArray]:
        """Bounds of the value over boxes, each [..., k]. The default serves monotone functions of one argument."""
        with np.errstate(invalid="ignore"):
            return self.value([lower[0]]), self.value([upper[0]])

    def lines(self, lower: list[FloatArray], upper: list[FloatArray], tilt: FloatArray | None = None) -> Lines:
        """Linear bounds over boxes, each [..., k], in real arithmetic; see :class:`~isinglass.ir.lines.Lines`.

        ``tilt`` [..., k] in 0..1 picks among sound lines (each file tells how), None the file's default. Boxes may be
        infinite; where lower > upper (no point) any lines may come back. The default serves functions without better
        lines: their interval, widened by an ulp where the function rounds.
        """
        low, high = self.interval(lower, upper)
        if self.rounds:
            low, high = np.nextafter(low, -np.inf), np.nextafter(high, np.inf)
        return constant_lines(low, high, len(lower))

    def slopes(self, lower: FloatArray, upper: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Least and greatest slope of the function of one argument over ranges (maybe infinite), each [..., k].

        Every difference quotient of two arguments in the range lies between them, in real arithmetic (rounded outward).
        Raises :class:`Refused` for a function that jumps, or has no such bounds.
        """
        raise Refused(f"{type(self).__name__.lower()} has no bounded slope", code="no-slope")

    def tilt(self, lower: list[FloatArray], upper: list[FloatArray]) -> FloatArray:
        """A tilt [..., k] to start a search for better ones from; the default's where that is a number."""
        return np.full(np.broadcast_shapes(*(side.shape for side in lower)), 0.5)

    def exact(self, args: list[Exact]) -> Exact:
        """The value in exact rationals. Raises :class:`Refused` where it has none (transcendental functions)."""
        raise Refused(f"{type(self).__name__.lower()} has no exact value", code="no-exact-value")
