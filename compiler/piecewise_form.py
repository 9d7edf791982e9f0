"""What a way to write piecewise functions as rows offers: one file for each in ``compiler/piecewise/``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from ..ir.blocks import Block, Fn
from ..ir.function import Function
from ..ir.guarantee import Guarantee
from ..ir.ledger import Ledger
from ..ir.lifting import Record
from ..ir.problem import Problem


@dataclass(frozen=True, eq=False)
class Pieces:
    """What replaces one function block: blocks in definition order, lift records for new variables, notes, and what
    becomes of the feasible set.

    ``blocks`` may repeat a variable block of the problem (with tighter bounds); it takes that block's place.
    """

    blocks: tuple[Block, ...]
    records: tuple[Record, ...] = ()
    ledger: Ledger = ()
    guarantee: Guarantee = field(default_factory=Guarantee)


class PiecewiseForm(Protocol):
    """A frozen dataclass without options."""

    def knows(self, function: Function) -> bool:
        """Whether the form can write this function."""

    def encode(self, problem: Problem, fn: Fn) -> Pieces:
        """The same relation between arguments and output as rows, or one that contains it where the guarantee says so,
        over the stated bounds of the arguments.

        Raises :class:`~isinglass.ir.errors.Refused` where a bound that the form needs is infinite.
        """
