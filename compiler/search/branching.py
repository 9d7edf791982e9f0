"""Branch and bound on the phases of neurons: nodes are splits of arguments of functions (or of inputs, where nothing
else is left), each bounded with lines and multipliers of its own.

needs: a network whose blocks have finite bounds over each region
guarantee: closed nodes hold no point of their case in real arithmetic; the tree is recorded with what proves it
source: Wang et al., Beta-CROWN: Efficient Bound Propagation with Per-neuron Split Constraints, NeurIPS 2021

Bounds of all blocks are those of the root, narrowed by the splits. All open nodes of a region, whatever their case, are
worked off in batches, last in first out, the one with the greatest bound first.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from ...ir.protocols import Event
from ...ir.types import AnyArray, FloatArray, IntArray
from ..bounds.interval import Bounds, function_interval
from ..bounds.optimise import Optimised, Schedule, case_problems, default_parameters, optimise
from ..bounds.relaxed import Parameters, Problems, Relaxed
from ..bounds.splits import Splits
from ..networks.attack import Attack
from .claim import Claim
from .clock import Clock
from .inquiry import Inquiry
from .leaf_lp import LeafLp
from .phases import Chosen, Phases
from .recorder import Leaves, Recorder
from .root import Root, batches, bounded, single
from .states import Stack, take

TRIED = 4
"""Splits of a node that are tried before one is taken."""
NODE = Schedule(steps=20)
"""Steps of gradient at each node, from its parent's lines and multipliers: fewer leave deep trees."""
SHALLOW = Schedule(steps=8)
"""The same where there is one layer of functions; there the first split is taken untried."""
MOST = 256
WORK = 1 << 22
"""Numbers of one array of a batch of nodes."""
NEAR = 1e-7
"""Points that miss by no more than this, relatively, are looked at: float32 may take them."""
DEPTH = 16
"""Splits that a node has room for at first."""
POLISH = 4
"""Gradient runs start from the best points seen when the number of nodes has grown by this factor."""


@dataclass(eq=False)
class Branching:
    """One search over all regions; :meth:`run` may be paused and continued between its events."""

    inquiry: Inquiry
    nodes: int = 0
    polish: int = 64
    share: float = 1.0

    def __post_init__(self) -> None:
        self.view, self.unsafe = self.inquiry.view, self.inquiry.unsafe
        self.inputs = self.inquiry.task.inputs
        self.claim, self.phases = Claim(self.view, self.unsafe), Phases(self.view, self.inputs)
        self.programs = LeafLp(self.view, self.inputs, self.inquiry.tools.open_lp)
        self.width = max(low.size for low in (var.lower for var in self.view.problem.vars.values()))

    @property
    def progress(self) -> float:
        """The share of the trees that is closed; a node has half the share of its parent."""
        return 1.0 - self.share

    def run(self, clock: Clock) -> Generator[Event, None, None]:
        """Until every region is done, a witness is found, or the time is over."""
        regions = np.unique(self.unsafe.region[self.inquiry.open]).tolist()
        for number, region in enumerate(regions):
            if clock.over or self.inquiry.settled:
                return
            begun = perf_counter()
            root = bounded(self.inquiry, self.claim, region, clock)
            self.inquiry.time("root", begun)
            for cases in batches(self.inquiry, self.inquiry.cases_of(region)):
                self.share = 1.0 - number / len(regions)
                yield from Tree(self, root, cases).run(clock, 1.0 / len(regions))


@dataclass(eq=False)
class Tree:
    """The trees of some cases of one region, with equally many rows each."""

    search: Branching
    root: Root
    cases: IntArray

    def __post_init__(self) -> None:
        one = self.search
        self.inquiry, self.view, self.unsafe, self.phases = one.inquiry, one.view, one.unsafe, one.phases
        self.rows = self.unsafe.rows_of(self.cases).reshape(len(self.cases), -1)
        self.recorder, self.stack = Recorder(len(self.cases)), Stack()
        self.left = np.ones(len(self.cases), np.int64)  # open nodes of each tree
        self.told = False
        shallow = len(self.phases.functions) <= 1
        self.schedule, self.tries = (SHALLOW, 1) if shallow else (NODE, TRIED)

    def run(self, clock: Clock, weight: float) -> Generator[Event, None, None]:
        others = self.search.share - weight
        self.stack.push(self.start())
        batch = 16
        most = int(np.clip(WORK / self.search.width, 4, MOST))
        try:
            while self.stack.size:
                if clock.over or self.inquiry.settled:
                    return
                begun = perf_counter()
                self.step(self.stack.pop(batch), clock)
                self.inquiry.time("branch", begun)
                batch = min(most, 2 * batch)
                if self.stack.bytes + self.recorder.bytes > self.inquiry.memory:
                    self.inquiry.notes.append("branching stopped: the memory it may take is used up")
                    return
                self.search.share = others + weight * self.stack.total("share") / len(self.cases)
                text = f"branch and bound: {self.search.nodes} nodes, {self.stack.size} open"
                yield Event(text, self.search.progress, 1.0)
        finally:
            self.tell()

    def start(self) -> dict[str, AnyArray]:
        """The roots of all cases."""
        count = len(self.cases)
        problems = case_problems(self.view, self.unsafe.forms, self.rows, self.root.box, Splits.none(count))
        at = default_parameters(problems)
        room = (count, DEPTH)
        return {
            "tree": np.arange(count), "node": np.arange(count), "depth": np.zeros(count, np.int64),
            "share": np.ones(count), "block": np.full(room, -1, np.int64), "element": np.zeros(room, np.int64),
            "value": np.zeros(room), "above": np.zeros(room, np.bool_), "*": np.zeros(room, np.float32),
            "+": single(at.weights), **{f"tilt:{name}": single(tilt) for name, tilt in at.tilts.items()},
        }  # fmt: skip

    def step(self, state: dict[str, AnyArray], clock: Clock) -> None:
        """Bound a batch of nodes, and push the children of those that stay open."""
        fresh = self.inquiry.open[self.cases[state["tree"]]]  # others may have settled some
        state = take(state, fresh)
        count = len(state["node"])
        if not count:
            return
        splits = self.splits(state)
        box = self.narrowed(splits)
        problems = case_problems(self.view, self.unsafe.forms, self.rows[state["tree"]], box, splits)
        start = self.parameters(state, splits.depth)
        schedule = self.schedule if self.search.nodes >= len(self.cases) else Schedule(steps=0)  # roots have had theirs
        found = optimise(problems, schedule, start, over=lambda: clock.over, reading=self.unsafe.reading)
        self.search.nodes += count
        closed = found.most < 0
        self.close(take(state, closed), found, np.flatnonzero(closed))
        left = np.flatnonzero(~closed)
        if not len(left):
            return
        self.sample(found.slopes[self.search.inputs][left], box, state["tree"][left], left, clock)
        if self.inquiry.settled:
            return
        some = {name: sides if len(sides[0]) == 1 else (sides[0][left], sides[1][left]) for name, sides in box.items()}
        tilts = {name: tilt[left] for name, tilt in found.parameters.tilts.items()}
        kept = {name: coef[left] for name, coef in found.kept.items()}
        chosen = self.phases.choose(some, kept, tilts, self.tries)
        left, chosen = self.settled(state, problems, found, left, chosen, clock)
        if self.inquiry.settled or not len(left):
            return
        some = {name: sides if len(sides[0]) == 1 else (sides[0][left], sides[1][left]) for name, sides in box.items()}
        tree, at = state["tree"][left], found.parameters.pick(left)
        chosen = self.tried(tree, splits.pick(left), at, found.most[left], chosen)
        chosen = self.with_inputs(chosen, some, found.slopes[self.search.inputs][left])
        order = np.argsort(found.most[left], kind="stable")
        self.push(take(state, left[order]), found.parameters.pick(left[order]), chosen, order)

    def settled(
        self, state: dict[str, AnyArray], problems: Problems, found: Optimised, left: IntArray, chosen: Chosen,
        clock: Clock,
    ) -> tuple[IntArray, Chosen]:  # fmt: skip
        """Settle open nodes without a phase to split by linear programs; returns those that stay open."""
        bare = np.flatnonzero(chosen.promise[:, 0] <= 0)
        nodes, better = [], found.parameters.pick(left[bare])
        for place, node in enumerate(left[bare].tolist()):
            if clock.over or self.inquiry.settled:
                break
            answer = self.search.programs.solve(problems, node, found.parameters.tilts, clock)
            if answer is None:
                continue
            if answer.point is not None:
                point, case = answer.point[None], self.cases[state["tree"][[node]]]
                margin = self.unsafe.margins(self.view.forward({self.search.inputs: point}))[0, case]
                if margin[0] >= -NEAR * (1.0 + np.abs(self.unsafe.forms.offset).max()):
                    self.inquiry.look(point, case, margin)
            if answer.weights is not None and answer.multipliers is not None:
                better.weights[place], better.multipliers[place] = answer.weights, answer.multipliers
                nodes.append(place)
        if self.inquiry.settled or not nodes:
            return left, chosen
        some = left[bare[nodes]]
        again = optimise(
            problems.pick(some), Schedule(steps=0), better.pick(np.array(nodes)), reading=self.unsafe.reading
        )
        out = again.most < 0
        self.close(take(state, some[out]), again, np.flatnonzero(out))
        found.parameters.store(some, again.parameters)  # what they depend on now may be something to split
        anew = self.phases.choose(problems.pick(some).box, again.kept, again.parameters.tilts, self.tries)
        for mine, given in zip(vars(chosen).values(), vars(anew).values(), strict=True):
            mine[bare[nodes]] = given
        keep = np.setdiff1d(np.arange(len(left)), bare[nodes][out])
        return left[keep], Chosen(*(array[keep] for array in vars(chosen).values()))

    def tried(
        self, tree: IntArray, splits: Splits, at: Parameters, most: FloatArray, chosen: Chosen
    ) -> Chosen:
        """Of several splits of each node the one whose two children gain the most, with their parent's parameters."""
        nodes, count = chosen.block.shape
        if count == 1:
            return chosen.pick(np.zeros(nodes, np.int64))
        owner = np.tile(np.repeat(np.arange(nodes), count), 2)
        above = np.repeat([False, True], nodes * count)
        mine = splits.pick(owner)
        columns = [np.tile(array.ravel(), 2) for array in (chosen.block, chosen.element, chosen.value)]
        added = Splits(mine.names, *(
            np.column_stack([old, new])
            for old, new in zip((mine.block, mine.element, mine.value, mine.above), (*columns, above), strict=True)
        ))  # fmt: skip
        here = at.pick(owner)
        here.multipliers = np.column_stack([here.multipliers, np.zeros(len(owner))])
        problems = case_problems(self.view, self.unsafe.forms, self.rows[tree[owner]], self.narrowed(added), added)
        bound = Relaxed(problems).evaluate(here)[0].reshape(2, nodes, count)
        gain = np.clip(most[:, None] - bound, 1e-6 * most[:, None], most[:, None]) + 1e-300
        score = np.where(chosen.promise > 0, gain[0] * gain[1], -1.0)
        return chosen.pick(score.argmax(axis=1))

    def splits(self, state: Mapping[str, AnyArray]) -> Splits:
        """The splits on the way to each node, without the room that none needs."""
        deep = int(state["depth"].max(initial=0))
        keys = ("block", "element", "value", "above")
        return Splits(self.phases.names, *(state[key][:, :deep] for key in keys))

    def parameters(self, state: Mapping[str, AnyArray], deep: int) -> Parameters:
        tilts = {key[5:]: wide(array) for key, array in state.items() if key.startswith("tilt:")}
        return Parameters(tilts, wide(state["*"][:, :deep]), wide(state["+"]))

    def narrowed(self, splits: Splits) -> dict[str, Bounds]:
        """The root's bounds, met with the splits, and functions of blocks that are split anew; [B, n] or [1, n]."""
        box, count = dict(self.root.box), len(splits.block)
        for name in self.phases.names:
            place, depth, element = splits.places(name)
            if not len(place):
                continue
            low, high = (np.repeat(side, count, axis=0) for side in box[name])
            above, value = splits.above[place, depth], splits.value[place, depth]
            np.maximum.at(low, (place[above], element[above]), value[above])
            np.minimum.at(high, (place[~above], element[~above]), value[~above])
            box[name] = low, high
        for fn in self.phases.functions:
            if any(len(box[arg.variable][0]) > 1 for arg in fn.args):
                low, high = function_interval(fn, box)
                box[fn.output] = np.maximum(low, box[fn.output][0]), np.minimum(high, box[fn.output][1])
        return box

    def close(self, state: Mapping[str, AnyArray], found: Optimised, closed: IntArray) -> None:
        if not len(closed):
            return
        at = found.parameters.pick(closed)
        tilts = {name: single(at.tilts[name]) for name in found.kept}
        room = np.zeros((len(closed), state["*"].shape[1]), np.float32)
        room[:, : at.multipliers.shape[1]] = at.multipliers
        self.recorder.close(Leaves(state["node"], tilts, single(at.weights), room))
        self.left -= np.bincount(state["tree"], minlength=len(self.left))

    def sample(
        self, slope: FloatArray, box: Mapping[str, Bounds], tree: IntArray, left: IntArray, clock: Clock
    ) -> None:
        """Look at the points where the linear bounds are greatest."""
        low, high = (side if len(side) == 1 else side[left] for side in box[self.search.inputs])
        points = np.where(slope > 0, high, np.where(slope < 0, low, low / 2 + high / 2))
        case = self.cases[tree]
        margins = self.unsafe.own_least(self.view.forward({self.search.inputs: points}), case)[0]
        margins = np.nan_to_num(margins, nan=-np.inf)
        good = np.flatnonzero(margins >= 0)
        if len(good):
            self.inquiry.look(points[good], case[good], margins[good])
        if not self.inquiry.settled and self.search.nodes >= self.search.polish:
            self.search.polish = POLISH * max(self.search.polish, self.search.nodes)
            best = np.argsort(-margins, kind="stable")[:16]
            begun = perf_counter()
            found = Attack(self.view, self.search.inputs, self.unsafe).push(points[best], case[best], clock)
            self.inquiry.time("attack", begun)
            if len(found.margin) and found.margin[0] >= 0:
                self.inquiry.look(found.points, found.case, found.margin)

    def with_inputs(self, chosen: Chosen, box: Mapping[str, Bounds], slope: FloatArray) -> Chosen:
        """Where no argument is worth a split, halve the input that the bound depends on most."""
        none = ~(chosen.promise > 0)
        if not none.any():
            return chosen
        low, high = (np.broadcast_to(side, slope.shape) for side in box[self.search.inputs])
        middle = low / 2 + high / 2
        reach = np.where((low < middle) & (middle < high), (high - low) * (np.abs(slope) + 1e-9), 0.0)
        best, each = reach.argmax(axis=1), np.arange(len(slope))
        return Chosen(
            np.where(none, 0, chosen.block), np.where(none, best, chosen.element),
            np.where(none, middle[each, best], chosen.value), np.where(none, reach[each, best], chosen.promise),
        )  # fmt: skip

    def push(self, state: dict[str, AnyArray], at: Parameters, chosen: Chosen, order: IntArray) -> None:
        """The two children of every node, with what it learned; nodes of a single point stay open for good."""
        fine = chosen.promise[order] > 0
        state, at, order = take(state, fine), at.pick(fine), order[fine]
        count = len(order)
        if not count:
            return
        block, element, value = chosen.block[order], chosen.element[order], chosen.value[order]
        if int(state["depth"].max()) >= state["block"].shape[1]:
            self.stack.change(doubled)
            state = doubled(state)
        each, depth = np.arange(count), state["depth"]
        room = np.zeros(state["*"].shape, np.float32)
        room[:, : at.multipliers.shape[1]] = at.multipliers
        state |= {f"tilt:{name}": single(tilt) for name, tilt in at.tilts.items()}
        state |= {"*": room, "+": single(at.weights), "share": state["share"] / 2, "depth": depth + 1}
        for key, array in (("block", block), ("element", element), ("value", value)):
            state[key] = state[key].copy()
            state[key][each, depth] = array
        first = self.recorder.split(state["node"], block, element, value)
        sides = []
        for above in (False, True):
            flags = state["above"].copy()
            flags[each, depth] = above
            sides.append({**state, "above": flags, "node": first + int(above)})
        self.left += np.bincount(state["tree"], minlength=len(self.left))
        for side in sides:
            self.stack.push(side)

    def tell(self) -> None:
        """Cases whose trees are closed."""
        done = np.flatnonzero((self.left == 0) & self.inquiry.open[self.cases])
        if self.told or not len(done):
            return
        self.told = True
        names = self.phases.names
        forest = self.recorder.forest(
            [self.cases[[k]] for k in done.tolist()], names, bounds="kept", layers=self.root.layers, roots=done
        )
        reason = f"excluded by bounds on {int(forest.leaf.sum())} cases of phases"
        self.inquiry.refuted(self.cases[done], forest, reason)


def doubled(state: Mapping[str, AnyArray]) -> dict[str, AnyArray]:
    """With room for twice as many splits."""
    found = dict(state)
    for key, empty in (("block", -1), ("element", 0), ("value", 0.0), ("above", False), ("*", 0.0)):
        more = np.full_like(state[key], empty)
        found[key] = np.concatenate([state[key], more], axis=1)
    return found


def wide(array: AnyArray) -> FloatArray:
    return array.astype(np.float64)
