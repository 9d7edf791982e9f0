"""The unsafe cases of a claim about a network: their margins at points, bounds of the margins over boxes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ...ir.affine import Affine
from ...ir.errors import Refused
from ...ir.exact import Exact
from ...ir.exact_evaluation import exact_affine
from ...ir.linear_forms import linear_forms
from ...ir.order import Solved
from ...ir.tasks import Prove
from ...ir.types import BoolArray, FloatArray, Values
from ..bounds.interval import TINY, Bounds, affine_interval, around, ball, error_of
from .view import NetView


@dataclass(frozen=True, eq=False)
class UnsafeCase:
    """Unsafe where all rows of ``forms`` [m] are >= 0, > 0 where ``strict`` [m]. The margin is the least row."""

    text: str
    forms: Affine
    strict: BoolArray
    reading: str

    def margins(self, values: Values) -> FloatArray:
        """The least row at every point [B], in float64."""
        return np.asarray(self.forms.value(values).min(axis=1))

    def holds(self, values: Mapping[str, Exact]) -> BoolArray:
        """Whether each point [B] is unsafe, decided exactly."""
        sign = exact_affine(self.forms, values, self.reading).sign()
        found = np.asarray(((sign > 0) | ((sign == 0) & ~self.strict)).all(axis=1))
        batch = max(len(exact.top) for exact in values.values())  # forms may read no block at all
        return np.array(np.broadcast_to(found, (batch,)))

    def excluded(self, most: FloatArray) -> BoolArray:
        """Whether upper bounds ``most`` [..., m] of the rows leave no unsafe point."""
        return np.asarray(((most < 0) | ((most == 0) & self.strict)).any(axis=-1))

    def bounds(self, view: NetView, box: Mapping[str, Bounds]) -> Bounds:
        """Rigorous bounds [B, m] of the rows over boxes of all blocks.

        The better of two: from the blocks that the rows read, and with the layers that define those put in, so that
        what two outputs share cancels.
        """
        low, high = affine_interval(self.forms, box, self.reading)
        layers = {step.name: step for step in view.steps if isinstance(step, Solved) and step.plain}
        if self.forms.parts.keys() & layers.keys():
            less, more = through_layers(self, layers, box)
            low, high = np.maximum(low, less), np.minimum(high, more)
        return low, high


def through_layers(case: UnsafeCase, layers: Mapping[str, Solved], box: Mapping[str, Bounds]) -> Bounds:
    """Bounds of G z + c with z = W h + b put in: (G W) h + (G b + c).

    The computed G W is off by gamma_k |G| |W|, so errors are measured by |G| (|W| (|m| + r) + |b|) + |c| instead of by
    the entries of G W; otherwise as in compiler/bounds/interval.py.
    """
    merged, terms = case.forms, 16
    size = np.abs(case.forms.offset)[None]
    reached = np.ones((1, 1))
    with np.errstate(over="ignore", invalid="ignore"):
        for name, operator in case.forms.parts.items():
            inner = layers[name].affine if name in layers else Affine.of_variable(name, operator.shape[1])
            merged = merged.substitute(name, inner) if name in layers else merged
            part = np.abs(inner.offset)[None]
            for source, weights in inner.parts.items():
                centre, radius = ball(*box[source])
                reach = np.abs(centre) + radius
                part = part + weights.absolute(reach)
                reached = reached + reach.sum(axis=1, keepdims=True)
                terms += weights.shape[1] + 2
            size = size + operator.absolute(part)
            terms += operator.shape[1] + 4
        middle, spread = merged.offset[None], np.zeros((1, merged.size))
        for name, operator in merged.parts.items():
            centre, radius = ball(*box[name])
            middle, spread = middle + operator.apply(centre), spread + operator.absolute(radius)
        return around(middle, spread, error_of(size, terms) + terms * TINY * reached)


def cases_of(task: Prove) -> tuple[UnsafeCase, ...]:
    """The cases of a task. Raises :class:`Refused` for forms that are not linear or not stated as ``>= 0``."""
    found = []
    for poly, strict in zip(task.unsafe, task.strict, strict=True):
        if poly.sense not in (None, ">=") or (poly.rhs is not None and poly.rhs.any()) or poly.guard is not None:
            raise Refused(f"unsafe case {poly.name!r} is not of the form 'affine >= 0'", hint="state it so")
        forms = linear_forms(task.problem, poly)
        if not forms.size:
            raise Refused(f"unsafe case {poly.name!r} has no row")
        other = [name for name in forms.parts if name not in (task.inputs, task.outputs)]
        if other:
            raise Refused(f"unsafe case {poly.name!r} reads {other[0]!r}", hint="use only inputs and outputs")
        found.append(UnsafeCase(poly.name, forms, np.array(strict, dtype=np.bool_), poly.reading))
    return tuple(found)
