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

from ..ir.errors import Diagnostic, IsinglassError, UsageError, nearest
from ..ir.guarantee import Guarantee
from ..ir.ledger import Ledger
from ..ir.lift.objective import Objective
from ..ir.lifting import Lift
from ..ir.problem import Problem
from ..ir.registry import Registry, key_of
from ..ir.rule_text import make, show
from ..ir.step import Pass, Step
from ..ir.types import AnyArray
from ..ir.verify import verify
from .pipeline_values import Named

PASSES = Registry("isinglass.compiler.passes", "pass")
SPLIT = re.compile(r",(?![^{}]*\})")
"""Commas between passes, not those between the options of one."""


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

        def named(name: str) -> Named:
            if name not in (arrays or {}):
                raise UsageError(f"no array @{name} was handed over", hint=nearest(name, arrays or {}))
            return Named(name, (arrays or {})[name])

        passes: list[Pass] = []
        wrong: list[Diagnostic] = []
        for item in SPLIT.split(text.strip()):
            try:
                passes += [make(PASSES, item, named)[0]] if item.strip() else []
            except UsageError as error:
                wrong += error.diagnostics
        if wrong:
            raise UsageError(wrong)
        return cls(tuple(passes))

    def __str__(self) -> str:
        return ",".join(map(text_of, self.passes))

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
                error.add_note(f"in pass {text_of(one)}" + (f", after {trace.text}" if trace.ran else ""))
                raise
            ran = Ran(text_of(one), step, perf_counter() - start)
            trace = dataclasses.replace(trace, ran=(*trace.ran, ran))
            if between:
                between(ran)
        return trace


def text_of(one: Pass) -> str:
    """The text of one pass; options at their defaults are left out."""
    return show(key_of(type(one)), one)


@cache
def removers() -> Mapping[str, tuple[str, ...]]:
    """What kind of thing -> the passes that declare to remove it (``removes`` of the class)."""
    table: dict[str, tuple[str, ...]] = {}
    for key in PASSES:
        for what in getattr(PASSES[key], "removes", ()):
            table[what] = (*table.get(what, ()), key)
    return table
