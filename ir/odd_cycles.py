"""Odd cycles: how a lower bound of an Ising energy with few couplings is written down. No finding, no checking.

``{"kind": "odd-cycles", "spins", "spin", "leaf", "start", "vertex", "flag", "multiplier"}`` is about a
:class:`~isinglass.ir.spin_form.SpinForm` without absolute values over ``spins`` N spins t, the first of which is held
at +1: fields are couplings to it.

``spin`` [K]: a tree of fixed spins as in ``ir/spin_tree.py``; ``[-1]``, one leaf, where nothing is fixed. Leaf l of L
has the walks ``leaf[l]`` to ``leaf[l + 1] - 1`` (``leaf`` [L + 1]). Walk w of W goes through the spins
``vertex[start[w]:start[w + 1]]``, at least three, and back to the first one; no spin follows itself. ``flag`` [V] is 1
on the steps from a spin to the next one that are flagged, an odd number of each walk; the last spin's step leads to the
first. ``multiplier`` [W] >= 0. Steps need not be couplings.

A walk of k steps says that the sum of t_i t_j over its steps, with a minus on the flagged ones, is at most k - 2 (the
odd-cycle inequalities of the cut polytope: Barahona and Mahjoub 1986). Any multipliers are sound
(``ir/spin_proof/walks.py`` has the formula); the bound of the tree is the worst of its leaves. Arrays are packed as in
``ir/arrays_text.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from .arrays_text import Unpacker, known, malformed, narrow, packed
from .fixed_spins import check_splits
from .types import AnyArray, IntArray

KIND = "odd-cycles"
WHOLE = ("spin", "leaf", "start", "vertex", "flag")

fault = partial(malformed, KIND)


@dataclass(frozen=True, eq=False)
class OddCycles:
    """The arrays of a proof; see above."""

    spins: int
    spin: IntArray
    leaf: IntArray
    start: IntArray
    vertex: IntArray
    flag: IntArray
    multiplier: AnyArray

    @classmethod
    def of_walks(cls, spins: int, start: IntArray, vertex: IntArray, flag: IntArray, multiplier: AnyArray) -> OddCycles:
        """A proof without fixed spins."""
        return cls(spins, np.array([-1]), np.array([0, len(multiplier)]), start, vertex, flag, multiplier)

    @property
    def leaves(self) -> int:
        return len(self.leaf) - 1

    def to_plain(self) -> dict[str, Any]:
        """Plain data for JSON."""
        arrays = {name: packed(narrow(np.asarray(getattr(self, name), dtype=np.int64))) for name in WHOLE}
        return {"kind": KIND, "spins": self.spins, **arrays, "multiplier": packed(self.multiplier)}

    @classmethod
    def from_plain(cls, data: Mapping[str, Any]) -> OddCycles:
        """Read back what :meth:`to_plain` wrote; whether it fits a form is not looked at.

        Raises :class:`InputError` for everything else.
        """
        known(KIND, data, ("kind", "spins", *WHOLE, "multiplier"), ())
        spins = data["spins"]
        if data["kind"] != KIND or type(spins) is not int or spins < 1:
            raise fault("it is no proof by odd cycles, or its size is no whole number")
        reader = Unpacker(KIND)
        spin, leaf, start, vertex, flag = (reader.whole(data[name]) for name in WHOLE)
        found = cls(spins, spin, leaf, start, vertex, flag, reader.numbers(data["multiplier"], 1))
        check_shape(found)
        return found


def check_shape(proof: OddCycles) -> None:
    """Lengths, ranges, signs and parities; raises :class:`InputError`."""
    check_splits(KIND, proof.spin, proof.spins)
    leaf, start = proof.leaf, proof.start
    walks = len(proof.multiplier)
    if len(leaf) != int((proof.spin < 0).sum()) + 1 or leaf[0] != 0 or leaf[-1] != walks or (np.diff(leaf) < 0).any():
        raise fault("its walks do not belong to its leaves")
    if len(start) != walks + 1 or start[0] != 0 or start[-1] != len(proof.vertex) or (np.diff(start) < 3).any():
        raise fault("a walk has less than three steps")
    if not (np.isfinite(proof.multiplier) & (proof.multiplier >= 0)).all():
        raise fault("a multiplier is negative or no number")
    check_steps(proof)


def check_steps(proof: OddCycles) -> None:
    vertex, flag = proof.vertex, proof.flag
    if len(flag) != len(vertex) or ((flag != 0) & (flag != 1)).any():
        raise fault("its flags are not given for every step")
    if ((vertex < 0) | (vertex >= proof.spins)).any() or (vertex == following(proof.start, vertex)).any():
        raise fault("a walk names no spin, or stands still")
    if len(vertex) and (np.add.reduceat(flag, proof.start[:-1]) % 2 == 0).any():
        raise fault("a walk has an even number of flags")


def following(start: IntArray, vertex: IntArray) -> IntArray:
    """The next spin of each step [V]."""
    found = np.roll(vertex, -1)
    if len(vertex):
        found[start[1:] - 1] = vertex[start[:-1]]
    return found
