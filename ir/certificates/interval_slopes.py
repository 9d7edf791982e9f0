"""Bounds of Lipschitz constants without any numbers: intervals of gradients, pushed back through the network.

The certificate is ``{"kind": "interval-slopes"}``. The checker does all the work (``ir/slope_proof/interval.py``), for
networks of any size, everywhere or over a box; the bound is weak, as signs of different paths are forgotten.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..arrays_text import known, malformed
from ..slope_proof.interval import dual_norm, gradient_intervals
from ..tasks import Bound
from ..types import FloatArray

KIND = "interval-slopes"


def upper(task: Bound, functional: int, certificate: Mapping[str, Any]) -> float:
    """A proved upper bound of the constant of one functional; inf where nothing is proved.

    Raises :class:`InputError` for a malformed certificate, :class:`~isinglass.ir.errors.Refused` for a network without
    slopes.
    """
    known(KIND, certificate, ("kind",), ())
    if certificate["kind"] != KIND or task.quantity != "lipschitz" or not 0 <= functional < len(task.functionals):
        raise malformed(KIND, "it is of another kind, or about another quantity")
    return float(uppers(task, np.asarray(task.functionals)[functional : functional + 1])[0])


def uppers(task: Bound, rows: FloatArray) -> FloatArray:
    """The same for many functionals [B, k] at once: [B]."""
    return dual_norm(gradient_intervals(task, rows), task.norm)
