"""Functions with one bend, y = max(a, s a) with 0 <= s <= 1: relu (s = 0) and leaky relu.

Where the argument keeps its sign over [l, u], y is a line. Elsewhere a binary d (1 where a >= 0) makes it one: y >= a,
y >= s a, y <= a - (1 - s) l (1 - d), y <= s a + (1 - s) u d, the usual big-M rows (Tjeng, Xiao, Tedrake, "Evaluating
robustness of neural networks with mixed integer programming", 2019).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from ..blocks import Arg
from ..errors import Refused
from ..functions.leaky_relu import LeakyRelu
from ..functions.relu import Relu
from ..problem import Problem
from ..types import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Bends:
    """Columns of argument and output [k] each, and the slope s [k] on the left."""

    argument: IntArray
    output: IntArray
    slope: FloatArray

    @classmethod
    def of(cls, problem: Problem) -> Bends:
        """All function blocks. Raises :class:`Refused` for those that bend otherwise."""
        argument, output, slope = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], [np.zeros(0)]
        for fn in problem.fns.values():
            if not isinstance(fn.function, (Relu, LeakyRelu)):
                name = type(fn.function).__name__
                raise Refused(f"function {name} of {fn.name} has no certificate by linear programs", code="certify")
            first, own = columns(problem, fn.args[0]), columns(problem, Arg(fn.output))
            argument.append(first)
            output.append(own)
            slope.append(np.full(len(own), fn.function.alpha if isinstance(fn.function, LeakyRelu) else 0.0))
        return cls(np.concatenate(argument), np.concatenate(output), np.concatenate(slope))

    def implied(self, lower: FloatArray, upper: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Bounds [n] of the outputs where the arguments have some, an ulp outward; infinite elsewhere."""
        least, most = np.full(len(lower), -np.inf), np.full(len(upper), np.inf)
        for bound, into, away in ((lower, least, -np.inf), (upper, most, np.inf)):
            end = bound[self.argument]
            with np.errstate(invalid="ignore"):
                bent = np.where((end < 0) & (self.slope == 0), 0.0, np.where(end < 0, self.slope * end, end))
            into[self.output] = np.where((end < 0) & (self.slope > 0), np.nextafter(bent, away), bent)
        return least, most

    def rows(
        self, lower: FloatArray, upper: FloatArray
    ) -> tuple[tuple[sparse.csr_array, FloatArray, FloatArray], int]:
        """Rows over bounds of all columns, with the binaries behind them: matrix, low and high; how many binaries."""
        ends = lower[self.argument], upper[self.argument]
        if not np.isfinite(ends).all():
            raise Refused("a function of an argument without bounds", code="certify", hint="bound the variables")
        low, high = ends
        line = np.flatnonzero((low >= 0) | (high <= 0))
        bent = np.setdiff1d(np.arange(len(low)), line)
        a, y, s = self.argument[bent], self.output[bent], self.slope[bent]
        d = len(lower) + np.arange(len(bent))
        down = np.nextafter((1 - s) * -low[bent], np.inf)
        up = np.nextafter((1 - s) * high[bent], np.inf)
        width = len(lower) + len(bent)
        one, none, zero = np.ones(len(bent)), np.full(len(bent), np.inf), np.zeros(len(bent))
        slope = np.where(low[line] >= 0, 1.0, self.slope[line])
        pieces = [
            table([(self.output[line], np.ones(len(line))), (self.argument[line], -slope)], width),
            table([(y, one), (a, -one)], width),
            table([(y, one), (a, -s)], width),
            table([(y, one), (a, -one), (d, down)], width),
            table([(y, one), (a, -s), (d, -up)], width),
        ]
        matrix = sparse.csr_array(sparse.vstack(pieces, format="csr"))
        matrix.eliminate_zeros()
        least = np.concatenate([np.zeros(len(line)), zero, zero, -none, -none])
        most = np.concatenate([np.zeros(len(line)), none, none, down, zero])
        return (matrix, least, most), len(bent)


def columns(problem: Problem, arg: Arg) -> IntArray:
    """The columns of an argument."""
    index = np.arange(problem.vars[arg.variable].size) if arg.index is None else arg.index
    return np.asarray(problem.starts[arg.variable] + index)


def table(entries: list[tuple[IntArray, FloatArray]], width: int) -> sparse.csr_array:
    """Rows with one entry each of a few columns."""
    size = len(entries[0][0])
    row = np.tile(np.arange(size), len(entries))
    column, value = (np.concatenate([entry[k] for entry in entries]) for k in range(2))
    return sparse.csr_array((value, (row, column)), shape=(size, width))
