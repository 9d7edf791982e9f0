"""A slope form with one functional as its last row, prepared for many leaves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..linear_proof.numbers import SLACK
from ..slope_form import SlopeForm
from ..types import BoolArray, FloatArray


@dataclass(frozen=True, eq=False)
class Magnitudes:
    """Of a form and one functional: its rows with the functional as the last one, their magnitudes and errors.

    ``rows`` [F + 1, F], ``inputs`` [F + 1, n]; errors None where they are exact; ``row_size``, ``input_size``: bounds
    of the true magnitudes; ``reads`` [F + 1, F]: where rows may differ from 0; ``readers`` [F]: units that
    may read inputs; ``weight``: the greatest magnitude of the functional.
    """

    rows: FloatArray
    inputs: FloatArray
    row_error: FloatArray | None
    input_error: FloatArray | None
    reads: BoolArray
    row_size: FloatArray
    input_size: FloatArray
    readers: BoolArray
    weight: float

    @classmethod
    def of(cls, form: SlopeForm, functional: int) -> Magnitudes:
        k = functional
        rows = np.vstack([form.within, form.unit_weights[k : k + 1]])
        inputs = np.vstack([form.inputs, form.input_weights[k : k + 1]])
        row_error = input_error = None
        if form.errors is not None:
            within, direct, weights, through = form.errors
            row_error, input_error = np.vstack([within, weights[k : k + 1]]), np.vstack([direct, through[k : k + 1]])
        row_size = np.abs(rows) if row_error is None else (np.abs(rows) + row_error) * SLACK
        input_size = np.abs(inputs) if input_error is None else (np.abs(inputs) + input_error) * SLACK
        weight = max(float(np.abs(rows[-1]).max(initial=0.0)), float(np.abs(inputs[-1]).max(initial=0.0)))
        # NaN, where something overflowed, counts as read: the bound is no number then either
        readers = np.asarray((input_size[:-1] != 0).any(axis=1), dtype=np.bool_)
        reads = np.asarray(row_size != 0, dtype=np.bool_)
        return cls(rows, inputs, row_error, input_error, reads, row_size, input_size, readers, weight)

    def used(self, fixed: FloatArray) -> BoolArray:
        """Units [F] on some way from the inputs to the functional past none that is fixed at 0: z and u of others are
        0, or do not matter."""
        there, reads = np.asarray(fixed != 0), self.reads[:-1]
        ahead = closure(self.reads[-1] & there, lambda units: reads[units].any(axis=0) & there)
        return closure(self.readers & ahead, lambda units: reads[:, units].any(axis=1) & ahead)


def closure(units: BoolArray, next_to: Callable[[BoolArray], BoolArray]) -> BoolArray:
    """``units`` [F] and all that ``next_to`` leads to from them."""
    while True:
        more = units | next_to(units)
        if np.count_nonzero(more) == np.count_nonzero(units):
            return np.asarray(units)
        units = more
