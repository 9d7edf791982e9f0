"""What a user gets back: what was witnessed, what was proved and on what it rests, what is unknown."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from .errors import InputError
from .guarantee import Guarantee
from .ledger import Ledger

STATUS = ("optimal", "infeasible", "bracketed", "witnessed", "unknown", "sat", "unsat", "timeout")
BASIS = ("certificate", "enumeration", "solver-word", "none")
NUMBERS = ("value", "lower", "upper", "claimed_bound")
OPTIONAL = ("witness", "certificate")
OBJECTS = (*OPTIONAL, "timings", "sources", "options")
TEXTS = ("status", "basis", "arithmetic", "solver", "claim")


@dataclass(frozen=True, eq=False)
class Answer:
    """``value``, ``lower``, ``upper`` are in the source's sense: always lower <= optimum <= upper.

    ``value``: objective of the witness, re-evaluated on the source (None without one). ``witness``: variable -> numbers
    (nested lists in the variable's shape). ``basis``: what ``status`` rests on. ``claimed_bound``: a solver's own
    bound,
    never part of a proof. ``arithmetic`` (networks): in which arithmetic the witness holds, both, float32-only or
    real-only. ``sources``: files read, with sha256. ``detail``: what a verdict rests on, case by case.
    ``parts``: answers to several questions asked at once, by name; the whole is about the greatest of them then.
    ``history``: (seconds, lower, upper) as a search went on.
    """

    status: str
    basis: str = "none"
    value: float | None = None
    lower: float | None = None
    upper: float | None = None
    claimed_bound: float | None = None
    witness: Mapping[str, Any] | None = None
    certificate: Mapping[str, Any] | None = None
    arithmetic: str | None = None
    guarantee: Guarantee = field(default_factory=Guarantee)
    ledger: Ledger = ()
    detail: tuple[str, ...] = ()
    parts: Mapping[str, Answer] = field(default_factory=dict)
    history: tuple[tuple[float, float, float], ...] = ()
    timings: Mapping[str, float] = field(default_factory=dict)
    solver: str = ""
    seed: int | None = None
    time_limited: bool = False
    claim: str = ""
    sources: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """0 for an answer, 3 for unknown or timeout (DESIGN section 8)."""
        return 3 if self.status in ("unknown", "timeout") else 0

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON, numbers in full precision; infinities as text."""
        found = {name: plain(getattr(self, name)) for name in self.__dataclass_fields__}
        found["guarantee"] = {**vars(self.guarantee), "row_error": dict(self.guarantee.row_error)}
        found["guarantee"] = plain(found["guarantee"])
        found["ledger"] = [vars(note) for note in self.ledger]
        found["parts"] = {name: part.to_dict() for name, part in self.parts.items()}
        return found

    def to_json(self) -> str:
        return json.dumps(self.to_dict(), indent=2, allow_nan=False)

    @classmethod
    def from_json(cls, text: str, file: str = "answer") -> Answer:
        """Read back what :meth:`to_json` wrote. Raises :class:`InputError` on anything else."""
        try:
            answer = cls.from_dict(json.loads(text))
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
            raise InputError(f"{file}: not an answer file ({error})", hint="write it with --json") from error
        if any(one.status not in STATUS or one.basis not in BASIS for one in (answer, *answer.parts.values())):
            raise InputError(f"{file}: unknown status {answer.status!r} or basis {answer.basis!r}")
        return answer

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Answer:
        """Back from :meth:`to_dict`. Raises one of several errors for anything else."""
        from .ledger import Note

        guarantee = Guarantee(**{k: number_back(v) for k, v in data.pop("guarantee").items()})
        notes = tuple(Note(**note) for note in data.pop("ledger"))
        parts = {name: cls.from_dict(part) for name, part in data.pop("parts", {}).items()}
        fields = {key: number_back(value) for key, value in data.items()}
        check_kinds(fields)
        fields["detail"] = tuple(fields.get("detail", ()))
        fields["history"] = tuple((float(at), float(low), float(high)) for at, low, high in fields.get("history", ()))
        return cls(guarantee=guarantee, ledger=notes, parts=parts, **fields)

    def with_fields(self, **changes: Any) -> Answer:
        """A copy with some fields replaced."""
        return replace(self, **changes)


def check_kinds(fields: Mapping[str, Any]) -> None:
    """Raises TypeError or OverflowError where a field holds another kind of thing than an answer has there."""
    for name in NUMBERS:
        if isinstance(fields.get(name), int):
            float(fields[name])  # beyond float64 it overflows; what is no number at all is told by the checks
    for name in OBJECTS:
        value = fields.get(name)
        if not isinstance(value, Mapping) and (value is not None or (name in fields and name not in OPTIONAL)):
            raise TypeError(f"{name} is no object")
    for name in TEXTS:
        if not isinstance(fields.get(name) or "", str):
            raise TypeError(f"{name} is no text")


def plain(value: Any) -> Any:
    """JSON-ready data from numpy and tuples."""
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def number_back(value: Any) -> Any:
    """Infinities back from text."""
    return float(value) if value in ("inf", "-inf", "nan") else value
