"""Two-sided assignments: every variable in one row of either side, every pair of rows sharing a variable (QAP, TSP).

Claims (independent) all rows of such a block together, W = weight * gap equal for all of them: 2 W > the dearest
insertion into a partial assignment when taking variables out never costs anything, else 2 W > dearest removal plus
dearest move, over the box.

Needs: a block of active equality rows, sum of its free variables == 1 once fixed ones are counted, convex, each gap a
power of two (then weight * gap is exact); each variable a 0/1 of coefficient 1 in exactly two rows of the block, in no
other penalty; the rows fall into two sides of equal number such that every variable joins one row of each side and
every pair of rows from different sides shares a variable (at least one).

Proof. Write r_i, c_j for the counts of the two sides' rows; over- or underfull by v costs phi(v), W phi / gap in
energy, whose steps are at least W (convexity) and whose first step is exactly W. x minimises E and violates a row.
Only variables of the block will change, so no other penalty changes.

(a) Removal never costs: f(x - e) <= f(x) for every variable e of the block and x in the box. While some row is
overfull, remove one of its ones: that row gains at least W, the row across loses at most W (1 -> 0) or gains, so the
energy does not rise. Removal lowers the number of ones, so this ends at x' with all counts <= 1, E(x') <= E(x). If x'
has no violation at all, then at least one removal was made, and its last one led from a violating point x'' to x':
E(x'') >= f(x'') + W > f(x') = E(x'), so E(x') < E(x): contradiction. Otherwise x' has t ones, t below the common
number of rows on a side, thus an empty row on both sides; inserting a variable they share gains 2 W exactly and costs
at most the insertion bound over points with at most one 1 in each row and none in these two: the energy falls strictly
below E(x') <= E(x): contradiction.

(b) Objective of any sign, rem and ins the dearest removal and insertion over the box (at least 0). Let t be the number
of ones and N the number of rows on a side; call the other side's rows lines. If no row is overfull, t < N and an
insertion gains 2 W at cost <= ins. If a row is overfull and t <= N, a row of the same side is empty: moving a one from
the first to the second, in its line, gains at least 2 W at cost <= rem + ins. If t > N, both sides have an overfull
row. Should some one lie in two overfull rows, removing it gains at least 2 W. If not, take a one (i, c) of an overfull
row i, where line c has this one only, and a one (k, j) of an overfull line j, where row k has this one only: remove
the first and move the second to (k, c). Row i and line j gain at least W each, c and k stay at one: 2 W at cost
<= 2 rem + ins. So 2 W > 2 rem + ins suffices.

Source: half the largest pair insertion, in the spirit of the QAP penalties of Lucas, 2014, section 7.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...ir.types import BoolArray, FloatArray, IntArray
from ._claim import Claim, Hints
from ._model import PenaltyModel
from .cardinality import own_binary


@dataclass(frozen=True)
class Assignment:
    """See the module's docstring."""

    def claim(self, model: PenaltyModel, hints: Hints) -> Claim:
        """The claim; rows that don't qualify get inf."""
        count, label, block, _ = model.blocks
        m = model.rhs.size
        text = "assignment block: insert into an empty pair of rows, or remove and move; half the dearest such step"
        ends, good = self._structure(model)
        need = np.full(m, np.inf)
        if not good.any():
            return Claim.of(model, text, need)
        inside = (label >= 0) & good[label]
        down, upward = model.objective.steps
        removal, insertion = np.zeros(count), np.zeros(count)
        np.maximum.at(removal, label[inside], down[inside])
        np.maximum.at(insertion, label[inside], upward[inside])
        partial = np.zeros(count)
        np.maximum.at(partial, label[inside], self._partial(model, inside, ends)[inside])
        # Halving is exact; the sum is rounded up unless every number in it is exact.
        anywhere = removal + insertion / 2
        anywhere = anywhere if model.objective.exact else np.nextafter(anywhere, np.inf)
        bound = np.where(removal <= 0, np.minimum(partial / 2, anywhere), anywhere)
        rows = (block >= 0) & good[block]
        need[rows] = bound[block[rows]]
        return Claim.of(model, text, need, tied=np.where(rows, block, -1))

    @staticmethod
    def _partial(model: PenaltyModel, inside: BoolArray, ends: IntArray) -> FloatArray:
        """Insertion bounds [n] over partial assignments, gathered by either side, whichever is less."""
        n = inside.size
        owner = np.where(inside, np.arange(n), -1)
        sides = [model.objective.insertion(owner, n, np.where(inside, ends[:, s], -1), ends) for s in (0, 1)]
        return np.minimum(sides[0], sides[1])

    @staticmethod
    def _structure(model: PenaltyModel) -> tuple[IntArray, BoolArray]:
        """The two rows [n, 2] of each variable (first and second side; -1: none), and which blocks qualify."""
        n, m = model.lower.size, model.rhs.size
        count, label, block, other_block = model.blocks
        row, col, _ = model.entries
        twice = own_binary(model, 2)
        plain = model.equality & model.convex & (model.rhs - model.shift == 1) & (np.frexp(model.gap)[0] == 0.5)
        good = np.ones(count, np.bool_)
        good[block[model.active & ~plain]] = False
        good[label[(label >= 0) & ~twice]] = False
        good[other_block] = False
        ends = np.full((n, 2), -1, np.int64)
        order = np.argsort(col, kind="stable")
        order = order[twice[col[order]]]
        ends[col[order[0::2]], 0], ends[col[order[1::2]], 1] = row[order[0::2]], row[order[1::2]]
        # Second side: the rows that share a variable with the block's first row.
        first = np.full(count, m, np.int64)
        np.minimum.at(first, block[model.active], np.flatnonzero(model.active))
        used = np.flatnonzero(twice)
        lead = first[label[used]]
        side = np.zeros(m, np.bool_)
        side[ends[used, 1][ends[used, 0] == lead]] = True
        side[ends[used, 0][ends[used, 1] == lead]] = True
        good[label[used[side[ends[used, 0]] == side[ends[used, 1]]]]] = False
        flipped = used[side[ends[used, 0]]]
        ends[flipped] = ends[flipped, ::-1]
        sizes = [np.bincount(block[model.active & (side == s)], minlength=count) for s in (False, True)]
        pairs = np.unique(ends[used, 0] * m + ends[used, 1])
        cells = np.bincount(block[pairs // m], minlength=count)
        good &= (sizes[0] == sizes[1]) & (cells == sizes[0] * sizes[1]) & (sizes[0] > 0)
        return ends, good
