"""Ragged index sets as arrays."""

from __future__ import annotations

import numpy as np

from ..ir.types import IntArray


def places(counts: IntArray) -> tuple[IntArray, IntArray]:
    """For groups of the given sizes: the group of every member, and its place 0, 1, ... within the group."""
    group = np.repeat(np.arange(len(counts)), counts)
    return group, np.arange(len(group)) - np.repeat(np.cumsum(counts) - counts, counts)
