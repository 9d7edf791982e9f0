"""The vector-valued network: the semidefinite relaxation of a slope form, solved by sweeps forward and back.

Numbers become vectors of R entries. Directions p_i are unit vectors (linf), or of norm 1 all together (l2); a free unit
has a unit vector s_j and responds to its input z_j by v_j = (z_j + |z_j| s_j) / 2, so v_j . (z_j - v_j) = 0 as for
slopes 0 and 1; units held on or off pass z_j on, or nothing. The first entry belongs to the constant 1 of the
relaxation: the value is the first entry of r . v + q . p.

A sweep computes z and v forward, then gradients G_j by v_j backward, where a free unit sends (G_j + |G_j| z_j /
|z_j|) / 2 down, and turns s_j and p_i to their gradients. No sweep lowers the value: the value is convex in z_j where
s_j is aligned, so its linearisation is a lower bound. Momentum shortens the way; nodes that fall start anew.

At a fixed point d_i = |gradient by p_i| and T_j = |G_j| / |z_j| solve the dual (:mod:`.dual`): there the relaxation's
value is met.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic

import numpy as np

from ...ir.types import AnyArray, FloatArray, IntArray
from ..lipschitz.layers import Layers

TINY = 1e-30
IDLE = 1e-8
"""Units whose argument is relatively this small are idle, but for rounding."""


@dataclass(frozen=True, eq=False)
class Sweep:
    """What a sweep of B nodes found: ``z`` and ``back`` G [F, B, R] with lengths [F, B], ``down`` [F, B, R] the
    gradients by z, ``outer`` [n, B, R] those by p with lengths [n, B], ``value`` [B]."""

    z: AnyArray
    length: AnyArray
    back: AnyArray
    pull: AnyArray
    down: AnyArray
    outer: AnyArray
    reach: AnyArray
    value: FloatArray

    def inputs(self, norm: str) -> AnyArray:
        """Multipliers d of the directions: [B, n] for linf, [B, 1] for l2."""
        if norm == "linf":
            return np.asarray(self.reach.T)
        return np.asarray(np.sqrt((self.reach * self.reach).sum(axis=0))[:, None])

    def multipliers(self) -> AnyArray:
        """Multipliers T of the units [B, F]; of those that nothing drives not so large that rounding drowns in them."""
        floor = np.maximum(IDLE * self.length.max(axis=0, initial=0.0), TINY)
        return np.asarray((self.pull / np.maximum(self.length, floor)).T)

    def along(self) -> AnyArray:
        """G_j . z_j [B, F]: what unit j adds when it is on, at these vectors."""
        return np.asarray(np.einsum("fbr,fbr->bf", self.back, self.z))


@dataclass(frozen=True, eq=False)
class Vectors:
    """``units`` s [F, B, R] and ``directions`` p [n, B, R] of B nodes."""

    units: AnyArray
    directions: AnyArray

    @classmethod
    def drawn(cls, layers: Layers, nodes: int, rank: int, norm: str, rng: np.random.Generator) -> Vectors:
        s = rng.standard_normal((layers.units, nodes, rank)).astype(layers.dtype)
        p = rng.standard_normal((layers.inputs, nodes, rank)).astype(layers.dtype)
        return cls(unit(s), turned(p, norm))

    @classmethod
    def resumed(cls, layers: Layers, units: AnyArray, down: AnyArray, norm: str) -> Vectors:
        """From s and gradients by z [F, B, R]: the directions follow from the latter."""
        return cls(units, turned(_outer(layers, down), norm))

    def at(self, nodes: IntArray) -> Vectors:
        return Vectors(self.units[:, nodes], self.directions[:, nodes])

    def shortened(self, rank: int, norm: str) -> Vectors:
        """One node's vectors in the ``rank`` axes that hold most of them; the first axis stays."""
        rest = np.concatenate([self.units[:, 0, 1:], self.directions[:, 0, 1:]])
        axes = np.linalg.eigh(rest.T @ rest)[1][:, ::-1][:, : rank - 1]
        units, directions = (
            np.concatenate([v[..., :1], v[..., 1:] @ axes], axis=2) for v in (self.units, self.directions)
        )
        return Vectors(unit(units), turned(directions, norm))


def unit(vectors: AnyArray) -> AnyArray:
    """Vectors [.., R] at length 1."""
    return np.asarray(vectors / np.maximum(lengths(vectors), TINY)[..., None])


def lengths(vectors: AnyArray) -> AnyArray:
    return np.asarray(np.sqrt(np.einsum("...r,...r->...", vectors, vectors)))


def turned(directions: AnyArray, norm: str) -> AnyArray:
    """Directions [n, B, R] at the norm that they have to have."""
    if norm == "linf":
        return unit(directions)
    return np.asarray(directions / np.maximum(np.sqrt(np.einsum("nbr,nbr->b", directions, directions)), TINY)[:, None])


def sweep(layers: Layers, vectors: Vectors, patterns: AnyArray) -> Sweep:
    """One way forward and back of nodes with ``patterns`` [B, F] (0, 1, NaN where free)."""
    free = np.isnan(patterns.T)
    straight = np.where(free, 0.5, patterns.T).astype(layers.dtype)
    bent = np.where(free, 0.5, 0.0).astype(layers.dtype)
    z, length, value = _forward(layers, vectors, straight, bent)
    back, pull, down = _backward(layers, z, length, straight, bent)
    outer = _outer(layers, down)
    return Sweep(z, length, back, pull, down, outer, lengths(outer), value)


def climb(
    layers: Layers,
    vectors: Vectors,
    patterns: AnyArray,
    norm: str,
    sweeps: int,
    rise: float = 0.0,
    end: float = np.inf,
) -> tuple[Vectors, Sweep]:
    """Vectors and the last sweep from them, after ``sweeps`` or when no node's value rises by ``rise`` relatively,
    or at the time ``end``."""
    last, fresh, best = vectors, np.zeros(vectors.units.shape[1], dtype=layers.dtype), None
    while True:
        found = sweep(layers, vectors, patterns)
        sweeps -= 1
        if best is not None:
            fresh = np.where(found.value < best, 0, fresh + 1).astype(layers.dtype)
            if rise and (np.abs(found.value - best) <= rise * np.abs(found.value)).all():
                sweeps = 0
        if sweeps <= 0 or monotonic() >= end:
            return vectors, found
        best = found.value
        push = (fresh / (fresh + 3))[:, None]
        now = Vectors(unit(found.back), turned(found.outer, norm))
        vectors = Vectors(
            unit(now.units + push * (now.units - last.units)),
            turned(now.directions + push * (now.directions - last.directions), norm),
        )
        last = now


def _forward(
    layers: Layers, vectors: Vectors, straight: AnyArray, bent: AnyArray
) -> tuple[AnyArray, AnyArray, FloatArray]:
    s, p = vectors.units, vectors.directions
    z, v, length = np.empty_like(s), np.zeros_like(s), np.empty(s.shape[:2], s.dtype)
    for layer in layers.layers:
        at = layer.at
        here = np.zeros((at.stop - at.start, s.shape[1] * s.shape[2]), s.dtype)
        if layer.outer is not None:
            here += layer.outer @ p.reshape(len(p), -1)
        if layer.feeds is not None:
            fed = v[layer.feeds]
            here += layer.inner @ fed.reshape(len(fed), -1)
        z[at] = here.reshape(-1, *s.shape[1:])
        length[at] = lengths(z[at])
        v[at] = straight[at, :, None] * z[at] + (bent[at] * length[at])[..., None] * s[at]
    value = layers.unit_weights @ v[:, :, 0] + layers.input_weights @ p[:, :, 0]
    return z, length, np.asarray(value, dtype=np.float64)


def _backward(
    layers: Layers, z: AnyArray, length: AnyArray, straight: AnyArray, bent: AnyArray
) -> tuple[AnyArray, AnyArray, AnyArray]:
    back, down, pull = np.zeros_like(z), np.empty_like(z), np.empty_like(length)
    back[:, :, 0] = layers.unit_weights[:, None]
    for layer in reversed(layers.layers):
        at = layer.at
        pull[at] = lengths(back[at])
        ratio = bent[at] * pull[at] / np.maximum(length[at], TINY)
        down[at] = straight[at, :, None] * back[at] + ratio[..., None] * z[at]
        if layer.feeds is not None:
            sent = layer.inner_back @ down[at].reshape(at.stop - at.start, -1)
            back[layer.feeds] += sent.reshape(-1, *z.shape[1:])
    return back, pull, down


def _outer(layers: Layers, down: AnyArray) -> AnyArray:
    found = np.zeros((layers.inputs, *down.shape[1:]), down.dtype)
    found[:, :, 0] = layers.input_weights[:, None]
    for layer in layers.layers:
        if layer.outer is not None:
            sent = layer.outer_back @ down[layer.at].reshape(layer.at.stop - layer.at.start, -1)
            found += sent.reshape(found.shape)
    return found
