"""Rows of an unsafe set as functionals of a network on a box: what they are at the centre, and how steep they may be.

guarantee: row r is at most ``centre[r]`` plus the Lipschitz constant of functional r of ``form``, on the whole box
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..blocks import Block, Lin, Var
from ..enclosure import enclose
from ..operators.identity import Identity
from ..slope_form import SlopeForm
from ..slope_maps import SMALL, UNIT, joined
from ..slope_reader import slope_form
from ..tasks import Bound, Prove
from ..types import FloatArray, IntArray
from .ranges import own_ranges


@dataclass(frozen=True, eq=False)
class Margins:
    """``rows`` [M] of the unsafe set on the outer box of a region; ``form``: inputs in units of its half widths."""

    rows: IntArray
    centre: FloatArray
    form: SlopeForm

    @classmethod
    def of(cls, task: Prove, region: int, rows: IntArray) -> Margins:
        """Raises :class:`InputError` or :class:`Refused` where the network has no slope form."""
        question = question_of(task, region, rows)
        var = question.problem.var(question.inputs)
        middle = np.clip(var.lower / 2 + var.upper / 2, var.lower, var.upper)  # halves may underflow
        radius = np.maximum(var.upper - middle, middle - var.lower)
        radius = rounded_up(np.where(radius > 0, np.nextafter(radius, np.inf), 0.0))
        _, high = enclose(question.problem, {question.inputs: middle[None]})[question.outputs]
        return cls(rows, high[0], scaled(slope_form(question, own_ranges(question)), radius))

    def refuted(self, place: int, steepest: float) -> bool:
        """Whether row ``rows[place]`` leaves no point, given a proved bound of its constant: their sum is below 0."""
        return bool(steepest < -self.centre[place])


def question_of(task: Prove, region: int, rows: IntArray) -> Bound:
    """The Lipschitz constants of rows of the unsafe set over the outer box of a region; the rows become a block."""
    problem, unsafe = task.problem, task.unsafe
    forms, x = unsafe.forms.rows(rows), problem.var(task.inputs)
    box = Var(x.name, x.domain, x.shape, unsafe.lower[region], unsafe.upper[region], x.origin, x.names)
    name, size = problem.fresh("margins"), len(rows)
    parts = {**forms.parts, name: Identity(size, -1.0)}
    more: list[Block] = [
        Var.of(name, "real", (size,)),
        Lin(problem.fresh(f"{name}.def"), parts, "==", 0.0 - forms.offset, unsafe.reading, defines=name),
    ]
    blocks = (*(box if block is x else block for block in problem.blocks), *more)
    labels = tuple(f"row {row}" for row in rows.tolist())
    return Bound(problem.with_blocks(blocks), np.eye(size), labels, task.inputs, name, network=task.network)


def rounded_up(radius: FloatArray) -> FloatArray:
    """The next float32 that is not less: products with weights of that type are exact."""
    with np.errstate(over="ignore"):
        short = radius.astype(np.float32)
        short = np.where(short < radius, np.nextafter(short, np.float32(np.inf)), short)
    return np.asarray(short, dtype=np.float64)


def scaled(form: SlopeForm, radius: FloatArray) -> SlopeForm:
    """The form with inputs in units of ``radius`` [n]."""
    inputs, weights = form.inputs * radius, form.input_weights * radius
    off = [rounding(form.inputs, radius, inputs), rounding(form.input_weights, radius, weights)]
    errors = form.errors
    if errors is None and not any(part.any() for part in off):
        return replace(form, inputs=inputs, input_weights=weights)
    zero = (np.zeros(()) * form.within, np.zeros(()) * inputs, np.zeros(()) * form.unit_weights, np.zeros(()) * weights)
    within, entering, units, direct = zero if errors is None else errors
    carried = [joined(entering * radius, off[0]), joined(direct * radius, off[1])]
    both = [np.zeros_like(a) if e is None else e for e, a in zip(carried, (inputs, weights), strict=True)]
    return replace(form, inputs=inputs, input_weights=weights, errors=(within, both[0], units, both[1]))


def rounding(values: FloatArray, radius: FloatArray, result: FloatArray) -> FloatArray:
    """How far products are off: not at all where both numbers are float32, and nothing underflows."""
    with np.errstate(over="ignore"):
        short = (values == values.astype(np.float32)) & (radius == radius.astype(np.float32)) & (np.abs(result) > SMALL)
    return np.where((result == 0) & ((values == 0) | (radius == 0)) | short, 0.0, UNIT * np.abs(result) + 5e-324)
