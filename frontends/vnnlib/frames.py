"""and, or, not without recursion: a conjunction of atoms and of disjunctions, multiplied out only where it must be.

A *case* is a list of atoms that hold together, a *clause* a list of cases of which one holds. Lists grow by taking up
the shorter of two, so that deep nesting copies no atom more than a few times.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product
from typing import TypeVar

T = TypeVar("T")
Case = list[int]
NESTED = 1_000_000
"""Most atoms that a conjunction of disjunctions inside another disjunction may be multiplied out to."""


class TooManyCases(Exception):
    """``count`` cases where a product of disjunctions was about to be multiplied out."""

    def __init__(self, count: int) -> None:
        super().__init__(count)
        self.count = count


@dataclass(frozen=True)
class Clause:
    """One of ``cases`` has to hold; ``at``: where it stands in the text."""

    cases: list[Case]
    at: int


@dataclass(slots=True)
class Frame:
    """An open list: ``head``, where it stands, and what has been found inside.

    ``either``: one of the items has to hold rather than all; ``positive``: not under an odd number of ``not``.
    """

    head: str
    at: int
    group: str
    positive: bool = True
    either: bool = False
    count: int = 0
    atoms: Case = field(default_factory=list)
    clauses: list[Clause] = field(default_factory=list)
    cases: list[Case] = field(default_factory=list)
    words: list[tuple[str, int]] = field(default_factory=list)
    children: list[Frame] = field(default_factory=list)

    def atom(self, number: int) -> None:
        if self.either:
            self.cases.append([number])
        else:
            self.atoms.append(number)

    def take(self, inner: Frame) -> None:
        """What a closed list inside this one says. Raises :class:`TooManyCases`."""
        if inner.either and len(inner.cases) == 1:
            self.conjunction(inner.cases[0], [])
        elif inner.either:
            self.disjunction(inner.cases, inner.at)
        else:
            self.conjunction(inner.atoms, inner.clauses)

    def disjunction(self, cases: list[Case], at: int) -> None:
        if self.either:
            self.cases = joined(self.cases, cases)
        else:
            self.clauses.append(Clause(cases, at))

    def conjunction(self, atoms: Case, clauses: list[Clause]) -> None:
        if self.either:
            self.cases = joined(self.cases, multiplied(atoms, clauses))
            return
        self.atoms = joined(self.atoms, atoms)
        self.clauses = joined(self.clauses, clauses)


def joined(left: list[T], right: list[T]) -> list[T]:
    """Both lists in the longer one of them."""
    if len(left) < len(right):
        left, right = right, left
    left += right
    return left


def multiplied(atoms: Case, clauses: list[Clause]) -> list[Case]:
    """The cases of a conjunction. Raises :class:`TooManyCases`."""
    if not clauses:
        return [atoms]
    count = size = 1
    for clause in clauses:
        count *= len(clause.cases)
        size = count * (len(atoms) + len(clauses))
        if size > NESTED:
            raise TooManyCases(count)
    return [
        [*atoms, *(atom for case in choice for atom in case)] for choice in product(*(c.cases for c in clauses))
    ]
