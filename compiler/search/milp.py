"""One MILP for each open case: its greatest margin, over bounds of all blocks that were proved before.

needs: a MILP solver; functions that rows can state or enclose (compiler/defaults.py)
guarantee: none. A solver's point becomes a witness only where it is checked as one; a solver's bound is its word.

source: Tjeng, Xiao, Tedrake, Evaluating Robustness of Neural Networks with Mixed Integer Programming, ICLR 2019
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np

from ...ir.blocks import Lin, Poly, Var
from ...ir.operators.dense import Dense
from ...ir.problem import Problem
from ...ir.protocols import Event, Limits
from ...ir.samples import Samples
from ...ir.terms.linear import Linear
from ...ir.unsafe import UnsafeSet
from ..bounds.crown import crown_bounds
from ..bounds.interval import Bounds
from ..bounds.layers import optimise_layers
from ..bounds.lp_layers import lp_layers
from ..defaults import RELAXED
from ..networks.attack import Attack
from ..pipeline import Pipeline, Trace
from .claim import Claim
from .clock import Clock
from .inquiry import Inquiry
from .root import leaf

TIGHTEN = 0.1
"""Share of the time that tighter bounds may take."""
SECONDS = 10.0
"""Of tighter bounds where the time has no limit."""
CLEAR = 1e-6
"""A solver's bound on a margin has to be at least this far below 0 to count: its tolerances are of this size."""
FLOOR = -1e-5
"""Margins below this are cut off: whether a case is possible matters, not how far it is from it."""


@dataclass(eq=False)
class Milp:
    """One round over all open cases; :meth:`run` may be continued after each.

    Regions with more than ``most`` binaries are left out.
    """

    inquiry: Inquiry
    most: float = np.inf

    def run(self, clock: Clock) -> Generator[Event, None, None]:
        """Until each open case was tried, a witness is found, or the time is over."""
        inquiry, unsafe = self.inquiry, self.inquiry.unsafe
        for region in np.unique(unsafe.region[inquiry.open]).tolist():
            if clock.over or inquiry.settled:
                return
            start = perf_counter()
            sides = {inquiry.task.inputs: (unsafe.lower[[region]], unsafe.upper[[region]])}
            box = crown_bounds(inquiry.view, sides, over=lambda: clock.over)
            if any((low > high).any() for low, high in box.values()):
                cases = inquiry.cases_of(region)
                inquiry.refuted(cases, leaf(cases), "excluded by bounds, the box has no point")
                continue
            tight = self.tightened(box, clock)
            trace = Pipeline.parse(RELAXED).run(on_box(inquiry.task.problem, tight))
            inquiry.time("compile", start)
            size = sum(var.size for var in trace.problem.vars.values() if var.discrete)
            if size > self.most:
                continue
            for case in inquiry.cases_of(region).tolist():
                if clock.over or inquiry.settled:
                    return
                yield Event(f"{unsafe.texts[case]}: MILP with {size} binaries")
                self.solve(trace, case, box, clock)

    def tightened(self, box: Mapping[str, Bounds], clock: Clock) -> Mapping[str, Bounds]:
        """Better bounds of undecided neurons, by gradient steps and then by linear programs, in a share of the time."""
        part = Clock(self.inquiry.limits, TIGHTEN * clock.left if clock.end is not None else SECONDS)
        found, _ = optimise_layers(self.inquiry.view, box, over=lambda: part.over)
        return lp_layers(self.inquiry.view, found, self.inquiry.tools.open_lp, over=lambda: part.over)

    def solve(self, trace: Trace, case: int, box: Mapping[str, Bounds], clock: Clock) -> None:
        """One case; its share of what is left of the time is that of one of the open cases."""
        inquiry = self.inquiry
        number = np.array([case])
        most = float(Claim(inquiry.view, inquiry.unsafe).most(box, inquiry.unsafe.rows_of(number))[0].min())
        if most < 0:
            inquiry.refuted(number, leaf(number), "excluded by linear bounds")
            return
        seconds = None if clock.end is None else clock.left / max(1, int(inquiry.open.sum()))
        start = perf_counter()
        problem = margin_problem(trace.problem, inquiry.unsafe.pick(number), most)
        samples = inquiry.tools.milp.solve(problem, Limits(seconds, inquiry.limits.seed))
        inquiry.time("milp", start)
        self.look(trace, samples, case, clock)
        if not inquiry.settled:
            self.judge(samples, case)

    def look(self, trace: Trace, samples: Samples, case: int, clock: Clock) -> None:
        """The solver's points as they are, and after gradient steps."""
        inquiry = self.inquiry
        inputs = inquiry.task.inputs
        if not samples.count or inputs not in samples.values:
            return
        points = trace.lift.up(samples.values)[inputs]
        points = points[np.isfinite(points).all(axis=1)]
        cases = np.full(len(points), case)
        if not len(points) or inquiry.look(points, cases, np.zeros(len(points))):
            return
        found = Attack(inquiry.view, inputs, inquiry.unsafe).push(points, cases, clock)
        good = found.margin >= 0
        inquiry.look(found.points[good], found.case[good], found.margin[good])

    def judge(self, samples: Samples, case: int) -> None:
        """What the solver's claim says about a case without a witness."""
        inquiry, text = self.inquiry, self.inquiry.unsafe.texts[case]
        status = str(samples.info.get("status", ""))
        most = FLOOR if status == "infeasible" else None
        if samples.claimed_bound is not None and not np.isnan(samples.claimed_bound):
            most = -float(samples.claimed_bound) if most is None else min(most, -float(samples.claimed_bound))
        if most is None:
            inquiry.notes.append(f"{text}: the solver claims nothing ({status or 'no status'})")
            return
        inquiry.claimed = most if inquiry.claimed is None else max(inquiry.claimed, most)
        if most < -CLEAR:
            reason = f"excluded by the solver's word (margin below {max(most, FLOOR):.6g})"
            inquiry.refuted(np.array([case]), None, reason)
        elif most <= CLEAR:
            inquiry.notes.append(f"{text}: the claimed greatest margin {most:.3g} is too near to 0 to decide")
        else:
            inquiry.notes.append(f"{text}: the solver claims a margin up to {most:.6g} but no witness held")


def on_box(problem: Problem, box: Mapping[str, Bounds]) -> Problem:
    """The network with proved bounds of all blocks."""
    blocks = [
        replace(block, lower=box[block.name][0][0], upper=box[block.name][1][0])
        if isinstance(block, Var) and block.name in box
        else block
        for block in problem.blocks
    ]
    return problem.with_blocks(blocks)


def margin_problem(problem: Problem, unsafe: UnsafeSet, most: float) -> Problem:
    """Minimise -t subject to t <= every row of the one case and floor <= t <= ``most``, a bound of the margin."""
    name = problem.fresh("margin")
    parts = {key: operator.scaled(-1.0) for key, operator in unsafe.forms.parts.items()}
    blocks = [
        *(block for block in problem.blocks if not isinstance(block, Poly)),
        Var.of(name, "real", (1,), FLOOR, most, origin=f"margin:{unsafe.texts[0]}"),
        Lin(f"{name}.rows", {name: Dense(np.ones((unsafe.forms.size, 1))), **parts}, "<=", unsafe.forms.offset,
            unsafe.reading),
        Poly(f"{name}.objective", "objective", (Linear(name, Dense(-np.ones((1, 1)))),), np.zeros(1)),
    ]  # fmt: skip
    return Problem(problem.name, tuple(blocks))
