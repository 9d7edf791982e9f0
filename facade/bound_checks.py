"""``isinglass check`` for brackets of Lipschitz constants: the witness pattern is evaluated again, with its rounding
enclosed, and the certificate is followed. Part of the facade.

The network, and the box, are read again; nothing of the search is used.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..ir.answers import Answer
from ..ir.arrays_text import Unpacker
from ..ir.checking import CERTIFICATES, Verdict, rejected
from ..ir.errors import InputError, Refused
from ..ir.slope_form import SlopeForm
from ..ir.slope_proof.ranges import boxed, own_ranges
from ..ir.slope_reader import slope_form
from ..ir.slope_value import form_value, slopes_of
from ..ir.slope_witness import pattern_of
from ..ir.tasks import Bound
from ..ir.types import FloatArray

CLOSED = 1e-6
"""Relative gap up to which a bracket may be called optimal."""
WIDER = 1e-6
"""How much wider than the ranges found here, relatively, those of a certificate may be: as other machines round."""
Ranges = tuple[FloatArray, FloatArray]


def check_bound_task(task: Bound, answer: Answer) -> Verdict:
    """``accepted`` where every number that is claimed is witnessed or proved; ``rejected`` where one is not."""
    checker = Checker(task)
    if not answer.parts:
        if len(task.labels) != 1:
            return rejected(f"the question is about {len(task.labels)} functionals, the answer has no parts")
        return checker.check(0, answer)
    if set(answer.parts) != set(task.labels):
        odd = sorted(set(answer.parts) ^ set(task.labels))
        return rejected(f"the answer's parts are not the functionals asked about: {', '.join(odd[:5])}")
    reasons, verdicts = [], []
    for place, label in enumerate(task.labels):
        found = checker.check(place, answer.parts[label])
        if found.verdict == "rejected":
            return rejected(*(f"{label}: {reason}" for reason in found.reasons))
        verdicts.append(found.verdict)
        reasons += [f"{label}: {reason}" for reason in found.reasons]
    wrong = wrong_whole(answer)
    if wrong:
        return rejected(wrong)
    return Verdict("accepted" if set(verdicts) == {"accepted"} else "witness-only", tuple(reasons))


def wrong_whole(answer: Answer) -> str:
    """What the whole claims beyond its parts: it is about the greatest of them."""
    parts = list(answer.parts.values())
    lower = max((part.lower for part in parts if part.lower is not None), default=-math.inf)
    open_ = any(part.upper is None for part in parts)
    upper = math.inf if open_ else max(part.upper for part in parts if part.upper is not None)
    if wrong := odd_numbers(answer):
        return wrong
    if answer.lower is not None and not answer.lower <= lower:
        return f"lower = {answer.lower!r}, the greatest of the parts is {lower!r}"
    if answer.upper is not None and not answer.upper >= upper:
        return f"upper = {answer.upper!r}, the greatest of the parts is {upper!r}"
    if answer.value is not None and answer.value not in [part.value for part in parts]:
        return f"value = {answer.value!r} is that of no part"
    known = [part.witness for part in parts if part.value == answer.value]
    if answer.witness is not None and answer.witness not in known:
        return "the witness is that of no part with this value"
    return "" if answer.certificate is None else "a certificate belongs to a part"


def odd_numbers(answer: Answer) -> str:
    """Numbers and words that no bracket has."""
    numbers = {name: getattr(answer, name) for name in ("value", "lower", "upper")}
    for name, number in numbers.items():
        if number is not None and (type(number) not in (int, float) or number != number):
            return f"{name} = {number!r} is no number"
    if answer.status not in ("optimal", "bracketed", "witnessed", "unknown"):
        return f"status {answer.status} answers no question about a constant"
    value, lower, upper = numbers.values()
    if lower is not None and upper is not None and lower > upper:
        return f"lower = {lower!r} is above upper = {upper!r}"
    if (value is None) != (answer.witness is None):
        return "a value stands for a witness, and one of them is missing"
    known = lower is not None and upper is not None and math.isfinite(upper)
    closed = known and upper - lower <= CLOSED * max(abs(upper), 1e-300)
    if answer.status == "optimal" and not closed:
        return f"status optimal, and the bracket {lower!r} to {upper!r} is not closed"
    if answer.basis not in ("certificate", "none"):
        return f"basis {answer.basis} is not known for constants"
    return ""


@dataclass(eq=False)
class Checker:
    """Checks brackets of one network; what does not depend on the functional is computed once."""

    task: Bound
    read: tuple[Ranges | None, SlopeForm] | None = None

    def check(self, functional: int, answer: Answer) -> Verdict:
        """One bracket."""
        try:
            wrong = odd_numbers(answer)
            return rejected(wrong) if wrong else self.followed(functional, answer)
        except (InputError, Refused) as error:
            return rejected(*(diagnostic.message for diagnostic in error.diagnostics))

    def followed(self, functional: int, answer: Answer) -> Verdict:
        """The witness is worth what the answer says, and the certificate proves its upper bound."""
        reasons = []
        if answer.witness is not None:
            low, high = self.worth(functional, answer)
            if not low <= answer.value <= high:  # type: ignore[operator]
                return rejected(f"the pattern is worth {low!r} to {high!r}, the answer says {answer.value!r}")
            if answer.lower is not None and not answer.lower <= low:
                return rejected(f"lower = {answer.lower!r}, the pattern is worth {low!r}")
            reasons.append(f"the pattern is worth {answer.value!r}")
        elif answer.lower is not None and answer.lower > 0:
            return rejected(f"lower = {answer.lower!r} without a pattern")
        if answer.upper is None or answer.upper == math.inf:
            return Verdict("witness-only", (*reasons, "nothing is claimed from above"))
        given: Any = answer.certificate
        kind = str(given.get("kind", "")) if isinstance(given, dict) else ""
        module = CERTIFICATES.module(kind) if kind in CERTIFICATES else None
        if answer.basis != "certificate" or module is None or not hasattr(module, "upper"):
            return rejected(f"upper = {answer.upper!r} has no certificate of a kind that bounds constants ({kind!r})")
        proved = module.upper(self.task, functional, given)
        if not answer.upper >= proved:
            return rejected(f"the {kind} certificate proves upper = {proved!r}, the answer says {answer.upper!r}")
        return Verdict("accepted", (*reasons, f"the {kind} certificate proves that it is at most {answer.upper!r}"))

    def worth(self, functional: int, answer: Answer) -> tuple[float, float]:
        """What the witness pattern is worth, enclosed."""
        form = self.form(answer.certificate)
        pattern = slopes_of(form, self.task.quantity, pattern_of(form, answer.witness))
        return form_value(form, functional, self.task.norm, pattern)

    def form(self, certificate: Any) -> SlopeForm:
        """The slopes, in a box with the ranges of units' arguments that a certificate states, else those found here.

        Raises :class:`InputError` for ranges that are wider than those found here: patterns that only they allow would
        be worth more than what the answer is about.
        """
        ranges = stated_ranges(certificate)
        if not boxed(self.task):
            ranges = None
        else:
            ranges = self.own if ranges is None else ranges
            check_ranges(ranges, self.own)
        if self.read is None or not same(self.read[0], ranges):
            self.read = ranges, slope_form(self.task, ranges)
        return self.read[1]

    @cached_property
    def own(self) -> Ranges:
        """The ranges of the units' arguments over the box, found here."""
        return own_ranges(self.task)


def same(one: Ranges | None, other: Ranges | None) -> bool:
    if one is None or other is None:
        return one is other
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def check_ranges(ranges: Ranges, own: Ranges) -> None:
    """Raise :class:`InputError` where ``ranges`` are of another size or wider than ``own``."""
    if any(side.shape != end.shape for side, end in zip(ranges, own, strict=True)):
        raise InputError(f"ranges of {len(ranges[0])} units, the network has {len(own[0])}")
    with np.errstate(invalid="ignore"):
        room = WIDER * np.fmax(np.abs(own[0]), np.abs(own[1]))
        fits = (ranges[0] >= own[0] - room) & (ranges[1] <= own[1] + room) | ~np.isfinite(room)
    if not fits.all():
        raise InputError(f"the ranges of {int((~fits).sum())} units are wider than the box allows")


def stated_ranges(certificate: Any) -> Ranges | None:
    """The ranges of the units' arguments that a certificate is about."""
    if not isinstance(certificate, dict) or "low" not in certificate or "high" not in certificate:
        return None
    reader = Unpacker(str(certificate.get("kind", "")))
    low, high = (reader.numbers(certificate[name], 1) for name in ("low", "high"))
    return low.astype("float64"), high.astype("float64")
