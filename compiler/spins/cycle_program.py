"""The linear program over products of spins with the odd cycles that were found so far as its rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from scipy import sparse

from ...ir.protocols import LpResult, LpSession, OpenLp
from ...ir.types import BoolArray, FloatArray, IntArray
from .cycles import CHUNK, STEP, Cycles, Graph, by_scipy, chordless, keys, search
from .tree_rounding import rounded

LEAST = 1e-4
"""Least violation of a cycle that becomes a row."""
DEEP = 1e-3
"""Least violation at points between solutions."""
FEW = 5
"""So many cycles at such a point are enough for a round."""
ENOUGH = 300
"""Cycles that end a round of the slow search."""
MEMORY = 0.7
"""Weight of the older solutions in their mean."""
PATIENCE = 6
"""Solves in a row that a row may have slack before it is taken out."""


@dataclass(eq=False)
class CycleProgram:
    """min sum_e weight_e s_e over -1 <= s_e <= 1 and the inequalities of ``cycles``, the session's rows in order.

    ``unit``: the power of two that the session's costs are in, so that a solver's tolerances mean the same everywhere.
    ``centre`` [m]: a mean of the last solutions. ``idle`` [rows]: for how many solves a row has had slack. ``known``
    [rows]: keys of the rows.
    """

    graph: Graph
    session: LpSession
    unit: float
    cycles: Cycles
    idle: IntArray
    known: IntArray
    rng: np.random.Generator
    centre: FloatArray | None = None
    lower: FloatArray = field(init=False)
    upper: FloatArray = field(init=False)

    def __post_init__(self) -> None:
        self.lower, self.upper = np.full(self.graph.edges, -1.0), np.ones(self.graph.edges)

    @classmethod
    def of(cls, graph: Graph, open_lp: OpenLp, seed: int = 0) -> CycleProgram:
        m, none = graph.edges, np.zeros(0)
        unit = float(np.ldexp(1.0, int(np.frexp(np.abs(graph.weight).max(initial=0.0))[1])))
        session = open_lp(sparse.csr_array((0, m)), none, none, np.full(m, -1.0), np.ones(m), graph.weight / unit)
        empty = np.zeros(0, np.int64)
        return cls(graph, session, unit, Cycles.none(), empty, empty, np.random.default_rng(seed))

    def bound(self, lower: FloatArray, upper: FloatArray) -> None:
        """Other bounds of s [m]."""
        self.lower, self.upper, self.centre = lower, upper, None
        self.session.set_bounds(lower, upper)

    def solve(self, seconds: float | None) -> tuple[LpResult, FloatArray]:
        """The program's result and the multipliers >= 0 of its rows (zeros without a result)."""
        result = self.session.solve(seconds)
        if result.dual is None or result.x is None:
            return result, np.zeros(self.cycles.count)
        multipliers = np.maximum(-result.dual, 0.0) * self.unit
        slack = self.cycles.lengths - 2 - self.cycles.matrix(self.graph.edges) @ result.x
        self.idle = np.where((multipliers > 1e-9 * self.unit) | (slack < 1e-6), 0, self.idle + 1)
        return result, multipliers

    def cut(self, value: FloatArray, over: Callable[[], bool], least: float = LEAST) -> int:
        """Rows for cycles that cut a solution ``value`` [m] off, violated by ``least``; how many are new.

        First tried is the middle between the solution and a mean of the last ones: its cycles cut deeper, because
        solutions are corners of a large face and jump about on it.
        """
        if self.centre is None:
            self.centre = value
            return self.rows_for(value, over, least)
        middle = (value + self.centre) / 2
        self.centre = MEMORY * self.centre + (1 - MEMORY) * value
        found = self.rows_for(middle, over, max(least, DEEP))
        return found if found >= FEW else found + self.rows_for(value, over, least)

    def rows_for(self, value: FloatArray, over: Callable[[], bool], least: float) -> int:
        """Rows for cycles that a point [m] violates by ``least``; how many are new."""
        found = self.violated(value, over, least)
        if not found.count:
            return 0
        fresh = keys(found, self.graph.edges)
        _, first = np.unique(fresh, return_index=True)
        first = np.sort(first[~np.isin(fresh[first], self.known)])
        found, fresh = found.take(first), fresh[first]
        plain = chordless(self.graph, found)
        if 2 * np.count_nonzero(plain) >= found.count:
            found, fresh = found.take(plain), fresh[plain]
        self.add(found, fresh)
        return found.count

    def violated(self, value: FloatArray, over: Callable[[], bool], least: float) -> Cycles:
        """Cycles through the vertices that every violated one passes, in random order, or some when the time is
        over."""
        sources = self.rng.permutation(passed(self.graph, value))
        used, parts, find = np.full(self.graph.edges, STEP), [], search(self.graph.vertices)
        for first in range(0, len(sources), CHUNK):
            parts.append(find(self.graph, value, used, sources[first : first + CHUNK], 2.0 - least))
            if over() or (find is by_scipy and sum(part.count for part in parts) >= ENOUGH):
                break
        return Cycles.joined(parts)

    def add(self, cycles: Cycles, fresh: IntArray) -> None:
        """Further rows, with their keys."""
        none = np.full(cycles.count, -np.inf)
        self.session.add_rows(cycles.matrix(self.graph.edges), none, (cycles.lengths - 2).astype(np.float64))
        self.cycles = Cycles.joined([self.cycles, cycles])
        self.idle = np.concatenate([self.idle, np.zeros(cycles.count, np.int64)])
        self.known = np.concatenate([self.known, fresh])

    def purge(self) -> BoolArray:
        """Take out rows that have been idle for long; which ones stay."""
        stay = self.idle < PATIENCE
        if not stay.all():
            self.session.remove_rows(~stay)
            self.cycles, self.idle, self.known = self.cycles.take(stay), self.idle[stay], self.known[stay]
        return stay


def passed(graph: Graph, value: FloatArray) -> IntArray:
    """Vertices of which every violated cycle has one: ends of edges with a fraction, and of edges at +-1 that
    contradict the others. A cycle without them has edges at +-1 only, whose product is that of its signs."""
    whole = np.abs(value) >= 1.0 - 1e-9
    spins = rounded(graph, value, np.random.default_rng(0), noise=0.0)
    agree = spins[graph.left] * spins[graph.right] * value > 0
    return np.asarray(np.unique(graph.left[~(whole & agree)]))
