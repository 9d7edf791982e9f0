"""Smaller integers for a row: scan scales, prove equivalence or bound the rounding.

A base row c.x over integer points of a box is known by three numbers: every point that satisfies it has c.x <=
``below`` (``==``: c.x = below), every other point has c.x >= ``above``, or (``==`` only) c.x <= below - (above -
below). Integer rows have above = below + 1; where nothing is known, above = below and the other points have c.x >
above.

For a scale L > 0 let p = round(L c), e = p - L c, and E-, E+ the least and greatest e.x on the box (sums over the
variables of the smaller and greater of e_i l_i, e_i u_i). Put U = L below + E+, V = L above + E-, Z = L below + E-.

``<=``: a point of the row has p.x = L c.x + e.x <= U, so, p.x being an integer, p.x <= Q := floor(U). Any other point
has p.x >= V. If V > Q, therefore, p.x <= Q holds at exactly the points of the row: *equivalent*. Otherwise p.x <= Q is
an *outward* rounding: p.x <= Q gives c.x = (p.x - e.x)/L <= below + (Q - Z)/L. And p.x <= R with an integer R < V, R
<= V where above = below, is an *inward* one (no other point passes); a point it loses has p.x >= R + 1, so c.x >=
below - (U - R - 1)/L.
``==``: a point of the row has Z <= p.x <= U. If no integer lies in [Z, U] there is no such point: *never*. If Q =
floor(U) is the only one, all points of the row have p.x = Q. Conversely let p.x = Q and c.x = below + d with d != 0,
so |d| >= above - below. Then L d = Q - L below - e.x lies in [Q - U, Q - Z]; if Q - Z < L (above - below) and U - Q <
L (above - below) that is impossible, so p.x = Q holds at exactly the points of the row: *equivalent*.
With a continuous variable in the row there is no floor: outward U, inward V, loss (U - V)/L, and never equivalent.

Rounding errors. L = t/M with M = max |c_i|, as real numbers. c_i stands for a number within relative 2^-53 of it,
c_i/M and the product with t round once each, and so do below/M and its product: each L c_i, L below is known to 3 (1 +
2^-50) 2^-53 relatively. The difference from p_i, the products with the bounds and the sum of n terms add at most (n +
4) 2^-53 times the sum of the magnitudes, which is at most S = 2 t (sum |c_i/M| r_i + |above/M| + |below/M|) + sum r_i
+ 1, r_i = max(|l_i|, |u_i|). Everything together stays below D = (n + 8) 2^-52 S, a factor of two over; D is added to
U and subtracted from V and Z. Underflow (|c_i|/M tiny) costs less than 1e-30 per unit of r_i, covered by the last
summand of S, as long as 1e-280 < M < 1e280, which the caller sees to.
Source of the problem: Bradley, Hammer and Wolsey, Coefficient reduction for inequalities in 0-1 variables,
Mathematical Programming 7 (1974); the test by E-, E+ is derived here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...ir.types import BoolArray, FloatArray, IntArray

_CHUNK = 1 << 17
_BLOCK = 16


@dataclass(frozen=True)
class BaseRows:
    """Rows to scan; entries of row i are ``starts[i]:starts[i+1]`` (at least one), all bounds finite.

    ``data``, ``low``, ``high`` [nnz]: coefficients, bounds of their variables. ``below``, ``above`` [m]: module text.
    ``whole`` [m]: all variables are integer. ``most`` [m]: greatest coefficient allowed in the result. ``moved`` [m]:
    how far ``below`` lies under the right-hand side that errors are measured from.
    """

    data: FloatArray
    low: FloatArray
    high: FloatArray
    starts: IntArray
    below: FloatArray
    above: FloatArray
    whole: BoolArray
    most: FloatArray
    moved: FloatArray

    def take(self, rows: IntArray) -> BaseRows:
        counts = np.diff(self.starts)[rows]
        starts = np.concatenate([[0], np.cumsum(counts)])
        entries = np.arange(starts[-1]) + np.repeat(self.starts[rows] - starts[:-1], counts)
        return BaseRows(self.data[entries], self.low[entries], self.high[entries], starts, self.below[rows],
                        self.above[rows], self.whole[rows], self.most[rows], self.moved[rows])

    def part(self, first: int, last: int) -> BaseRows:
        """Rows first:last."""
        rows, entries = slice(first, last), slice(int(self.starts[first]), int(self.starts[last]))
        return BaseRows(self.data[entries], self.low[entries], self.high[entries],
                        self.starts[first : last + 1] - self.starts[first], self.below[rows], self.above[rows],
                        self.whole[rows], self.most[rows], self.moved[rows])


@dataclass(frozen=True)
class Found:
    """Best scale per row. ``proved``: equivalent. ``never`` (``==``): no point. ``size``: t = scale * max |c|, 0 if
    none fits. ``rhs``: Q or R. ``error``, in units of c.x: what outward lets through, inward loses; 0 where proved."""

    proved: BoolArray
    never: BoolArray
    size: FloatArray
    rhs: FloatArray
    error: FloatArray


def sizes(largest: float) -> FloatArray:
    """The scanned t: half steps up to 64, then 16 per octave, and ``largest`` itself."""
    octaves = max(0.0, np.log2(max(largest, 1.0) / 64.0))
    steps = np.floor(64.0 * 2.0 ** (np.arange(1, 16 * octaves + 1) / 16.0))
    grid = np.concatenate([np.arange(2, 129) / 2.0, steps, [largest]])
    return np.unique(grid[grid <= largest])


def coefficients(rows: BaseRows, size: FloatArray) -> FloatArray:
    """p [nnz] of the scale ``size`` [m], by the operations of the scan."""
    unit, spread = _unit(rows)
    return np.rint(rows.data / unit[spread] * size[spread])


def scan(rows: BaseRows, *, equality: bool, inward: bool) -> Found:
    """The smallest proved scale of each row, else the one of least ``error`` (outward, or ``inward``)."""
    count = rows.below.size
    flags, numbers = np.zeros((2, count), np.bool_), np.zeros((2, count))
    found = Found(flags[0], flags[1], numbers[0], numbers[1], np.full(count, np.inf))
    grid = sizes(float(rows.most.max(initial=0.0)))
    for first in range(0, grid.size, _BLOCK):
        block = grid[first : first + _BLOCK]
        left = np.flatnonzero(~found.proved & ~found.never & (rows.most >= block[0]))
        if not left.size:
            break
        rest = rows.take(left)
        width = max(1, int(_CHUNK / block.size * left.size / rest.data.size))
        for start in range(0, left.size, width):
            part = left[start : start + width]
            _try(rest.part(start, start + part.size), block, part, found, equality=equality, inward=inward)
    return found


def _unit(rows: BaseRows) -> tuple[FloatArray, IntArray]:
    unit = np.maximum.reduceat(np.abs(rows.data), rows.starts[:-1])
    return unit, np.repeat(np.arange(rows.below.size), np.diff(rows.starts))


def _try(rows: BaseRows, block: FloatArray, part: IntArray, found: Found, *, equality: bool, inward: bool) -> None:
    """One block of scales for some rows; writes into ``found`` at ``part``."""
    unit, spread = _unit(rows)
    first = rows.starts[:-1]
    data = rows.data / unit[spread]
    below, above = rows.below / unit, rows.above / unit
    reach = np.maximum(np.abs(rows.low), np.abs(rows.high))
    total, weight = np.add.reduceat(np.stack([np.abs(data) * reach, reach]), first, axis=1)
    magnitude = 2.0 * (total + np.abs(below) + np.abs(above))[:, None] * block + weight[:, None] + 1.0
    doubt = (np.diff(rows.starts) + 8.0)[:, None] * 2.0**-52 * magnitude
    allowed = (block <= rows.most[:, None]) & (magnitude < 2.0**52)

    exact = data[:, None] * block
    rest = np.rint(exact) - exact
    middle = np.add.reduceat(rest * ((rows.low + rows.high) / 2.0)[:, None], first, axis=0)
    radius = np.add.reduceat(np.abs(rest, out=rest) * ((rows.high - rows.low) / 2.0)[:, None], first, axis=0)
    upper = below[:, None] * block + (middle + radius) + doubt
    lower = below[:, None] * block + (middle - radius) - doubt
    other = above[:, None] * block + (middle - radius) - doubt
    side = np.where(rows.whole[:, None], np.floor(upper), upper)
    if equality:
        gap = (above - below)[:, None] * block - doubt
        never = allowed & rows.whole[:, None] & (side < lower)
        proved = (lower > side - 1.0) & (side - lower < gap) & (upper - side < gap)
        found.never[part] = never.any(axis=1)
    else:
        proved = other > side
    proved &= allowed & rows.whole[:, None]
    _keep(rows, block, part, found, unit, (side, lower, upper, other, proved, allowed), inward=inward)


def _keep(rows: BaseRows, block: FloatArray, part: IntArray, found: Found, unit: FloatArray,
          tried: tuple[FloatArray, FloatArray, FloatArray, FloatArray, BoolArray, BoolArray], *, inward: bool) -> None:
    side, lower, upper, other, proved, allowed = tried
    whole = rows.whole[:, None]
    moved = (rows.moved / unit)[:, None] * block
    rhs, error = side, side - lower - moved * (1.0 - 2.0**-40)
    if inward:
        strict = np.ceil(other) - 1.0  # V itself would do where above = below, but rounding leaves it uncertain
        rhs = np.where(proved, side, np.where(whole, strict, other))
        error = upper - rhs - whole + moved * (1.0 + 2.0**-40)
    error = np.where(allowed, np.maximum(error, 0.0) * (unit[:, None] / block) * (1.0 + 2.0**-40), np.inf)
    error[proved] = -1.0
    best = np.where(proved.any(axis=1), proved.argmax(axis=1), error.argmin(axis=1))
    pick = np.arange(part.size), best
    better = error[pick] < found.error[part]
    where = part[better]
    found.proved[where] = proved[pick][better]
    found.size[where], found.rhs[where] = block[best][better], rhs[pick][better]
    found.error[where] = np.maximum(error[pick], 0.0)[better]
