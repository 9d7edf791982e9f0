"""What a bit encoding of integers supplies; one file each in ``compiler/encodings/``."""

from __future__ import annotations

from dataclasses import dataclass

from scipy import sparse

from ..ir.registry import Registry
from ..ir.types import FloatArray, IntArray

ENCODINGS = Registry("isinglass.compiler.encodings", "encoding")


@dataclass(frozen=True, eq=False)
class Bits:
    """Codes of n integers 0..range: x[i] = sum of ``weight`` over the set bits that ``owner`` gives to i.

    ``inverse`` names the canonical inverse (see the lift record ``code``). ``rows``/``rhs``/``sense`` hold validity
    rows over the bits (None where every bit pattern is a codeword).
    """

    owner: IntArray
    weight: FloatArray
    inverse: str = "greedy"
    rows: sparse.csr_array | None = None
    rhs: FloatArray | None = None
    sense: str = "=="
    pattern: str | None = None

    @property
    def onto(self) -> bool:
        """Whether every bit pattern stands for a value in the range."""
        return self.rows is None


class Encoding:
    """Base: ``encode(ranges)`` for whole numbers 0..ranges[i], all ranges >= 1."""

    def encode(self, ranges: IntArray) -> Bits:
        raise NotImplementedError
