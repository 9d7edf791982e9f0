"""Pipelines: passes in a row, written as text that parses and prints back exactly.

``normalize-rows,penalize{slack=half-step,weight=2.5},encode-integers{code=log}``: pass names are file names in
``compiler/passes/``, options their dataclass fields. Arrays that a driver computed are handed over by name:
``penalize{incumbent=@x}`` with ``arrays={"x": ...}``.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from time import perf_counter
from typing import Any

from ..ir.errors import Diagnostic, IsinglassError, UsageError, nearest
from ..ir.guarantee import Guarantee
from ..ir.ledger import Ledger
from ..ir.lift.objective import Objective
from ..ir.lifting import Lift
from ..ir.problem import Problem
from ..ir.registry import Registry, key_of
from ..ir.step import Pass, Step
from ..ir.types import AnyArray
from ..ir.verify import verify
from .pipeline_values import Named

PASSES = Registry("isinglass.compiler.passes", "pass")
ITEM = re.compile(r"\s*([a-z0-9-]+)\s*(?:\{([^}]*)\})?\s*(,|$)")
NUMBER = re.compile(r"-?(\d+\.?\d*([eE][-+]?\d+)?|inf)$")


@dataclass(frozen=True, eq=False)
class Ran:
    """One pass that ran: its text, what it returned, and the seconds it took."""

    text: str
    step: Step
    seconds: float


@dataclass(frozen=True, eq=False)
class Trace:
    """The whole of a compilation: the source, every step, and their composition."""

    source: Problem
    ran: tuple[Ran, ...] = ()

    @property
    def problem(self) -> Problem:
        """What came out."""
        return self.ran[-1].step.problem if self.ran else self.source

    @property
    def lift(self) -> Lift:
        """How to get back."""
        return Lift(tuple(record for ran in self.ran for record in ran.step.lift.records))

    @property
    def guarantee(self) -> Guarantee:
        """What holds for the whole; objective errors are carried to source units."""
        total, scale = Guarantee(), self.source.source.scale
        for ran in self.ran:
            total = total.then(ran.step.guarantee, scale)
            for record in ran.step.lift.records:
                scale *= record.scale if isinstance(record, Objective) else 1.0
        return total

    @property
    def ledger(self) -> Ledger:
        return self.source.ledger + tuple(note for ran in self.ran for note in ran.step.ledger)

    @property
    def text(self) -> str:
        return ",".join(ran.text for ran in self.ran)


@dataclass(frozen=True)
class Pipeline:
    """A tuple of passes."""

    passes: tuple[Pass, ...] = ()

    @classmethod
    def parse(cls, text: str, arrays: Mapping[str, AnyArray] | None = None) -> Pipeline:
        """From text; raises :class:`UsageError` naming every unknown pass and option at once."""
        passes: list[Pass] = []
        wrong: list[Diagnostic] = []
        at = 0
        while at < len(text.rstrip()):
            found = ITEM.match(text, at)
            if not found:
                raise UsageError(
                    f"pipeline text not understood at {text[at : at + 30]!r}",
                    hint="write: pass{option=value,...},pass,...",
                )
            try:
                passes.append(make(found[1], found[2] or "", arrays or {}))
            except UsageError as error:
                wrong += error.diagnostics
            at = found.end()
        if wrong:
            raise UsageError(wrong)
        return cls(tuple(passes))

    def __str__(self) -> str:
        return ",".join(map(show, self.passes))

    def run(self, problem: Problem, between: Callable[[Ran], None] | None = None, check: bool = False) -> Trace:
        """Run all passes. ``between`` is called after each (progress, printing); ``check`` verifies every result."""
        trace = Trace(problem)
        for one in self.passes:
            start = perf_counter()
            try:
                step = one.run(trace.problem)
                if check:
                    verify(step.problem)
            except IsinglassError as error:
                error.add_note(f"in pass {show(one)}" + (f", after {trace.text}" if trace.ran else ""))
                raise
            ran = Ran(show(one), step, perf_counter() - start)
            trace = dataclasses.replace(trace, ran=(*trace.ran, ran))
            if between:
                between(ran)
        return trace


def make(key: str, options: str, arrays: Mapping[str, AnyArray]) -> Pass:
    """A pass from its name and option text."""
    cls = PASSES[key]
    known = {spec.name.replace("_", "-"): spec for spec in dataclasses.fields(cls)}
    values: dict[str, Any] = {}
    for item in filter(None, (part.strip() for part in options.split(","))):
        name, _, value = (part.strip() for part in item.partition("="))
        if name not in known:
            raise UsageError(f"pass {key} has no option {name!r}", hint=nearest(name, known))
        values[known[name].name] = to_value(value, str(known[name].type), f"{key}{{{name}}}", arrays)
    return cls(**values)  # type: ignore[no-any-return]


def to_value(text: str, kind: str, where: str, arrays: Mapping[str, AnyArray]) -> Any:
    """An option's value by its declared type."""
    if text.startswith("@"):
        if text[1:] not in arrays:
            raise UsageError(f"{where}: no array {text!r} was handed over", hint=nearest(text[1:], arrays))
        return Named(text[1:], arrays[text[1:]])
    if "bool" in kind and text in ("true", "false"):
        return text == "true"
    if "int" in kind and re.fullmatch(r"-?\d+", text):
        return int(text)
    if "float" in kind and NUMBER.match(text):
        return float(text)
    if "str" in kind:
        return text
    raise UsageError(f"{where}: {text!r} is not of type {kind}")


def show(one: Pass) -> str:
    """The text of one pass; options at their defaults are left out."""
    shown = []
    for spec in dataclasses.fields(one):  # type: ignore[arg-type]
        value = getattr(one, spec.name)
        if isinstance(value, Named):
            shown.append(f"{spec.name.replace('_', '-')}=@{value.name}")
        elif value != spec.default:
            text = str(value).lower() if isinstance(value, bool) else str(value)
            shown.append(f"{spec.name.replace('_', '-')}={text}")
    return key_of(type(one)) + (f"{{{','.join(shown)}}}" if shown else "")


@cache
def removers() -> Mapping[str, tuple[str, ...]]:
    """What kind of thing -> the passes that declare to remove it (``removes`` of the class)."""
    table: dict[str, tuple[str, ...]] = {}
    for key in PASSES:
        for what in getattr(PASSES[key], "removes", ()):
            table[what] = (*table.get(what, ()), key)
    return table
