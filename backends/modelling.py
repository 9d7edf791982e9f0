"""From arrays that a file holds to a problem: blocks regrouped from labels, one objective."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

import numpy as np
from scipy import sparse

from ..ir.blocks import Lin, Poly, Var
from ..ir.errors import InputError
from ..ir.operator import Operator
from ..ir.operators.csr import Csr
from ..ir.operators.dense import Dense
from ..ir.problem import Problem
from ..ir.quadratic.triplets import Couplers, Triplets, couplers_csr
from ..ir.term import Term
from ..ir.terms.bilinear import Bilinear
from ..ir.terms.linear import Linear
from ..ir.terms.monomials import Monomials
from ..ir.types import FloatArray, IntArray

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
    terms: list[Term] = [*linear_terms(problem, linear[None])]
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


def linear_problem_of(
    name: str, matrix: sparse.csr_array, square: sparse.csr_array, arrays: Mapping[str, Any]
) -> Problem:
    """Rows A x over blocks regrouped from labels, one row block per sense and reading.

    ``arrays``: ``labels, domain, lower, upper, cost`` [n], ``row_lower, row_upper, reading`` [m], ``offset``.
    """
    lower, upper = (np.asarray(arrays[key], dtype=np.float64) for key in ("lower", "upper"))
    blocks = blocks_of(arrays["labels"].tolist(), arrays["domain"].tolist(), "x")
    layout = Problem(name, tuple(blocks))
    blocks = [
        replace(var, lower=lower[start : start + var.size], upper=upper[start : start + var.size])
        for var, start in zip(blocks, layout.starts.values(), strict=True)
    ]
    low, high = (np.asarray(arrays[key], dtype=np.float64) for key in ("row_lower", "row_upper"))
    turned = np.isinf(high) & np.isfinite(low)  # a.x >= low is -a.x <= -low
    matrix = sparse.csr_array(sparse.diags_array(np.where(turned, -1.0, 1.0)) @ matrix)
    low, high = np.where(turned, -np.inf, low), np.where(turned, -low, high)
    kinds = np.stack([np.where(low == high, "==", "<="), arrays["reading"].astype(np.str_)], axis=1)
    rows = [_lin(layout, matrix, low, high, kinds, kind) for kind in np.unique(kinds, axis=0).tolist()]
    names = {var.name for var in blocks}
    rows = [replace(row, name=f"rows.{i}" if f"rows.{i}" not in names else f"rows!{i}") for i, row in enumerate(rows)]
    cost = np.asarray(arrays["cost"], dtype=np.float64)
    terms: list[Term] = [*linear_terms(layout, cost[None])]
    if square.nnz:
        coo = square.tocoo()
        places = np.stack([coo.row, coo.col], axis=1).astype(np.int64)
        which, index = locate(layout, places)
        row = np.zeros(len(which), np.int64)
        terms.append(Monomials(1, tuple(layout.vars), row, which, index, np.asarray(coo.data, dtype=np.float64)))
    objective = Poly("objective", "objective", tuple(terms), np.array([float(arrays["offset"])]))
    return Problem(name, (*blocks, *rows, objective))


def _lin(
    layout: Problem, matrix: sparse.csr_array, low: FloatArray, high: FloatArray, kinds: Any, kind: Sequence[str]
) -> Lin:
    chosen = np.flatnonzero((kinds == kind).all(axis=1))
    columns = sparse.csc_array(matrix[chosen])
    parts: dict[str, Operator] = {}
    for name, start in layout.starts.items():
        part = columns[:, start : start + layout.vars[name].size]
        if part.nnz:
            parts[name] = Csr.of(part)
    least = low[chosen] if kind[0] == "<=" and np.isfinite(low[chosen]).any() else None
    return Lin("rows", parts, kind[0], high[chosen], kind[1], least=least)


def _pairs(problem: Problem, triplets: Triplets) -> Monomials:
    which, index = locate(problem, np.stack([triplets.row, triplets.column], axis=1))
    return Monomials(1, tuple(problem.vars), np.zeros(len(which), np.int64), which, index, triplets.value)


def locate(problem: Problem, columns: IntArray) -> tuple[IntArray, IntArray]:
    """Global columns as number of the block and index in it, shapes kept."""
    ends = np.cumsum([var.size for var in problem.vars.values()])
    which = np.searchsorted(ends, columns, side="right")
    starts = np.array(list(problem.starts.values()), dtype=np.int64)
    return which.astype(np.int64), columns - starts[which]


def blocks_of(labels: Sequence[Hashable], domain: str | Sequence[str], stem: str) -> list[Var]:
    """Variable blocks whose labels are ``labels``: neighbours ``a[0,0], a[0,1], ...`` that fill a tensor in C order
    become a block ``a``, others scalars. Labels 0..n-1, and what makes more than BLOCKS blocks, become ``stem``, one
    block per run of equal domains. Raises :class:`InputError` for a label that occurs twice."""
    names = [str(label) for label in labels]
    if len(set(names)) < len(names):
        twice, count = Counter(names).most_common(1)[0]
        raise InputError(f"the label {twice!r} occurs {count} times", hint="give every variable its own label")
    domains = [domain] * len(names) if isinstance(domain, str) else list(domain)
    if names == [str(i) for i in range(len(names))]:
        return _runs(domains, stem)
    found: list[Var] = []
    start = 0
    for group in _groups(names):
        kinds = domains[start : start + len(group)]
        var = _tensor(group, kinds[0]) if len(set(kinds)) == 1 else None
        found += [var] if var is not None else [Var.of(label, kind) for label, kind in zip(group, kinds, strict=True)]
        start += len(group)
        if len(found) > BLOCKS:
            return _runs(domains, stem)
    return found if len({var.name for var in found}) == len(found) else _runs(domains, stem)


def _runs(domains: Sequence[str], stem: str) -> list[Var]:
    """One block per run of equal domains."""
    runs = [(domain, len(list(run))) for domain, run in groupby(domains)]
    return [Var.of(stem if i == 0 else f"{stem}.{i}", domain, (size,)) for i, (domain, size) in enumerate(runs)]


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
