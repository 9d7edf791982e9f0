"""The dearest move still available: how much an adversary can make the cheapest repairing step of a row cost.

Row r is violated only where its movable variables stand away from their good ends, with sum_j reach per unit times
distance beyond a threshold: sum_{j away} |a_j| d_j > t_r. The cheapest move among those that stand away costs at most
the k-th dearest, where the k dearest are the first whose total reach sum |a_j| (u_j - l_j) exceeds t_r: a set of
variables all dearer than that lies within the first k - 1, whose reach does not exceed t_r.
"""

from __future__ import annotations

import numpy as np

from ...ir.types import FloatArray, IntArray


def dearest_available(
    row: IntArray, cost: FloatArray, reach: FloatArray, threshold: FloatArray
) -> FloatArray:
    """Cost bound [m] of the cheapest available move of each row.

    row, cost, reach [k]: the movable entries, reach an integer >= 1. threshold [m] integer. -inf where the reach never
    exceeds the threshold (the row can't be violated on this side), inf where the threshold is negative (a violation
    may leave nothing to move).
    """
    order = np.lexsort((-cost, row))
    row, cost, total = row[order], cost[order], np.cumsum(reach[order].astype(np.int64))
    start = np.searchsorted(row, np.arange(threshold.size))
    before = np.concatenate([np.zeros(1, np.int64), total])[start]
    exceeds = total - before[row] > threshold[row]
    result = np.full(threshold.size, -np.inf)
    np.maximum.at(result, row[exceeds], cost[exceeds])
    return np.where(threshold < 0, np.inf, result)
