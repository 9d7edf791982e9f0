"""Nodes of the search: what is fixed, what proves their bound, and vectors to go on from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...ir.types import AnyArray
from ..lipschitz.layers import Layers
from .dual import Bounded
from .vectors import Sweep, Vectors, unit

HALF = 3e4
"""Largest entry of gradients kept in float16, as an order of magnitude."""


@dataclass(frozen=True, eq=False)
class Warm:
    """Vectors of one node in float16: ``units`` s [F, R] and gradients ``down`` [F, R] by z, the latter divided by
    ``scale``.

    ``score`` [F]: how ambiguous each unit is.
    """

    units: AnyArray
    down: AnyArray
    scale: float
    score: AnyArray

    @classmethod
    def of(cls, vectors: Vectors, found: Sweep, node: int) -> Warm:
        down = found.down[:, node]
        scale = float(np.abs(down).max(initial=0.0)) / HALF or 1.0
        return cls(
            vectors.units[:, node].astype(np.float16), (down / scale).astype(np.float16), scale, ambiguity(found, node)
        )


@dataclass(eq=False)
class Node:
    """``pattern`` [F] int8: 0, 1, or -1 where free. ``inputs`` d and ``multiplier`` T prove ``bound``.

    A node that was split has a ``unit``, two ``children`` (off, on), and nothing else any more. ``judged``:
    what the checker's arithmetic makes of the numbers of a leaf.
    """

    pattern: AnyArray
    bound: float
    inputs: AnyArray
    multiplier: AnyArray
    grade: float
    warm: Warm | None
    unit: int = -1
    children: tuple[Node, ...] = ()
    judged: float = np.inf

    @property
    def free(self) -> bool:
        return bool((self.pattern < 0).any())

    def better(self, found: Bounded) -> bool:
        """Take over ``found`` where it is lower than the node's bound."""
        if not found.value < self.bound:
            return False
        self.bound, self.inputs, self.multiplier, self.grade = found.value, found.inputs, found.multiplier, found.grade
        return True

    def split(self, unit: int, children: tuple[Node, ...]) -> None:
        nothing = np.zeros(0, np.float32)
        self.unit, self.children, self.warm, self.inputs, self.multiplier = unit, children, None, nothing, nothing


def ambiguity(found: Sweep, node: int) -> AnyArray:
    """What the value loses at once, at fixed vectors, when unit j is held: [F] in float32.

    On: (|G| |z| - G.z) / 2, off: (|G| |z| + G.z) / 2; the geometric mean of both counts.
    """
    along = np.einsum("fr,fr->f", found.back[:, node], found.z[:, node])
    most = found.pull[:, node] * found.length[:, node]
    with np.errstate(over="ignore"):
        return np.asarray(np.sqrt(np.maximum(most - along, 0)) * np.sqrt(np.maximum(most + along, 0)), np.float32)


def patterns_of(nodes: list[Node]) -> AnyArray:
    """Patterns [B, F] with NaN where a unit is free."""
    held = np.stack([node.pattern for node in nodes])
    return np.where(held < 0, np.nan, held.astype(np.float64))


def vectors_of(layers: Layers, nodes: list[Node], copies: AnyArray, norm: str, noise: float, seed: int) -> Vectors:
    """Vectors of nodes ``copies`` [B], each disturbed by itself."""
    warm = [node.warm for node in nodes if node.warm is not None]
    units = np.stack([w.units for w in warm], axis=1).astype(layers.dtype)[:, copies]
    down = np.stack([w.down.astype(layers.dtype) * layers.dtype.type(w.scale) for w in warm], axis=1)[:, copies]
    rng = np.random.default_rng(seed)
    units += rng.standard_normal(units.shape, dtype=np.float32) * layers.dtype.type(noise)
    return Vectors.resumed(layers, unit(units), down, norm)
