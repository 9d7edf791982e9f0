"""The variable blocks of a spec, and polynomials in them with equal monomials merged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ...ir.blocks import Var
from ...ir.types import IntArray
from .forms import Entries, Form, Matrix, as_entries, compact, concatenated, gathered
from .numbers import Numbers

NONE = np.iinfo(np.int64).max
"""A place without factor, in sorted monomials."""


@dataclass
class Layout:
    """The variable blocks of a spec in order; elements are told by block number and place, or by one column number."""

    vars: list[Var] = field(default_factory=list)

    def add(self, var: Var) -> Form:
        """A new block; gives it as a form."""
        self.vars.append(var)
        return Form.variable(len(self.vars) - 1, var.shape)

    @property
    def starts(self) -> IntArray:
        return np.concatenate([[0], np.cumsum([var.size for var in self.vars])]).astype(np.int64)

    def columns(self, which: IntArray, index: IntArray) -> IntArray:
        return self.starts[which] + index

    def kinds(self, domain: str, columns: IntArray) -> IntArray:
        """Whether each column belongs to a block of a domain."""
        blocks = np.searchsorted(self.starts, np.minimum(columns, self.starts[-1] - 1), side="right") - 1
        kinds = np.array([var.domain == domain for var in self.vars])
        return np.asarray(kinds[blocks] & (columns != NONE))


def simplified(entries: Entries, layout: Layout) -> list[Entries]:
    """By degree: x^2 = x for binaries and s^2 = 1 for spins, equal monomials added up, zeros gone."""
    columns = np.sort(layout.columns(entries.which, entries.index), axis=1)
    for _ in range(columns.shape[1]):
        twin = np.zeros(columns.shape, np.bool_)
        twin[:, 1:] = columns[:, 1:] == columns[:, :-1]
        same = twin & layout.kinds("bin", columns)
        pair = twin & layout.kinds("spin", columns) & ~np.roll(twin, 1, axis=1)
        gone = same | pair
        gone[:, :-1] |= pair[:, 1:]
        if not gone.any():
            break
        columns = np.sort(np.where(gone, NONE, columns), axis=1)
    degrees = (columns != NONE).sum(axis=1)
    return [
        merged(
            entries.row[degrees == d],
            columns[degrees == d, :d],
            entries.coefficient.pick(np.flatnonzero(degrees == d)),
            layout,
        )
        for d in np.unique(degrees).tolist()
    ]


def merged(row: IntArray, columns: IntArray, coefficient: Numbers, layout: Layout) -> Entries:
    """Monomials given by columns in order of row and factors, equal ones added up."""
    which = np.searchsorted(layout.starts, columns, side="right") - 1
    return gathered(Entries(row, which, columns - layout.starts[which], coefficient))


@dataclass(frozen=True, eq=False)
class Rows:
    """``sum of parts + constant`` per row, monomials merged; parts of degree 1 first, then by degree."""

    linear: tuple[Entries | Matrix, ...]
    higher: tuple[Entries, ...]
    constant: Numbers

    @classmethod
    def of(cls, form: Form, layout: Layout) -> Rows:
        """Monomials of all parts put together; a matrix stays whole where nothing else touches its block."""
        matrices = [part for part in form.parts if isinstance(part, Matrix)]
        rest = [as_entries(part) for part in form.parts if not isinstance(part, Matrix)]
        found = by_degree(rest, layout)
        touched = set(np.unique(found[1].which).tolist()) if 1 in found else set()
        blocks = [matrix.which for matrix in matrices]
        whole = [m for m in matrices if blocks.count(m.which) == 1 and m.which not in touched]
        if len(whole) < len(matrices):
            rest += [matrix.entries() for matrix in matrices if not any(matrix is other for other in whole)]
            found = by_degree(rest, layout)
        constant = form.constant
        if 0 in found and len(found[0].row):
            constant = constant + found[0].coefficient.summed(found[0].row, form.size)
        linear = [found[1]] if 1 in found and len(found[1].row) else []
        higher = tuple(found[d] for d in sorted(found) if d > 1 and len(found[d].row))
        return cls((*whole, *linear), higher, constant)

    @property
    def numbers(self) -> list[Numbers]:
        """All coefficients, part by part."""
        return [p.numbers if isinstance(p, Matrix) else p.coefficient for p in (*self.linear, *self.higher)]

    @property
    def empty(self) -> bool:
        """Whether no variable occurs."""
        return not self.linear and not self.higher


def by_degree(parts: Sequence[Entries], layout: Layout) -> dict[int, Entries]:
    """All monomials simplified, one list without repeats for each degree."""
    lists: dict[int, list[Entries]] = {}
    for entries in compact(parts):
        assert isinstance(entries, Entries)
        for item in simplified(entries, layout):
            lists.setdefault(item.degree, []).append(item)
    return {d: items[0] if len(items) == 1 else gathered(concatenated(items)) for d, items in lists.items()}
