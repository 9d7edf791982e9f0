"""Boxes of inputs halved until every case is excluded on each of them, or a point of one turns up.

needs: finite boxes; few inputs that can move (the number of boxes grows with their number)
guarantee: a case counts as excluded only where outward-rounded bounds leave no point to it; the tree of boxes is kept
for the certificate. What runs out of time proves nothing.

Batched over boxes and depth first, so that the open boxes stay few. A box inherits the bounds of the box it came from;
a case excluded on a box stays excluded below.
source: Wang et al., Formal Security Analysis of Neural Networks using Symbolic Intervals, USENIX Security 2018
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from time import perf_counter

import numpy as np

from ...ir.arrays_text import NODES
from ...ir.blocks import Fn
from ...ir.protocols import Event
from ...ir.registry import key_of
from ...ir.types import AnyArray, BoolArray, FloatArray, IntArray
from ..bounds.crown import crown_bounds
from ..bounds.interval import Bounds
from ..bounds.optimise import Schedule, case_problems, default_parameters, optimise
from ..bounds.relaxed import Problems
from ..networks.attack import Attack
from .claim import Claim
from .clock import Clock
from .inquiry import Inquiry
from .recorder import Leaves, Recorder
from .smear import Smear
from .states import Stack, join, size_of, take

SHARP = Schedule(steps=8, tilt=0.4, weight=1.0, decay=0.9)
"""Steps of gradient for boxes that are open otherwise; on 1_1 prop_3 of ACAS Xu they save 95 % of the boxes."""
TOLD = ("relu", "leaky-relu")
"""Functions whose default lines are those of a tilt, so that leaves with and without chosen lines are told alike."""
CLEAR = 1e-12
"""Relative to the ends of a box: what contraction leaves of it is empty only where the sides cross by more."""
GRID = 64
"""Tilts are multiples of 1/64."""
FIRST, MOST = 4, 1024
"""Boxes in the first batch, and at the most."""
WORK = 1 << 26
"""Bytes of one table of rows and neurons that a batch may take."""
SECONDS = 0.2
"""A batch that takes longer than this is not made any larger."""
LOOKS = 50
"""Candidates that fail the exact check before only clear ones are checked."""
POLISH = 4
"""Gradient runs from the best points seen start when the number of boxes has grown by this factor."""


@dataclass(eq=False)
class Bisection:
    """One search; :meth:`run` may be paused and continued between its events."""

    inquiry: Inquiry
    boxes: int = 0
    fails: int = 0
    seen: tuple[FloatArray, IntArray, FloatArray] | None = None
    polish: int = 64
    contract: bool = True
    stuck: set[int] = field(default_factory=set)
    progress: float = 0.0
    sharp: bool = False  # whether lines are chosen for each box that is open otherwise

    def __post_init__(self) -> None:
        self.unsafe, self.view = self.inquiry.unsafe, self.inquiry.view
        self.inputs = self.inquiry.task.inputs
        self.claim, self.smear = Claim(self.view, self.unsafe), Smear(self.view, self.inputs, self.unsafe)

    @cached_property
    def kept(self) -> list[str]:
        """Blocks whose bounds a box hands on: the arguments of functions."""
        fns = [step for step in self.view.steps if isinstance(step, Fn)]
        names = dict.fromkeys(arg.variable for fn in fns for arg in fn.args)
        return [name for name in names if name != self.inputs]

    def run(self, clock: Clock) -> Generator[Event, None, None]:
        """Until no box is left, a witness is found, or the time is over."""
        start = np.flatnonzero(self.inquiry.open)
        regions = np.unique(self.unsafe.region[start])
        cases = [start[self.unsafe.region[start] == region] for region in regions.tolist()]
        recorder, stack = Recorder(len(regions)), Stack()
        sizes = np.diff(self.unsafe.start)[start]
        plain = all(key_of(type(step.function)) in TOLD for step in self.view.steps if isinstance(step, Fn))
        self.sharp = plain and all(len(mine) == 1 for mine in cases) and len(set(sizes.tolist())) == 1
        stack.push(self.roots(regions, cases))
        batch = FIRST
        while stack.size:
            if clock.over or self.inquiry.settled:
                return
            begun = perf_counter()
            done = self.step(stack.pop(batch), recorder, stack, clock)
            self.boxes += done
            seconds = perf_counter() - begun
            self.inquiry.time("bisect", begun)
            batch = self.next_batch(batch, seconds, stack)
            self.progress = 1.0 - stack.total("share") / len(regions)
            if stack.bytes + recorder.bytes > self.inquiry.memory:
                self.inquiry.notes.append("bisection stopped: the memory it may take is used up")
                return
            if recorder.count > NODES:
                self.inquiry.notes.append(f"bisection stopped: a certificate has at most {NODES:,} nodes")
                return
            yield Event(f"bisection: {self.boxes} boxes, {stack.size} open", self.boxes)
        if not self.inquiry.settled:  # else boxes may have been dropped
            self.finish(recorder, cases)

    def roots(self, regions: IntArray, cases: list[IntArray]) -> dict[str, AnyArray]:
        """The boxes of the regions; ``cases`` [B, K]: which they have, -1 where there are fewer."""
        table = np.full((len(regions), max(map(len, cases))), -1, np.int64)
        for row, mine in zip(table, cases, strict=True):
            row[: len(mine)] = mine
        state: dict[str, AnyArray] = {
            "lower": self.unsafe.lower[regions], "upper": self.unsafe.upper[regions],
            "node": np.arange(len(regions)), "cases": table, "share": np.ones(len(regions)),
        }  # fmt: skip
        for name in self.kept:
            size = self.view.problem.vars[name].size
            state[f"lower:{name}"] = np.full((len(regions), size), -np.inf)
            state[f"upper:{name}"] = np.full((len(regions), size), np.inf)
        return state

    def next_batch(self, batch: int, seconds: float, stack: Stack) -> int:
        widest = max((self.view.problem.vars[name].size for name in self.kept), default=1)
        rows = int(self.inquiry.open.sum()) * self.unsafe.lower.shape[1]
        most = int(np.clip(WORK / (8 * max(widest * widest, rows)), 1, MOST))
        if stack.size:  # open boxes may pile up to about depth times batch
            most = max(1, min(most, int(self.inquiry.memory / (80 * max(1, stack.bytes // stack.size)))))
        return min(most, 2 * batch if seconds < SECONDS / 2 else batch if seconds < SECONDS else max(1, batch // 2))

    def step(self, state: dict[str, AnyArray], recorder: Recorder, stack: Stack, clock: Clock) -> int:
        """Bound a batch of boxes, and push the halves of those that stay open."""
        size = size_of(state)
        table = state["cases"]
        table = np.where((table >= 0) & self.inquiry.open[table], table, -1)  # others may have settled some
        known = {name: (state[f"lower:{name}"], state[f"upper:{name}"]) for name in self.kept}
        sides = {self.inputs: (state["lower"], state["upper"])}
        box = crown_bounds(self.view, sides, known, over=lambda: clock.over)
        empty = np.any([(low > high).any(axis=1) for low, high in box.values()], axis=0)
        cases = np.unique(table[table >= 0])
        if not len(cases):
            return size
        rows = self.unsafe.rows_of(cases)
        most, found, place = self.claim.most(box, rows)
        out = self.claim.excluded(most, cases) | empty[:, None]
        out = np.hstack([out, np.ones((size, 1), np.bool_)])  # for cases that are not there
        slot = np.where(table >= 0, np.searchsorted(cases, table), len(cases))
        table = np.where(np.take_along_axis(out, slot, axis=1), -1, table)
        shut = (slot < len(cases)).any(axis=1) & (table < 0).all(axis=1)
        self.keep_plain(state, box, most, cases, np.flatnonzero(shut), recorder)
        left = self.sharpened(state, box, np.flatnonzero((table >= 0).any(axis=1)), recorder, clock)
        if not len(left):
            return size
        if self.contract:
            narrowed = contracted(state["lower"][left], state["upper"][left], found.slope[left], place, most[left],
                                  self.claim.starts(cases), self.alive(table[left], cases))
            state = {**state, "lower": state["lower"].copy(), "upper": state["upper"].copy()}
            gone = left[narrowed[2]]
            recorder.split(state["node"][gone], 0, np.zeros(len(gone), np.int64), state["lower"][gone, 0])
            state["lower"][left], state["upper"][left] = narrowed[0], narrowed[1]
            left = left[~narrowed[2]]
            if not len(left):
                return size
        alive = self.alive(table[left], cases)
        weight = self.weights(cases, alive)
        inner = {name: (low[left], high[left]) for name, (low, high) in box.items()}
        coefficient = self.slopes(found.slope[left], place, weight)
        rest = {**take(state, left), "cases": table[left]}
        margin = self.sample(rest, cases, alive, coefficient, clock)
        if self.inquiry.settled:
            return size
        full = np.zeros((len(left), self.unsafe.forms.size))
        full[:, rows] = weight
        self.halve(rest, inner, self.smear.strength(inner, full), coefficient, margin, recorder, stack)
        return size

    def sharpened(
        self, state: dict[str, AnyArray], box: Mapping[str, Bounds], left: IntArray, recorder: Recorder, clock: Clock
    ) -> IntArray:
        """The boxes that stay open when their only case is bounded once more, with chosen lines and weights."""
        if not self.sharp or not len(left):
            return left
        problems = self.problems(state, box, left)
        reading = self.unsafe.reading
        found = optimise(problems, SHARP, over=lambda: clock.over, reading=reading, grid=GRID)
        closed = found.most < 0
        at = found.parameters.pick(closed)
        recorder.close(leaves(state["node"][left[closed]], {name: at.tilts[name] for name in found.kept}, at.weights))
        return left[~closed]

    def keep_plain(
        self, state: dict[str, AnyArray], box: Mapping[str, Bounds], most: FloatArray, cases: IntArray,
        closed: IntArray, recorder: Recorder,
    ) -> None:  # fmt: skip
        """Write down how boxes [L] were closed without choosing: leaves of one tree are all told alike."""
        if not self.sharp or not len(closed):
            return
        problems = self.problems(state, box, closed)
        at = default_parameters(problems)
        names = {step.output for step in self.view.steps if isinstance(step, Fn)}
        rows = problems.constant.shape[1]
        mine = np.searchsorted(cases, state["cases"][closed, 0])[:, None] * rows + np.arange(rows)
        best = np.take_along_axis(most[closed], mine, axis=1).argmin(axis=1)
        recorder.close(leaves(state["node"][closed], {name: at.tilts[name] for name in names}, np.eye(rows)[best]))

    def problems(self, state: dict[str, AnyArray], box: Mapping[str, Bounds], index: IntArray) -> Problems:
        """The only case of each of some boxes."""
        case = state["cases"][index, 0]
        rows = self.unsafe.rows_of(case).reshape(len(index), -1)
        some = {name: (low[index], high[index]) for name, (low, high) in box.items()}
        return case_problems(self.view, self.unsafe.forms, rows, some)

    def alive(self, table: IntArray, cases: IntArray) -> BoolArray:
        """Which of ``cases`` [B, len(cases)] are open, from numbers [B, K]."""
        found = np.zeros((len(table), len(cases) + 1), np.bool_)
        slot = np.where(table >= 0, np.searchsorted(cases, table), len(cases))
        np.put_along_axis(found, slot, True, axis=1)
        return found[:, :-1]

    def weights(self, cases: IntArray, alive: BoolArray) -> FloatArray:
        """One for each row of an open case, [B, rows]."""
        sizes = np.diff(self.unsafe.start)[cases]
        return np.repeat(alive, sizes, axis=1).astype(np.float64)

    def slopes(self, slope: FloatArray, place: IntArray, weight: FloatArray) -> FloatArray:
        """Input coefficients [B, n] of the linear bounds of the rows, added up with ``weight``."""
        combined = np.zeros(slope.shape[:2])
        np.add.at(combined.T, place, weight.T)
        return np.asarray(np.matmul(combined[:, None], slope)[:, 0])

    def sample(
        self, state: dict[str, AnyArray], cases: IntArray, alive: BoolArray, slope: FloatArray, clock: Clock
    ) -> FloatArray:
        """Margins [B] at the better of the middle and the corner where the linear bounds are greatest."""
        lower, upper = state["lower"], state["upper"]
        corner = np.where(slope > 0, upper, np.where(slope < 0, lower, lower / 2 + upper / 2))
        points = np.concatenate([lower / 2 + upper / 2, corner])
        margins = self.unsafe.pick(cases).margins(self.view.forward({self.inputs: points}))
        margins = np.where(np.tile(alive, (2, 1)), np.nan_to_num(margins, nan=-np.inf), -np.inf)
        best, case = margins.max(axis=1), cases[margins.argmax(axis=1)]
        self.remember(points, case, best)
        good = np.flatnonzero(best >= (0.0 if self.fails < LOOKS else 1e-9))
        if len(good):
            self.fails += 1
            self.inquiry.look(points[good], case[good], best[good])
        elif self.boxes >= self.polish and self.seen is not None:
            self.polish = POLISH * max(self.polish, self.boxes)
            begun = perf_counter()
            found = Attack(self.view, self.inputs, self.unsafe).push(self.seen[0], self.seen[1], clock)
            self.inquiry.time("attack", begun)
            if len(found.margin) and found.margin[0] >= 0:
                self.inquiry.look(found.points, found.case, found.margin)
        return np.asarray(np.maximum(best[: len(lower)], best[len(lower) :]))

    def remember(self, points: FloatArray, case: IntArray, margin: FloatArray) -> None:
        """Keep the best points seen."""
        old = self.seen if self.seen is not None else (points[:0], case[:0], margin[:0])
        points, case, margin = (np.concatenate(pair) for pair in zip(old, (points, case, margin), strict=True))
        best = np.argsort(-margin, kind="stable")[:16]
        self.seen = points[best], case[best], margin[best]

    def halve(
        self, state: dict[str, AnyArray], box: dict[str, Bounds], strength: FloatArray, slope: FloatArray,
        margin: FloatArray, recorder: Recorder, stack: Stack,
    ) -> None:  # fmt: skip
        """Push both halves of every box, the one with the best point last."""
        lower, upper = state["lower"], state["upper"]
        middle = lower / 2 + upper / 2
        splittable = (lower < middle) & (middle < upper)
        score = np.where(splittable, self.score(upper - lower, strength, slope), -1.0)
        pick = score.argmax(axis=1)
        fine = np.take_along_axis(splittable, pick[:, None], axis=1)[:, 0]
        self.stuck.update(np.unique(state["cases"][~fine]).tolist())
        order = np.flatnonzero(fine)[np.argsort(margin[fine], kind="stable")]
        for name in self.kept:
            state[f"lower:{name}"], state[f"upper:{name}"] = box[name]
        state, pick, middle = take(state, order), pick[order], middle[order]
        each = np.arange(len(order))
        state["share"] = state["share"] / 2
        first = recorder.split(state["node"], 0, pick, middle[each, pick] if self.contract else np.nan)
        below = {**state, "upper": state["upper"].copy(), "node": first}
        above = {**state, "lower": state["lower"].copy(), "node": first + 1}
        below["upper"][each, pick] = middle[each, pick]
        above["lower"][each, pick] = middle[each, pick]
        both = join([below, above])
        stack.push(take(both, np.arange(2 * len(order)).reshape(2, -1).T.ravel()))

    def score(self, width: FloatArray, strength: FloatArray, slope: FloatArray) -> FloatArray:
        """What halving an input promises, [B, n]."""
        smear, gain = width * strength, width * np.abs(slope)
        smear /= np.maximum(smear.sum(axis=1, keepdims=True), 1e-300)
        gain /= np.maximum(gain.sum(axis=1, keepdims=True), 1e-300)
        return np.asarray(np.sqrt(smear * gain) + 1e-3 * smear)

    def finish(self, recorder: Recorder, cases: list[IntArray]) -> None:
        """All boxes are closed: what was excluded, unless others settled it meanwhile or a point could not be split."""
        begun = perf_counter()
        bad = np.array(sorted(self.stuck - {-1}), np.int64)
        fine = [mine[self.inquiry.open[mine] & ~np.isin(mine, bad)] for mine in cases]
        if len(bad):
            self.inquiry.notes.append(f"{len(bad)} cases: boxes of single points stay open")
        roots = np.flatnonzero([len(mine) for mine in fine])
        if len(roots):
            fine = [fine[root] for root in roots.tolist()]
            forest = recorder.forest(fine, (self.inputs,), contract=self.contract, roots=roots)
            self.inquiry.refuted(np.concatenate(fine), forest, f"excluded by bounds on {recorder.count // 2 + 1} boxes")
        self.inquiry.time("bisect", begun)


def leaves(nodes: IntArray, tilts: Mapping[str, FloatArray], weights: FloatArray) -> Leaves:
    """Tilts in as few bytes as hold them: those of the grid in two, a function's own may need all."""
    halves = {name: tilt.astype(np.float16) for name, tilt in tilts.items()}
    small = {name: half if (half == tilts[name]).all() else tilts[name] for name, half in halves.items()}
    return Leaves(nodes, small, weights.astype(np.float32) if weights.shape[1] > 1 else None)


def contracted(
    lower: FloatArray, upper: FloatArray, slope: FloatArray, place: IntArray, most: FloatArray, starts: IntArray,
    alive: BoolArray,
) -> tuple[FloatArray, FloatArray, BoolArray]:  # fmt: skip
    """Input boxes [B, n] where points of open cases may lie: lower, upper, and which boxes hold none.

    A row with the linear upper bound ``a . x + c``, at most ``most`` over the box, is >= 0 only within ``most / |a_i|``
    of the end where ``a_i x_i`` is greatest. Row k has the slopes ``slope[:, place[k]]``; cases begin at ``starts``.
    """
    slope = slope[:, place]
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        room = np.nextafter(np.nextafter(most[..., None] / np.abs(slope), np.inf), np.inf)
        low = np.nextafter(upper[:, None] - room, -np.inf)
        high = np.nextafter(lower[:, None] + room, np.inf)
    low = np.where((slope > 0) & (low > lower[:, None]), low, lower[:, None])
    high = np.where((slope < 0) & (high < upper[:, None]), high, upper[:, None])
    low, high = np.maximum.reduceat(low, starts, axis=1), np.minimum.reduceat(high, starts, axis=1)
    size = CLEAR * (np.abs(lower) + np.abs(upper))[:, None]  # the checker's rounding has to leave no doubt
    alive = np.asarray(alive & ~(low > high + size).any(axis=2))
    doubt = low > high
    low, high = np.where(doubt, lower[:, None], low), np.where(doubt, upper[:, None], high)
    low = np.where(alive[..., None], low, np.inf).min(axis=1)
    high = np.where(alive[..., None], high, -np.inf).max(axis=1)
    gone: BoolArray = np.asarray(~alive.any(axis=1))
    keep = gone[:, None]
    return np.where(keep, lower, np.maximum(low, lower)), np.where(keep, upper, np.minimum(high, upper)), gone
