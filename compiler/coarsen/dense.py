"""The kernels of dense systems in numpy, with the same arguments and results as in ``kernels.py``."""

from __future__ import annotations

import numpy as np

from ...ir.types import FloatArray, IntArray, SpinArray


def cut_dense(
    matrix: FloatArray, block: IntArray, spins: SpinArray, local: FloatArray, value: FloatArray, fields: FloatArray
) -> int:
    """Every pair of the block, in order, into ``value``; the fields of everything else into ``fields``."""
    inside = matrix[np.ix_(block, block)]
    fields[: len(block)] = local[block] - inside @ spins[block].astype(np.float64)
    pairs = inside[np.triu_indices(len(block), 1)]
    value[: len(pairs)] = pairs
    return len(pairs)


def put_dense(matrix: FloatArray, block: IntArray, new: SpinArray, spins: SpinArray, local: FloatArray) -> float:
    """Set the spins of a block; local fields follow. Returns the change of the energy."""
    other = new != spins[block]
    changed = block[other]
    step = 2.0 * new[other]
    if not len(changed):
        return 0.0
    # half of the fields' own change belongs to the pairs inside, each counted once
    pull = step @ matrix[changed]
    change = float(step @ local[changed] + step @ pull[changed] / 2)
    spins[changed] = new[other]
    local += pull
    return change
