"""Polynomials of binaries of degree three and more become quadratic.

rewrites: every monomial of degree >= 3 in the objective
  ``method=pairs``: products of two variables become a new binary z = xy, shared between monomials, held by the penalty
      M (xy - 2xz - 2yz + 3z) with M = max(sum of positive, sum of negative coefficients that z takes over): at any x, y
      the best z is xy, so the minimum over z equals the polynomial (Rosenberg 1975)
  ``method=terms``: each negative monomial -a x1...xd becomes min over z of a z (d - 1 - sum x) (Freedman and Drineas
      2005); positive ones go through pairs
needs: binaries only; adds: binaries, penalties with their own proved weights; guarantee: same, kept
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from ...ir.blocks import Arg, Block, Penalty, Poly, Var
from ...ir.definition import Apply, Conjunction
from ...ir.errors import Refused, UsageError
from ...ir.functions.product import Product
from ...ir.ledger import Note
from ...ir.lift.complete import Complete
from ...ir.lifting import Lift, Record
from ...ir.problem import Problem
from ...ir.step import Step
from ...ir.terms.monomials import Monomials
from ...ir.types import FloatArray, IntArray
from ..penalties.rosenberg import rosenberg


@dataclass(frozen=True)
class Quadratize:
    method: str = "pairs"

    removes: ClassVar[tuple[str, ...]] = ("high-degree",)
    adds: ClassVar[tuple[str, ...]] = ("bin",)

    def run(self, problem: Problem) -> Step:
        if self.method not in ("pairs", "terms"):
            raise UsageError(f"method {self.method!r} is not known", hint="pairs or terms")
        objective = problem.objective
        if any(poly.degree > 2 for poly in problem.penalties):
            raise Refused("a penalty has degree above two", hint="linearize its row before penalize")
        if objective.degree <= 2:
            return Step(problem)
        low = [term for term in objective.terms if term.degree <= 2]
        high = boolean(Monomials.join([t.monomials() for t in objective.terms if t.degree > 2]))  # type: ignore[misc]
        check(problem, high)
        blocks: list[Block] = []
        records: list[Record] = []
        if self.method == "terms":
            high, more, record = freedman(problem, high)
            blocks += more
            records += record
        while high.degree > 2:
            high, more, record = pair_round(problem.with_blocks([*problem.blocks, *blocks]), high)
            blocks += more
            records += record
        count = (high.which >= 0).sum(axis=1)
        constant = objective.constant + high.coefficient[count == 0].sum()
        new = replace(objective, terms=(*low, high.take(count > 0)), constant=constant)
        kept = [new if block is objective else block for block in problem.blocks]
        bits = sum(block.size for block in blocks if isinstance(block, Var))
        note = Note("quadratize", f"{self.method}: products", objective.name, bits, unit="binaries")
        return Step(problem.with_blocks([*kept, *blocks]), Lift(tuple(records)), ledger=(note,))


def check(problem: Problem, high: Monomials) -> None:
    for name in high.names:
        if problem.vars[name].domain != "bin":
            raise Refused(
                f"{name!r} is {problem.vars[name].domain}; only polynomials of binaries can be made quadratic",
                hint="run encode-integers or spin-to-binary first",
            )


def boolean(monomials: Monomials) -> Monomials:
    """x^2 = x: repeated factors removed, equal monomials merged."""
    tidy = monomials.tidy()
    which, index = tidy.which.copy(), tidy.index.copy()
    twin = (which[:, 1:] == which[:, :-1]) & (index[:, 1:] == index[:, :-1]) & (which[:, 1:] >= 0)
    which[:, 1:][twin] = -1
    return replace(tidy, which=which, index=index).tidy()


def pair_round(problem: Problem, high: Monomials) -> tuple[Monomials, list[Block], list[Record]]:
    """Each monomial of degree >= 3 gives up its most frequent pair; equal pairs share one new variable."""
    work = np.flatnonzero((high.which >= 0).sum(axis=1) > 2)
    pairs, monomial, places = all_pairs(high, work)
    unique, inverse, counts = np.unique(pairs, axis=0, return_inverse=True, return_counts=True)
    inverse = inverse.ravel()
    order = np.lexsort((inverse, -counts[inverse], monomial))  # per monomial: most frequent first, then least number
    first = order[np.unique(monomial[order], return_index=True)[1]]
    used, z = np.unique(inverse[first], return_inverse=True)
    picked = unique[used]
    changed = work[monomial[first]]
    weight = takeover(z, high.coefficient[changed], len(picked))
    # one block of products for every pair of variable blocks
    kinds, kind = np.unique(picked[:, [0, 2]], axis=0, return_inverse=True)
    kind = kind.ravel()
    place = np.zeros(len(picked), np.int64)
    names, blocks, records = list(high.names), list[Block](), list[Record]()
    for number, (first_name, second_name) in enumerate(kinds):
        members = np.flatnonzero(kind == number)
        place[members] = np.arange(len(members))
        args = Arg(high.names[first_name], picked[members, 1]), Arg(high.names[second_name], picked[members, 3])
        made = product_blocks(problem.with_blocks([*problem.blocks, *blocks]), args, weight[members])
        names.append(made[0].name)
        blocks += made
        records.append(Complete(made[0].name, Apply(Product(), args)))
    which, index = high.which.copy(), high.index.copy()
    left, right = places[first].T
    which[changed, left], index[changed, left] = len(high.names) + kind[z], place[z]
    which[changed, right] = -1
    after = replace(high, names=tuple(names), which=which, index=index).tidy()
    return after, blocks, records


def product_blocks(problem: Problem, args: tuple[Arg, Arg], weight: FloatArray) -> tuple[Var, Poly]:
    """The new binaries z = xy and the penalty M (xy - 2xz - 2yz + 3z) that holds them."""
    size = len(weight)
    block = Var.of(problem.fresh("product"), "bin", (size,), origin="product:objective")
    term = rosenberg(args, block.name, size)
    ones = np.ones(size)
    note = Penalty(weight, ones, 0 * ones, "objective", np.arange(size), ("takeover",), np.zeros(size, np.int64),
                   np.nextafter(weight, 0), ones, np.full(size, -1.0), np.full(size, -1, np.int64))  # fmt: skip
    poly = Poly(f"{block.name}.penalty", "penalty", (term,), np.zeros(size), penalty=note, origin="product:objective")
    return block, poly


def all_pairs(high: Monomials, work: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """Every pair of factors of the chosen monomials: [p, 4] (which, index, which, index), its monomial, its places."""
    width = high.which.shape[1]
    left, right = np.triu_indices(width, 1)
    which, index = high.which[work], high.index[work]
    table = np.stack([which[:, left], index[:, left], which[:, right], index[:, right]], axis=2)
    valid = (table[:, :, 0] >= 0) & (table[:, :, 2] >= 0)
    monomial, pair = np.nonzero(valid)
    return table[valid], monomial, np.stack([left[pair], right[pair]], axis=1)


def takeover(z: IntArray, coefficient: FloatArray, size: int) -> FloatArray:
    """max(sum of positive, sum of negative coefficients) per new variable, rounded up."""
    positive = np.bincount(z, np.maximum(coefficient, 0.0), size)
    negative = np.bincount(z, np.maximum(-coefficient, 0.0), size)
    weight = np.maximum(positive, negative)
    whole = weight == np.floor(weight)
    slack = weight * (np.bincount(z, minlength=size) + 1) * np.finfo(np.float64).eps
    exact = whole & bool((coefficient % 1 == 0).all()) & (weight < 2.0**53)
    return np.where(exact, weight, np.nextafter(weight + slack, np.inf))


def freedman(problem: Problem, high: Monomials) -> tuple[Monomials, list[Block], list[Record]]:
    """-a x1...xd = min over z of a z (d - 1 - x1 - ... - xd) for every monomial with a negative coefficient."""
    count = (high.which >= 0).sum(axis=1)
    chosen = (count > 2) & (high.coefficient < 0)
    if not chosen.any():
        return high, [], []
    size = int(chosen.sum())
    block = Var.of(problem.fresh("term"), "bin", (size,), origin="product:objective")
    taken, number = high.take(chosen), len(high.names)
    row, slot = np.nonzero(taken.which >= 0)
    z_which, z_index = np.full(len(row), number), row
    pairs_which = np.stack([z_which, taken.which[row, slot]], axis=1)
    pairs_index = np.stack([z_index, taken.index[row, slot]], axis=1)
    k = np.arange(size)
    none = np.full(size, -1)
    names = (*high.names, block.name)
    zero = np.zeros(size, np.int64)
    single = Monomials(1, names, zero, np.stack([zero + number, none], axis=1), np.stack([k, zero], axis=1),
                       -taken.coefficient * (count[chosen] - 1))  # fmt: skip
    double = Monomials(1, names, np.zeros(len(row), np.int64), pairs_which, pairs_index, taken.coefficient[row])
    rest = Monomials.join([replace(high.take(~chosen), names=names), single, double]).tidy()
    return rest, [block], [Complete(block.name, Conjunction(high.names, taken.which, taken.index))]
