"""One functional of a question about Lipschitz constants, with the slopes that the network may have."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ...ir.slope_form import SlopeForm
from ...ir.slope_reader import slope_form
from ...ir.slope_value import form_value, slopes_of
from ...ir.spin_form import SpinForm
from ...ir.tasks import Bound
from ...ir.types import FloatArray
from .local import local_ranges

Ranges = tuple[FloatArray, FloatArray]


@dataclass(frozen=True, eq=False)
class Question:
    """``form``: the slopes; ``ranges``: those of the units' arguments [F] over a box, None for all inputs."""

    task: Bound
    form: SlopeForm
    ranges: Ranges | None
    functional: int = 0

    @classmethod
    def of(cls, task: Bound) -> Question:
        """Raises what reading the slopes raises, :class:`Refused` for a network that is too large."""
        var = task.problem.var(task.inputs)
        boxed = bool(np.isfinite(var.lower).all() and np.isfinite(var.upper).all())
        ranges = local_ranges(task) if boxed else None
        return cls(task, slope_form(task, ranges), ranges)

    def about(self, functional: int) -> Question:
        """The same network and inputs, another functional."""
        return replace(self, functional=functional)

    @property
    def label(self) -> str:
        return self.task.labels[self.functional]

    @property
    def as_spins(self) -> bool:
        """Whether this is a maximum over spins as it is: one hidden layer, maximum norm."""
        return self.form.single and self.task.norm == "linf"

    def spin_form(self) -> SpinForm:
        return SpinForm.of_slopes(self.form, self.functional, self.task.quantity)

    def steep_form(self) -> SlopeForm:
        """A form whose patterns of 0 and 1 have the values asked about: for ``inf-to-one`` slopes 2 y - 1."""
        form, k = self.form, self.functional
        if self.task.quantity == "lipschitz":
            return form
        weights, direct = form.unit_weights.copy(), form.input_weights.copy()
        direct[k] -= weights[k] @ form.inputs
        weights[k] *= 2
        return replace(form, unit_weights=weights, input_weights=direct, errors=None)

    def value(self, pattern: FloatArray) -> tuple[float, float]:
        """What a pattern [F] of 0 and 1 is worth, enclosed."""
        slopes = slopes_of(self.form, self.task.quantity, pattern)
        return form_value(self.form, self.functional, self.task.norm, slopes)

    def spins(self, patterns: FloatArray) -> FloatArray:
        """Spins [K, N] of the spin form for patterns [K, F]."""
        t = 2 * np.asarray(patterns, dtype=np.float64) - 1
        return t if self.task.quantity == "inf-to-one" else np.column_stack([np.ones(len(t)), t])

    def pattern(self, spins: FloatArray) -> FloatArray:
        """The pattern [F] of spins [N]."""
        t = spins if self.task.quantity == "inf-to-one" else spins[0] * spins[1:]
        return np.asarray((1 + t) / 2)
