"""Option values that are more than a number or a word."""

from __future__ import annotations

from dataclasses import dataclass

from ..ir.types import AnyArray


@dataclass(frozen=True, eq=False)
class Named:
    """An array handed over by a driver, under the name that the pipeline text shows as ``@name``."""

    name: str
    array: AnyArray

    def __str__(self) -> str:
        return f"@{self.name}"
