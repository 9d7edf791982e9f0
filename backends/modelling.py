"""From arrays that a file holds to a problem: blocks regrouped from labels, one objective."""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence

import numpy as np
from scipy import sparse

from ..ir.blocks import Poly, Var
from ..ir.errors import InputError
from ..ir.operators.csr import Csr
from ..ir.operators.dense import Dense
from ..ir.problem import Problem
from ..ir.term import Term
from ..ir.terms.bilinear import Bilinear
from ..ir.terms.linear import Linear
from ..ir.terms.monomials import Monomials
from ..ir.types import FloatArray, IntArray
from .triplets import Couplers, Triplets, couplers_csr

LABEL = re.compile(r"(.+?)\[(\d+(?:,\d+)*)\]")
BLOCKS = 1000
"""Most variable blocks that labels are regrouped into; beyond it one block ``x`` holds everything."""


def problem_of(
    name: str,
    domain: str,
    offset: float,
    linear: FloatArray,
    couplers: Couplers,
    labels: Sequence[Hashable] | None = None,
) -> Problem:
    """A quadratic objective over binaries or spins. ``linear`` [n], couplers i < j, ``labels`` [n] (None: ``x[i]``)."""
    n = len(linear)
    blocks = blocks_of(labels if labels is not None else range(n), domain, "s" if domain == "spin" else "x")
    problem = Problem(name, tuple(blocks))
    terms: list[Term] = []
    for part in linear_terms(problem, linear[None]):
        terms.append(part)
    found = len(couplers.value) if isinstance(couplers, Triplets) else int(np.count_nonzero(couplers))
    if found and len(blocks) == 1:
        square = Csr.of(couplers_csr(couplers, n)) if isinstance(couplers, Triplets) else Dense(couplers)
        terms.append(Bilinear(blocks[0].name, blocks[0].name, square))
    elif found:
        triplets = couplers if isinstance(couplers, Triplets) else Triplets.of_dense(couplers)
        terms.append(_pairs(problem, triplets))
    return problem.with_blocks([*blocks, Poly("objective", "objective", tuple(terms), np.array([offset]))])


def linear_terms(problem: Problem, rows: FloatArray) -> list[Linear]:
    """Dense rows [m, n] over all variables as one term per block that they touch."""
    found = []
    for name, start in problem.starts.items():
        part = rows[:, start : start + problem.vars[name].size]
        if part.any():
            found.append(Linear(name, Csr.of(sparse.csr_array(part))))
    return found


def _pairs(problem: Problem, triplets: Triplets) -> Monomials:
    which, index = locate(problem, np.stack([triplets.row, triplets.column], axis=1))
    return Monomials(1, tuple(problem.vars), np.zeros(len(which), np.int64), which, index, triplets.value)


def locate(problem: Problem, columns: IntArray) -> tuple[IntArray, IntArray]:
    """Global columns as number of the block and index in it, shapes kept."""
    ends = np.cumsum([var.size for var in problem.vars.values()])
    which = np.searchsorted(ends, columns, side="right")
    starts = np.array(list(problem.starts.values()), dtype=np.int64)
    return which.astype(np.int64), columns - starts[which]


def blocks_of(labels: Sequence[Hashable], domain: str, stem: str) -> list[Var]:
    """Variable blocks whose labels are ``labels``: neighbours ``a[0,0], a[0,1], ...`` that fill a tensor in C order
    become a block ``a``, others scalars. Labels 0..n-1, and more than BLOCKS blocks, become the one block ``stem``."""
    names = [str(label) for label in labels]
    if len(set(names)) < len(names):
        twice = next(n for i, n in enumerate(names) if n in names[:i])
        raise InputError(f"the label {twice!r} occurs twice", hint="give every variable its own label")
    whole = [Var.of(stem, domain, (len(names),))] if names else []
    if names == [str(i) for i in range(len(names))]:
        return whole
    found: list[Var] = []
    for group in _groups(names):
        var = _tensor(group, domain)
        found += [var] if var is not None else [Var.of(label, domain) for label in group]
        if len(found) > BLOCKS:
            return whole
    return found if len({var.name for var in found}) == len(found) else whole


def _groups(names: Sequence[str]) -> list[list[str]]:
    """Neighbours with the same stem before a bracket."""
    found: list[list[str]] = []
    last: str | None = None
    for name in names:
        match = LABEL.fullmatch(name)
        stem = match.group(1) if match else None
        if found and stem is not None and stem == last:
            found[-1].append(name)
        else:
            found.append([name])
        last = stem
    return found


def _tensor(group: Sequence[str], domain: str) -> Var | None:
    match = LABEL.fullmatch(group[-1])
    if match is None:
        return None
    shape = tuple(int(i) + 1 for i in match.group(2).split(","))
    if int(np.prod(shape)) != len(group):
        return None
    var = Var.of(match.group(1), domain, shape)
    return var if var.labels() == list(group) else None
