"""Interval bounds of affine rows over the blocks of a network, such as the rows of an unsafe set.

source: the error terms as in compiler/bounds/interval.py
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ...ir.affine import Affine
from ...ir.order import Solved
from ..bounds.interval import TINY, Bounds, affine_interval, around, ball, error_of
from .view import NetView


def interval_rows(view: NetView, forms: Affine, reading: str, box: Mapping[str, Bounds]) -> Bounds:
    """Rigorous bounds [B, M] of affine rows [M] over boxes of all blocks.

    The better of two: from the blocks that the rows read, and with the layers that define those put in, so that what
    two outputs share cancels.
    """
    low, high = affine_interval(forms, box, reading)
    layers = {step.name: step for step in view.steps if isinstance(step, Solved) and step.plain}
    if forms.parts.keys() & layers.keys():
        less, more = through_layers(forms, layers, box)
        low, high = np.maximum(low, less), np.minimum(high, more)
    return low, high


def through_layers(forms: Affine, layers: Mapping[str, Solved], box: Mapping[str, Bounds]) -> Bounds:
    """Bounds of G z + c with z = W h + b put in: (G W) h + (G b + c).

    The computed G W is off by gamma_k |G| |W|, so errors are measured by |G| (|W| (|m| + r) + |b|) + |c| instead of by
    the entries of G W; otherwise as in compiler/bounds/interval.py.
    """
    merged, terms = forms, 16
    size = np.abs(forms.offset)[None]
    reached = np.ones((1, 1))
    with np.errstate(over="ignore", invalid="ignore"):
        for name, operator in forms.parts.items():
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
