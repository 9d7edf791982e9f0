"""The ledger: every rounding, dropped coefficient, enlarged interval or relaxed row, as an entry with a number."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Note:
    """``what`` was done by pass ``who`` to block ``block``: ``count`` items, greatest size ``amount`` in ``unit``.

    Notes with ``loss`` false are information (a row found always true, a slack not needed); notes with ``loss`` true
    are inexactness that the guarantee accounts for.
    """

    who: str
    what: str
    block: str = ""
    count: int = 1
    amount: float = 0.0
    unit: str = ""
    loss: bool = False

    def __str__(self) -> str:
        size = f", at most {self.amount:.6g} {self.unit}".rstrip() if self.amount or self.loss else ""
        return f"{self.who}: {self.what} ({self.block or 'problem'}: {self.count}{size})"


Ledger = tuple[Note, ...]
