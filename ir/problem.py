"""A problem: blocks in definition order, one IR for every level."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TypeVar

import numpy as np

from .affine import batch_of
from .blocks import Block, Fn, Lin, Poly, Var
from .errors import InputError, nearest
from .ledger import Ledger
from .lift.objective import Objective
from .term import Box
from .types import FloatArray, Values

B = TypeVar("B", Var, Lin, Fn, Poly)


@dataclass(frozen=True, eq=False)
class Problem:
    """Minimise the objective block subject to all rows and function blocks.

    ``source`` says how the source states the objective (``Objective(scale=-1)`` for a maximum); ``ledger`` holds what
    a reader had to round. Passes return new problems and never change one.
    """

    name: str
    blocks: tuple[Block, ...] = ()
    source: Objective = field(default_factory=Objective)
    ledger: Ledger = ()

    def _of(self, kind: type[B]) -> dict[str, B]:
        return {block.name: block for block in self.blocks if isinstance(block, kind)}

    @cached_property
    def vars(self) -> dict[str, Var]:
        return self._of(Var)

    @cached_property
    def lins(self) -> dict[str, Lin]:
        return self._of(Lin)

    @cached_property
    def fns(self) -> dict[str, Fn]:
        return self._of(Fn)

    @cached_property
    def polys(self) -> dict[str, Poly]:
        return self._of(Poly)

    @cached_property
    def objective(self) -> Poly:
        """The objective; the constant zero where the problem states none."""
        found = [poly for poly in self.polys.values() if poly.role == "objective"]
        return found[0] if found else Poly("objective", "objective", (), np.zeros(1))

    @property
    def constraints(self) -> list[Poly]:
        return [poly for poly in self.polys.values() if poly.role == "constraint"]

    @property
    def penalties(self) -> list[Poly]:
        return [poly for poly in self.polys.values() if poly.role == "penalty"]

    @cached_property
    def box(self) -> Box:
        """Bounds of every variable block."""
        return {name: (var.lower, var.upper) for name, var in self.vars.items()}

    @property
    def size(self) -> int:
        """Number of scalar variables."""
        return sum(var.size for var in self.vars.values())

    def var(self, name: str) -> Var:
        """The variable block of that name; an :class:`InputError` with the nearest name otherwise."""
        if name not in self.vars:
            raise InputError(f"no variable {name!r} in problem {self.name!r}", hint=nearest(name, self.vars))
        return self.vars[name]

    def with_blocks(self, blocks: Iterable[Block]) -> Problem:
        """The same problem with other blocks."""
        return replace(self, blocks=tuple(blocks))

    def fresh(self, stem: str) -> str:
        """A block name that is not in use: ``stem``, ``stem.1``, ``stem.2``, ..."""
        used = {block.name for block in self.blocks}
        return next(n for n in [stem, *(f"{stem}.{i}" for i in range(1, len(used) + 2))] if n not in used)

    def labels(self) -> list[str]:
        """Names of all scalar variables in layout order."""
        return [label for var in self.vars.values() for label in var.labels()]

    @cached_property
    def starts(self) -> dict[str, int]:
        """First column of each variable block when all are laid out side by side in definition order."""
        ends = np.cumsum([var.size for var in self.vars.values()])
        return dict(zip(self.vars, [0, *ends[:-1].tolist()], strict=True)) if self.vars else {}

    def stack_bounds(self) -> tuple[FloatArray, FloatArray]:
        """Lower and upper bounds [size] of all variables in layout order."""
        none = np.zeros(0)
        lower = np.concatenate([none, *(var.lower for var in self.vars.values())])
        return lower, np.concatenate([none, *(var.upper for var in self.vars.values())])

    def stack(self, values: Values) -> FloatArray:
        """[B, size] from values by block."""
        none = np.zeros((batch_of(values), 0))
        return np.concatenate([none, *(values[name] for name in self.vars)], axis=1)

    def unstack(self, table: FloatArray) -> dict[str, FloatArray]:
        """Values by block from [B, size]."""
        return {n: table[:, s : s + self.vars[n].size] for n, s in self.starts.items()}
