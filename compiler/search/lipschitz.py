"""Cases refuted by Lipschitz constants: a row is further below 0 at the centre of its box than it can change there.

needs: functions of one argument with slopes, a network within the limits of slope forms
guarantee: a case is closed with a certificate that was computed by the checker's own arithmetic
source: Tsuzuku, Sato, Sugiyama, Lipschitz-Margin Training, NeurIPS 2018; the constants are those of
  ``compiler/slopes``, local to the box and in units of its sides
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from ...ir.blocks import Fn
from ...ir.errors import InputError, Refused
from ...ir.protocols import Event
from ...ir.slope_proof.margin import Margins
from ..lipschitz.patterns import best_patterns
from ..slopes.options import SlopeOptions, SlopeResult
from ..slopes.search import bracket
from .clock import Clock
from .inquiry import Inquiry

NODES = 256
"""Most nodes of a tree."""
UNITS, PRODUCTS = 1500, 3_000_000
"""Functions of a small network, and products of one pass."""
CLEAR = 1e-9
"""A constant has to be this much smaller than the margin, relatively."""


@dataclass(eq=False)
class LipschitzMargin:
    """One round over all open cases. ``nodes``: most of a tree. ``refusal``: why there are no constants."""

    inquiry: Inquiry
    nodes: int = NODES
    tried: float = 0.0
    refusal: str = ""

    @property
    def progress(self) -> float:
        """The share of the cases that were looked at."""
        return self.tried

    @property
    def small(self) -> bool:
        """Whether a round without splits is a matter of seconds."""
        view = self.inquiry.view
        units = sum(view.problem.vars[step.output].size for step in view.steps if isinstance(step, Fn))
        return units <= UNITS and view.products <= PRODUCTS

    def run(self, clock: Clock) -> Generator[Event, None, None]:
        """Until each open case was tried, or the time is over."""
        inquiry, unsafe = self.inquiry, self.inquiry.unsafe
        regions = np.unique(unsafe.region[inquiry.open]).tolist()
        for count, region in enumerate(regions):
            if clock.over or inquiry.settled:
                return
            cases = inquiry.cases_of(region)
            yield Event(f"Lipschitz constants for {len(cases)} cases", count, len(regions))
            start = perf_counter()
            try:
                margins = Margins.of(inquiry.task, region, unsafe.rows_of(cases))
            except (Refused, InputError) as error:
                self.refusal = error.diagnostics[0].message
                return
            inquiry.time("lipschitz", start)
            for place in np.argsort(margins.centre, kind="stable").tolist():
                row = int(margins.rows[place])
                if margins.centre[place] >= 0 or clock.over:
                    break
                if inquiry.open[unsafe.case[row]]:
                    yield from self.try_row(margins, place, int(unsafe.case[row]), clock)
            self.tried = (count + 1) / len(regions)

    def try_row(self, margins: Margins, place: int, case: int, clock: Clock) -> Generator[Event, None, None]:
        """Bound one row's constant, as far as the margin asks for."""
        inquiry, margin = self.inquiry, -float(margins.centre[place])
        part = Clock(inquiry.limits, clock.left / max(1, int(inquiry.open.sum())) if clock.end is not None else None)
        start = perf_counter()
        patterns, values = best_patterns(margins.form, place, "linf", inquiry.limits.seed, starts=16)
        known, enough = float(values[0]), margin * (1 - CLEAR)
        if known >= enough:
            inquiry.time("lipschitz", start)
            return
        gap = enough / known - 1 if known > 0 else 1.0
        options = SlopeOptions(seed=inquiry.limits.seed, gap=gap, nodes=self.nodes)
        found = yield from promising(bracket(margins.form, place, "linf", patterns, part, options), enough)
        inquiry.time("lipschitz", start)
        if found is not None and margins.refuted(place, found.upper):
            row = int(margins.rows[place])
            inquiry.outweighed(case, row, found.tree, "excluded by a local Lipschitz constant")


def promising(
    loop: Generator[Event, None, SlopeResult], enough: float
) -> Generator[Event, None, SlopeResult | None]:
    """The same search, given up (None) where slopes are met that reach ``enough``."""
    while True:
        try:
            event = next(loop)
        except StopIteration as end:
            result: SlopeResult = end.value
            return result
        if event.bracket is not None and event.bracket[0] >= enough:
            loop.close()
            return None
        yield event
