"""Moves of one unit at a time: what every flip would bring, with the direction x always the best one.

The gradient is affine in each y_j: a flip of unit j moves it by d b_j G_j, where d = 1 - 2 y_j, b_j is the derivative
of the functional by the unit's output and G_j [n] the gradient of its input. So one pass over G [F, n] values all F
flips. A flip changes g and b by one vector each and the rows of G above it by one outer product.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...ir.types import AnyArray, FloatArray
from .layers import Layers

REFRESH = 200
"""Moves after which everything is computed again, so that rounding does not pile up."""


class Flips:
    """One pattern [F] and what all of its flips are worth. ``worth``: |g|_1 for linf, |g|_2^2 for l2."""

    def __init__(self, layers: Layers, pattern: AnyArray, norm: str) -> None:
        self.layers = layers
        self.norm = norm
        sizes = [layer.at.stop - layer.at.start for layer in layers.layers]
        self.layer_of = np.repeat(np.arange(len(sizes)), sizes)
        self.room = np.empty((layers.units, layers.inputs), layers.dtype)
        self.ones = np.ones(layers.inputs, layers.dtype)
        self.set(pattern)

    def set(self, pattern: AnyArray) -> None:
        """Go to a pattern, everything computed afresh."""
        layers = self.layers
        self.moves = 0
        self.pattern = np.array(pattern, dtype=layers.dtype)
        b, g = layers.backward(self.pattern[None])
        self.b, self.g = b[0], g[0]
        self.gradients = np.zeros((layers.units, layers.inputs), layers.dtype)
        for layer in layers.layers:
            if layer.outer is not None:
                self.gradients[layer.at] = layer.outer if isinstance(layer.outer, np.ndarray) else layer.outer.toarray()
            if layer.feeds is not None:
                below = self.pattern[layer.feeds, None] * self.gradients[layer.feeds]
                self.gradients[layer.at] += layer.inner @ below
        self.worth = self._worth()

    def _worth(self) -> float:
        return float(np.abs(self.g).sum() if self.norm == "linf" else self.g @ self.g)

    def table(self) -> FloatArray:
        """What the pattern is worth after each single flip [F]."""
        move = (1 - 2 * self.pattern) * self.b
        if self.norm == "linf":
            np.multiply(self.gradients, move[:, None], out=self.room)
            np.add(self.room, self.g, out=self.room)
            np.abs(self.room, out=self.room)
            return np.asarray(self.room @ self.ones, dtype=np.float64)  # faster than a sum
        squares = np.einsum("fn,fn->f", self.gradients, self.gradients)
        return np.asarray(self.worth + 2 * move * (self.gradients @ self.g) + move * move * squares, dtype=np.float64)

    def flip(self, unit: int) -> None:
        """Flip one unit: O(F n) for the gradients of the units above, O(F^2) otherwise."""
        self.moves += 1
        step = 1 - 2 * self.pattern[unit]
        to_below, to_above = self._chains(unit)
        self.g += step * self.b[unit] * self.gradients[unit]
        self.b += step * self.b[unit] * to_below
        above = self.layers.layers[self.layer_of[unit]].at.stop
        if above < self.layers.units:
            self.gradients[above:] += np.outer(step * to_above[above:], self.gradients[unit])
        self.pattern[unit] += step
        self.worth = self._worth()
        if self.moves >= REFRESH:
            self.set(self.pattern)

    def _chains(self, unit: int) -> tuple[AnyArray, AnyArray]:
        """Derivatives of the unit's input by all outputs below it, and of inputs above by its output [F] each."""
        layers, level = self.layers.layers, int(self.layer_of[unit])
        below = np.zeros(self.layers.units, self.layers.dtype)
        for layer in reversed(layers[: level + 1]):
            if layer.feeds is not None:
                seed = self.pattern[layer.at] * below[layer.at]
                if layer.at.start <= unit < layer.at.stop:
                    seed = np.zeros_like(seed)
                    seed[unit - layer.at.start] = 1
                below[layer.feeds] += layer.inner_back @ seed
        above = np.zeros_like(below)
        above[unit] = 1
        for layer in layers[level + 1 :]:
            if layer.feeds is not None:
                through = self.pattern[layer.feeds] * above[layer.feeds]
                if layer.feeds.start <= unit < layer.feeds.stop:
                    through[unit - layer.feeds.start] = 1
                above[layer.at] = layer.inner @ through
        return below, above


def ascend(flips: Flips, rise: float, over: Callable[[], bool]) -> None:
    """Best flip by best flip, as long as one brings a relative ``rise``."""
    for _ in range(20 * flips.layers.units):
        table = flips.table()
        best = int(table.argmax())
        if not table[best] > flips.worth * (1 + rise) or over():
            return
        flips.flip(best)


def tabu(flips: Flips, moves: int, rise: float, rng: np.random.Generator, over: Callable[[], bool]) -> AnyArray:
    """``moves`` best flips, also where they lose, none taken back for a while; the best pattern [F] on the way."""
    best, found = flips.worth, flips.pattern.copy()
    tenure = max(2, min(10, flips.layers.units // 4))
    until = np.zeros(flips.layers.units, np.int64)
    for move in range(moves):
        if over():
            break
        table = flips.table()
        unit = int(np.where((until <= move) | (table > best * (1 + rise)), table, -np.inf).argmax())
        flips.flip(unit)
        until[unit] = move + tenure + int(rng.integers(tenure))
        if flips.worth > best * (1 + rise):
            best, found = flips.worth, flips.pattern.copy()
    return found
