"""Which spins a tree of cases fixes at its leaves. Shared by the formats of proofs about spins."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .arrays_text import NODES, is_preorder, malformed
from .types import AnyArray, IntArray


def fixed_spins(kind: str, spin: IntArray, spins: int, most: int) -> Iterator[AnyArray]:
    """The spins [N] that are fixed at the leaves of a tree ``spin`` [K], in preorder and up to ``most`` leaves at a
    time: int8 [B, N], +-1, 0 where a spin is free; spin 0 is +1.

    A node is followed by the subtree where its spin is +1, then by that where it is -1; -1 is a leaf. Raises
    :class:`InputError` where a spin is split twice on a way.
    """
    now = np.zeros(spins, np.int8)
    now[0] = 1
    found: list[AnyArray] = []
    open_: list[int] = []  # splits on the way whose first side is being walked, ~spin: whose second
    for one in spin.tolist():
        if one >= 0:
            if now[one]:
                raise malformed(kind, "a spin is split twice on a way")
            now[one] = 1
            open_.append(one)
            continue
        found.append(now.copy())
        if len(found) == most:
            yield np.stack(found)
            found.clear()
        while open_ and open_[-1] < 0:
            now[~open_.pop()] = 0
        if open_:
            now[open_[-1]] = -1
            open_[-1] = ~open_[-1]
    if found:
        yield np.stack(found)


def check_splits(kind: str, spin: IntArray, spins: int) -> None:
    """Raises :class:`InputError` unless ``spin`` is one tree in preorder over the spins 1 to ``spins`` - 1."""
    if not 0 < len(spin) <= NODES or not is_preorder(spin < 0):
        raise malformed(kind, "its nodes are no tree in preorder")
    if ((spin < -1) | (spin == 0) | (spin >= spins)).any():
        raise malformed(kind, "a split names no spin")
