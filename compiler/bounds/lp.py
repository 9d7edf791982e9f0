"""The best lines, multiples of splits and weights of one problem, from the duals of a linear program.

needs: finite bounds; functions whose undecided lines are affine in the tilt (all but sigmoid and tanh); a solver of LPs
guarantee: the solver's word counts for nothing: its duals become parameters, and the bound is computed anew from them
source: Salman et al., A Convex Relaxation Barrier to Tight Robustness Verification of Neural Networks, NeurIPS 2019

The program puts every function between its lines of tilt 0 and 1 (for relu the triangle) and maximises the least row.
Its dual is what the backward pass computes: the multiplier of the line of tilt 1 as a share of both lines' is the tilt,
that of a split's row its multiplier, those of the rows are the weights. Bounds of arguments count only through lines,
as in the backward pass (where lines that cross outside the box confine an argument, the program may be a little better
than what its duals give here). Splits may be broken at a price, so that the program has a solution where they
contradict each other, and their multipliers stay below that price.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from scipy import sparse

from ...ir.blocks import Arg, Fn
from ...ir.lines import Lines
from ...ir.order import Solved
from ...ir.protocols import OpenLp
from ...ir.types import BoolArray, FloatArray, IntArray
from ..networks.view import NetView
from .crown import undecided
from .interval import Bounds
from .optimise import Optimised, default_parameters, rigorous, rounded
from .relaxation import lines_of
from .relaxed import Parameters, Problems

PRICE = 1e4
"""Of breaking a split by one, times the greatest coefficient of a row."""


def lp_bound(problems: Problems, number: int, open_lp: OpenLp, seconds: float | None = None) -> Optimised | None:
    """The rigorous bound of problem ``number`` from an LP's duals; None where it has no LP or is not solved in time."""
    one = problems.pick(np.array([number]))
    model = Model.of(one)
    if model is None:
        return None
    arrays = model.arrays()
    found = open_lp(*arrays).solve(seconds)
    if found.status != "optimal" or found.dual is None:
        return None
    return rigorous(one, rounded(model.parameters(one, np.abs(found.dual))))


@dataclass(eq=False)
class Model:
    """Rows as they are added: blocks of (matrix, lower, upper), and where they stand."""

    starts: dict[str, int]
    columns: int
    lower: FloatArray
    upper: FloatArray
    cost: FloatArray
    parts: list[tuple[sparse.csr_array, FloatArray, FloatArray]] = field(default_factory=list)
    height: int = 0
    ends: dict[str, tuple[IntArray, list[tuple[int, float]]]] = field(default_factory=dict)
    splits: int = 0
    rows: int = 0
    goal: bool = False

    @classmethod
    def of(cls, one: Problems) -> Model | None:
        """The program of a single problem."""
        model = cls.of_layers(one.view, {name: (low[:1], high[:1]) for name, (low, high) in one.box.items()})
        if model is not None:
            model.add_goal(one)
        return model

    @classmethod
    def of_layers(cls, view: NetView, box: Mapping[str, Bounds]) -> Model | None:
        """The network between its lines over one box, with nothing to maximise yet; None where lines do not do."""
        sizes = {name: low.shape[1] for name, (low, _) in box.items()}
        ends = np.cumsum(list(sizes.values()))
        columns = int(ends[-1]) + 2  # the least row, and by how much splits are broken
        model = cls(
            dict(zip(sizes, [0, *ends[:-1].tolist()], strict=True)), columns,
            np.full(columns, -np.inf), np.full(columns, np.inf), np.zeros(columns),
        )  # fmt: skip
        for name in view.free:
            at = slice(model.starts[name], model.starts[name] + sizes[name])
            model.lower[at], model.upper[at] = box[name][0][0], box[name][1][0]
        for step in view.steps:
            if isinstance(step, Solved):
                model.add_layer(step)
            elif not model.add_function(step, box):
                return None
        return model

    def add(self, entries: Mapping[int, sparse.csr_array], low: FloatArray, high: FloatArray) -> int:
        """Rows with matrices from given first columns on; returns the number of the first row."""
        if not len(low):
            return self.height
        total = sparse.csr_array((len(low), self.columns))
        for start, matrix in entries.items():
            coo = sparse.coo_array(matrix)
            place = (coo.coords[0], coo.coords[1] + start)
            total = total + sparse.csr_array((coo.data, place), shape=total.shape)
        self.parts.append((total, low, high))
        self.height += len(low)
        return self.height - len(low)

    def add_layer(self, step: Solved) -> None:
        entries = {self.starts[name]: operator.to_csr() for name, operator in step.affine.parts.items()}
        entries[self.starts[step.name]] = sparse.csr_array(sparse.diags_array(-step.divisor))
        self.add(entries, -step.affine.offset, -step.affine.offset)

    def add_function(self, fn: Fn, box: Mapping[str, Bounds]) -> bool:
        """Its lines of tilt 0 and 1; the line itself where there is but one. False where that is not possible."""
        shape = box[fn.output][0].shape
        both = [lines_of(fn, box, np.full(shape, tilt)) for tilt in (0.0, 1.0)]
        open_ = undecided(fn, both[0], box)[0] | undecided(fn, both[1], box)[0]
        if (open_.any() and not fn.function.straight) or not all(map(finite, both)):
            return False
        closed, free = np.flatnonzero(~open_), np.flatnonzero(open_)
        low, high = both[0].lower_offset[0][closed], both[0].upper_offset[0][closed]
        self.add(self.line(fn, both[0].upper_slopes, closed), np.minimum(low, high), high)
        found = []
        for tilt, lines in enumerate(both):
            none = np.full(len(free), np.inf)
            up = self.add(self.line(fn, lines.upper_slopes, free), -none, lines.upper_offset[0][free])
            down = self.add(self.line(fn, lines.lower_slopes, free), lines.lower_offset[0][free], none)
            found += [(up, float(tilt)), (down, float(tilt))]
        self.ends[fn.output] = free, found
        return True

    def line(self, fn: Fn, slopes: list[FloatArray], index: IntArray) -> dict[int, sparse.csr_array]:
        """``output - sum of slopes * arguments`` for some elements."""
        place = np.arange(len(index))
        width = self.widths
        found = {self.starts[fn.output]: csr(np.ones(len(index)), place, index, width[fn.output])}
        for arg, slope in zip(fn.args, slopes, strict=True):
            start = self.starts[arg.variable]
            part = csr(-slope[0][index], place, element(arg, index), width[arg.variable])
            found[start] = found[start] + part if start in found else part
        return found

    @property
    def widths(self) -> dict[str, int]:
        """Sizes of the blocks."""
        ends = [*self.starts.values(), self.columns - 2]
        return {name: end - start for (name, start), end in zip(self.starts.items(), ends[1:], strict=True)}

    def add_goal(self, one: Problems) -> None:
        """Splits that may be broken by the last column; the last but one is at most every row."""
        splits, sign = one.splits, one.splits.sign[0]
        there = np.flatnonzero(sign)
        first = np.array([self.starts[splits.names[b]] for b in splits.block[0, there]], dtype=np.int64)
        place = np.arange(len(there))
        held = csr(sign[there], place, first + splits.element[0, there], self.columns)
        broken = csr(np.ones(len(there)), place, np.zeros(len(there), np.int64), 1)
        value = sign[there] * splits.value[0, there]
        self.splits = self.add({0: held, self.columns - 1: broken}, value, np.full(len(there), np.inf))
        present = np.isfinite(one.constant[0])
        entries = {self.starts[name]: sparse.csr_array(-array[0][present]) for name, array in one.rows.items()}
        limit = one.constant[0][present]
        entries[self.columns - 2] = sparse.csr_array(np.ones((len(limit), 1)))
        self.rows = self.add(entries, np.full(len(limit), -np.inf), limit)
        size = max((float(np.abs(array[0]).max(initial=0.0)) for array in one.rows.values()), default=0.0)
        self.goal = True
        self.lower[-1], self.cost[-2], self.cost[-1] = 0.0, -1.0, PRICE * max(size, 1e-6)

    def arrays(self) -> tuple[sparse.csr_array, FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]:
        """As ``open_lp`` takes them."""
        matrix = sparse.csr_array(sparse.vstack([part for part, _, _ in self.parts], format="csr"))
        low, high = (np.concatenate([part[side] for part in self.parts]) for side in (1, 2))
        return matrix, low, high, self.lower, self.upper, self.cost

    def parameters(self, one: Problems, dual: FloatArray) -> Parameters:
        """From the sizes of the multipliers [m]."""
        found = default_parameters(one)
        for name, (free, ends) in self.ends.items():
            total, later = np.zeros(len(free)), np.zeros(len(free))
            for start, tilt in ends:
                here = dual[start : start + len(free)]
                total, later = total + here, later + tilt * here
            used = total > 0
            found.tilts[name][0, free[used]] = later[used] / total[used]
        there: BoolArray = one.splits.sign[0] != 0
        found.multipliers[0, there] = dual[self.splits : self.splits + int(there.sum())]
        present = np.isfinite(one.constant[0])
        weights = dual[self.rows : self.rows + int(present.sum())] if self.goal else np.zeros(0)
        if weights.sum() > 0:
            found.weights[0, present] = weights / weights.sum()
        return found


def csr(data: FloatArray, row: IntArray, column: IntArray, width: int) -> sparse.csr_array:
    """One entry for each row."""
    return sparse.csr_array((data, (row, column)), shape=(len(data), width))


def element(arg: Arg, index: IntArray) -> IntArray:
    return index if arg.index is None else arg.index[index]


def finite(lines: Lines) -> bool:
    return all(np.isfinite(array).all() for array in (lines.lower_offset, lines.upper_offset))
