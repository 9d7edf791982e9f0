"""The slopes that a network may have, read off its blocks: any graph of affine maps and functions of one argument.

Along a direction x every block responds by a linear map of the units' parts u and of x, see ``ir/slope_form.py``; the
maps are multiplied out here, one block after the other, and split by what they read: ``block -> {source -> map}``, a
source being the inputs or a block of units. What is a copy of a source stays a diagonal, so that a chain of layers is
taken over as it is, without a rounding. Rounding errors are bounded along the way, see ``ir/slope_maps.py``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .blocks import Fn
from .errors import InputError, Refused
from .operators.dense import Dense
from .order import Solved, Step, computed, free_blocks
from .slope_form import SlopeForm
from .slope_maps import ENTRIES, HINT, UNIT, Part, joined, product, whole
from .tasks import Bound
from .types import FloatArray

UNITS = 6000
"""Most units of a form."""
INPUTS = 20_000
"""Most inputs of a form."""
Parts = dict[str, Part]
"""Source -> map; their sum."""
Ranges = tuple[FloatArray, FloatArray]
"""Lower and upper ends [F] of the units' arguments."""


def slope_form(task: Bound, ranges: Ranges | None = None) -> SlopeForm:
    """The slopes of the functionals of a task: globally, or with the units' arguments in ``ranges``.

    Units come in order of their layers, each layer in the order in which its blocks are computed. Raises
    :class:`Refused` for a network beyond the limits above, a function that jumps or reads more than one argument;
    :class:`InputError` for one that is not computed from the block of inputs alone, and for functionals or ranges of
    another size.
    """
    steps = needed(task)
    blocks = unit_blocks(task, steps)
    units, n = sum(size for _, _, size in blocks), task.problem.var(task.inputs).size
    check_size(units, n)
    if ranges is not None and any(np.shape(side) != (units,) for side in ranges):
        raise InputError(f"ranges of shape {np.shape(ranges[0])} for a network of {units} units")
    low, high = slopes_of(task, blocks, ranges)
    reader = Reader(task, {name: slice(first, first + size) for name, first, size in blocks}, low, high)
    for step in steps:
        reader.read(step)
    return reader.form(tuple(blocks))


def check_size(units: int, n: int) -> None:
    """Raise :class:`Refused` where a form would be too large."""
    over = (
        f"{units:,} units, more than {UNITS:,}" if units > UNITS
        else f"{n:,} inputs, more than {INPUTS:,}" if n > INPUTS
        else f"{units * (units + n):,} numbers, more than {ENTRIES:,}" if units * (units + n) > ENTRIES
        else ""
    )  # fmt: skip
    if over:
        raise Refused(f"the slopes of this network have {over}", code="too-large", hint=HINT)


def needed(task: Bound) -> tuple[Step, ...]:
    """The steps that the outputs depend on, in an order in which they can be computed."""
    steps = computed(task.problem)
    reads = {name_of(step): sources(step) for step in steps}
    wanted, stack = {task.outputs}, [task.outputs]
    while stack:
        for name in reads.get(stack.pop(), ()):
            if name not in wanted:
                wanted.add(name)
                stack.append(name)
    free = [name for name in free_blocks(task.problem) if name in wanted and name != task.inputs]
    if free:
        raise InputError(f"block {free[0]!r} is neither computed nor the block of inputs {task.inputs!r}")
    return tuple(step for step in steps if name_of(step) in wanted)


def name_of(step: Step) -> str:
    return step.output if isinstance(step, Fn) else step.name


def sources(step: Step) -> tuple[str, ...]:
    """The blocks that a step reads."""
    return tuple(arg.variable for arg in step.args) if isinstance(step, Fn) else tuple(step.affine.parts)


def unit_blocks(task: Bound, steps: Sequence[Step]) -> list[tuple[str, int, int]]:
    """Name, first unit and size of each function block, by layers."""
    depth = layers(steps)
    fns = [step for step in steps if isinstance(step, Fn)]
    for fn in fns:
        if len(fn.args) != 1:
            kind = type(fn.function).__name__.lower()
            hint = "write max as relu first (pass activations-to-relu)" if kind == "max" else "only functions of one"
            raise Refused(f"{kind} ({fn.name}) has {len(fn.args)} arguments", code="no-slope", hint=hint)
    found, first = [], 0
    for fn in sorted(fns, key=lambda fn: depth[fn.output]):
        size = task.problem.vars[fn.output].size
        found.append((fn.output, first, size))
        first += size
    return found


def layers(steps: Sequence[Step]) -> dict[str, int]:
    """For each block the most function blocks on a way from the inputs to it, less one for a function block itself."""
    found: dict[str, int] = {}
    functions = {step.output for step in steps if isinstance(step, Fn)}
    for step in steps:
        name = name_of(step)
        found[name] = max((found.get(source, 0) + (source in functions) for source in sources(step)), default=0)
    return found


def slopes_of(
    task: Bound, blocks: Sequence[tuple[str, int, int]], ranges: Ranges | None
) -> tuple[FloatArray, FloatArray]:
    """Least and greatest slopes [F] of the units."""
    functions = {fn.output: fn.function for fn in task.problem.fns.values()}
    found = [(np.zeros(0), np.zeros(0))]
    for name, first, size in blocks:
        here = slice(first, first + size)
        full = np.full(size, np.inf)
        sides = (-full, full) if ranges is None else (np.asarray(ranges[0])[here], np.asarray(ranges[1])[here])
        found.append(functions[name].slopes(*sides))
    return np.concatenate([low for low, _ in found]), np.concatenate([high for _, high in found])


class Reader:
    """Blocks as maps of their sources, one step after the other."""

    def __init__(self, task: Bound, places: dict[str, slice], low: FloatArray, high: FloatArray) -> None:
        self.task, self.places, self.low, self.high = task, places, low, high
        self.n = task.problem.var(task.inputs).size
        self.maps: dict[str, Parts] = {task.inputs: {task.inputs: Part(np.ones(self.n))}}
        self.arguments: dict[str, Parts] = {}
        self.entries = 0

    def read(self, step: Step) -> None:
        if isinstance(step, Fn):
            self.read_function(step)
        else:
            self.maps[step.name] = self.solved(step)
            self.entries += sum(part.matrix.size for part in self.maps[step.name].values())
        if self.entries > ENTRIES:
            text = f"the maps of this network's blocks have more than {ENTRIES:,} numbers"
            raise Refused(text, code="too-large", hint=HINT)

    def read_function(self, fn: Fn) -> None:
        """v = low z + (high - low) u."""
        place = self.places[fn.output]
        low, high = self.low[place], self.high[place]
        arg = {source: part.rows(fn.args[0].index) for source, part in self.maps[fn.args[0].variable].items()}
        self.arguments[fn.output] = arg
        gap = high - low
        # the difference is exact where high - gap gives low back (Dekker), for |high| >= |low|
        off = np.where(np.abs(high) >= np.abs(low), np.abs((high - gap) - low), UNIT * np.abs(gap))
        found = {source: part.scaled(low) for source, part in arg.items()} if low.any() else {}
        found[fn.output] = Part(gap, joined(off))
        self.maps[fn.output] = found

    def solved(self, step: Solved) -> Parts:
        found: Parts = {}
        for name, operator in step.affine.parts.items():
            for source, part in self.maps[name].items():
                new = product(operator, part, step.reading == "dyadic" or whole(operator))
                found[source] = found[source].plus(new) if source in found else new
        if step.plain:
            return found
        off = None if step.reading == "dyadic" else 2 * UNIT / np.abs(step.divisor)
        return {source: part.full().scaled(step.divisor, off, divide=True) for source, part in found.items()}

    def form(self, blocks: tuple[tuple[str, int, int], ...]) -> SlopeForm:
        """All put together."""
        task, units = self.task, len(self.low)
        functionals = np.atleast_2d(np.asarray(task.functionals, dtype=np.float64))
        size = task.problem.var(task.outputs).size
        if functionals.shape[1] != size or not np.isfinite(functionals).all():
            raise InputError(f"functionals of shape {functionals.shape} over {size} outputs, or not finite")
        width = self.n + units
        stored, errors = np.zeros((units, width)), [np.zeros((0, 0))] * 2
        tops = np.zeros((len(functionals), width))
        rows = {name: (self.places[name], parts) for name, parts in self.arguments.items()}
        errors[0] = self.fill(stored, rows.values())
        outputs = {source: product(Dense(functionals), part, True) for source, part in self.maps[task.outputs].items()}
        errors[1] = self.fill(tops, [(slice(None), outputs)])
        off = None
        if any(error.any() for error in errors):
            off = errors[0][:, self.n :], errors[0][:, : self.n], errors[1][:, self.n :], errors[1][:, : self.n]
        depth = layers(needed(task))
        layer = np.concatenate([np.zeros(0, np.int64), *(np.full(size, depth[name]) for name, _, size in blocks)])
        return SlopeForm(
            stored[:, self.n :], stored[:, : self.n], tops[:, self.n :], tops[:, : self.n], self.low, self.high,
            blocks, layer, off,
        )  # fmt: skip

    def fill(self, table: FloatArray, rows: object) -> FloatArray:
        """Write maps into rows of ``table`` [m, n + F], inputs first; returns the errors in the same shape."""
        errors = np.broadcast_to(np.zeros(()), table.shape)
        for here, parts in rows:  # type: ignore[attr-defined]
            for source, part in parts.items():
                whole = part.full()
                there = slice(0, self.n) if source == self.task.inputs else slice(
                    self.n + self.places[source].start, self.n + self.places[source].stop
                )  # fmt: skip
                table[here, there] = whole.matrix
                if whole.error is not None:
                    errors = np.array(errors) if not errors.flags.writeable else errors
                    errors[here, there] = whole.error
        return errors
