"""Brackets of formal Lipschitz constants of deep networks: the search, and what comes of it as a certificate.

needs: a slope form, patterns to start from
guarantee: ``upper`` is what the checker's own leaf arithmetic says about ``tree``; ``value`` is that of ``pattern``
in float64
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from time import monotonic

import numpy as np

from ...ir.protocols import Event
from ...ir.slope_form import SlopeForm
from ...ir.slope_tree import SlopeTree
from ...ir.types import FloatArray, IntArray
from ..lipschitz.layers import pattern_values
from ..search.clock import Clock
from .branch_and_bound import Search
from .nodes import Node
from .options import SlopeOptions, SlopeResult
from .record import Judge

__all__ = ["SlopeOptions", "SlopeResult", "bracket"]

BYTES = 1 << 28
"""Most bytes of a certificate: every second node is a leaf with n + F numbers in float32."""
MARGIN, EVERY = 1.25, 8
"""Factor on the time that the checker is expected to need for the leaves, and steps until that is measured again."""


def bracket(
    form: SlopeForm, functional: int, norm: str, start: FloatArray, clock: Clock, options: SlopeOptions | None = None
) -> Generator[Event, None, SlopeResult]:
    """Yields progress with brackets, returns the result. ``start`` [K, F]: patterns, K may be 0.

    Brackets of events are those of the search; only that of the result has been through the checker's arithmetic.

    The search ends when the bracket is closed to ``options.gap``, at ``options.nodes``, or early enough before the
    clock for the checker's arithmetic on all leaves. The root is bounded whatever the clock says.
    """
    options = options or SlopeOptions()
    known = np.vstack([np.asarray(start, dtype=np.float64).reshape(len(start), form.units), np.ones((1, form.units))])
    values = pattern_values(form, functional, norm, known)
    best = int(np.argmax(values))
    judge = Judge(form, functional, norm)
    if not judge.dual.used(np.full(form.units, np.nan)).any():
        return trivial(form, norm, judge, known[best], float(values[best]))
    search = Search(form, functional, norm, judge.dual, options, known[best], float(values[best]), clock)
    judge.judge(search.root, np.full(form.units, np.nan))
    upper = search.root.judged
    yield event(search, upper)
    most = min(options.nodes, BYTES // (2 * (form.units + form.inputs.shape[1])))
    cost = Cost(judge)
    while True:
        before = search.count
        while not search.done and search.count < most and clock.left > cost.of(search):
            cost.step(search)
            yield event(search, min(upper, search.upper))
        splits, leaves = cost.judged(search)
        ended = search.count == before or search.count >= most or clock.over
        if ended or (search.done and not search.reopen(leaves)):
            break
    tree, upper = judge.tree(splits, leaves)
    exact = upper <= search.value * (1 + 2 * options.gap)
    return SlopeResult(tree, upper, search.pattern, search.value, search.count, exact)


@dataclass(eq=False)
class Cost:
    """Seconds that another step takes and the judging of all leaves after it.

    What judging a leaf takes is tried on an open node now and then, and known once leaves have been judged. Then the
    search goes on with what time is left: ``known`` leaves are judged already, though some of them will be split.
    """

    judge: Judge
    seconds: float = 0.0
    steps: int = 0
    last: float = 0.0
    known: int = 0

    def step(self, search: Search) -> None:
        began = monotonic()
        search.step()
        self.steps += 1
        self.last = monotonic() - began

    def of(self, search: Search) -> float:
        if self.steps % EVERY == 0 and search.open_ and not self.known:
            node = search.open_[0][2]
            began = monotonic()
            self.judge.leaves.upper(np.where(node.pattern < 0, np.nan, node.pattern), node.inputs, node.multiplier)
            self.seconds += (monotonic() - began - self.seconds) * (0.2 if self.steps else 1.0)
        fresh = 2 * (search.leaves - self.known) if self.known else search.leaves
        return MARGIN * (self.seconds * (fresh + 2 * search.batch) + self.last)

    def judged(self, search: Search) -> tuple[IntArray, list[Node]]:
        """Splits and leaves of the tree, every leaf judged."""
        began = monotonic()
        splits, leaves = self.judge.leaves_of(search.root, search.wide)
        fresh = 2 * (len(leaves) - self.known) if self.known else len(leaves)
        self.seconds, self.known = (monotonic() - began) / max(fresh, 1), len(leaves)
        return splits, leaves


def event(search: Search, upper: float) -> Event:
    text = f"{search.count} nodes: {search.value:.9g} .. {upper:.9g}"
    return Event(text, search.count, bracket=(search.value, upper))


def trivial(form: SlopeForm, norm: str, judge: Judge, pattern: FloatArray, value: float) -> SlopeResult:
    """No unit reaches the functional: its gradient is one vector."""
    width = form.inputs.shape[1] if norm == "linf" else 1
    tree = SlopeTree(
        form.units, form.inputs.shape[1], norm, np.array([-1]), np.ones((1, width)), np.ones((1, form.units))
    )
    upper = judge.leaves.upper(np.full(form.units, np.nan), tree.outer[0], tree.multiplier[0])
    return SlopeResult(tree, upper, pattern, value, 1, True)
