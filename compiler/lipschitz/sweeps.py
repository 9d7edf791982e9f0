"""Alternating maximisation of the slope of a network over directions and patterns, many starts at once.

*needs* layers; *guarantee*: values never fall from sweep to sweep. With x and all other layers fixed the functional is
linear in a layer's y, so y = [b z > 0] is a best response, and x = sign(g) or g / |g| is the best direction for a
pattern. One sweep goes forward through the layers, where b stays and z is new, and back, where z stays and b is new.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...ir.types import AnyArray
from .layers import Layers, size_of

SWEEPS = 30
RISE = 1e-6
"""Starts of which none rises by this much relatively end the sweeps."""


def direction(gradient: AnyArray, norm: str) -> AnyArray:
    """The unit direction [S, n] in which a gradient [S, n] is largest."""
    if norm == "linf":
        return np.where(gradient >= 0, 1, -1).astype(gradient.dtype)
    length = np.sqrt((gradient * gradient).sum(axis=1, keepdims=True))
    return np.asarray(gradient / np.where(length > 0, length, 1))


def never() -> bool:
    """No deadline."""
    return False


def climb(
    layers: Layers, patterns: AnyArray, norm: str, sweeps: int = SWEEPS, over: Callable[[], bool] = never
) -> AnyArray:
    """Patterns [S, F] that the sweeps reach from ``patterns`` [S, F] (numbers in 0..1; not changed).

    At least one sweep is made, so that they are all of 0 and 1.
    """
    patterns = np.array(patterns, dtype=layers.dtype)
    b, g = layers.backward(patterns)
    z, units = np.empty_like(b), np.empty_like(b)
    value = size_of(g, norm)
    for _ in range(sweeps):
        x = direction(g, norm)
        for layer in layers.layers:
            at = layer.at
            z[:, at] = layer.inputs(units, x)
            patterns[:, at] = b[:, at] * z[:, at] > 0
            units[:, at] = patterns[:, at] * z[:, at]
        b, g = layers.start(len(patterns))
        for layer in reversed(layers.layers):
            at = layer.at
            patterns[:, at] = b[:, at] * z[:, at] > 0
            layer.backward(patterns[:, at] * b[:, at], b, g)
        last, value = value, size_of(g, norm)
        if (value <= last * (1 + RISE)).all() or over():
            break
    return patterns
