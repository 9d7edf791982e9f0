"""What a way to write piecewise functions as rows offers: one file for each in ``compiler/piecewise/``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ..ir.blocks import Block, Fn
from ..ir.function import Function
from ..ir.ledger import Ledger
from ..ir.lifting import Record
from ..ir.problem import Problem


@dataclass(frozen=True, eq=False)
class Pieces:
    """What replaces one function block: blocks in definition order, lift records for new variables, notes.

    ``blocks`` may repeat a variable block of the problem (with tighter bounds); it takes that block's place.
    """

    blocks: tuple[Block, ...]
    records: tuple[Record, ...] = ()
    ledger: Ledger = ()


class PiecewiseForm(Protocol):
    """A frozen dataclass without options."""

    def knows(self, function: Function) -> bool:
        """Whether the form can write this function."""

    def encode(self, problem: Problem, fn: Fn) -> Pieces:
        """The same relation between arguments and output as rows, over the stated bounds of the arguments.

        Raises :class:`~isinglass.ir.errors.Refused` where a bound that the form needs is infinite.
        """
