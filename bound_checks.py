"""``isinglass check`` for brackets of Lipschitz constants: the witness pattern is evaluated again, with its rounding
enclosed, and the certificate is followed. Part of the facade.

The network, and the box, are read again; nothing of the search is used.
"""

from __future__ import annotations

import math
from typing import Any

from .ir.answers import Answer
from .ir.checking import CERTIFICATES, Verdict, rejected
from .ir.errors import InputError, Refused
from .ir.tasks import Bound
from .ir.types import FloatArray

CLOSED = 1e-6
"""Relative gap up to which a bracket may be called optimal."""


def check_bound_task(task: Bound, answer: Answer) -> Verdict:
    """``accepted`` where every number that is claimed is witnessed or proved; ``rejected`` where one is not."""
    if not answer.parts:
        if len(task.labels) != 1:
            return rejected(f"the question is about {len(task.labels)} functionals, the answer has no parts")
        return check_functional(task, 0, answer)
    if set(answer.parts) != set(task.labels):
        odd = sorted(set(answer.parts) ^ set(task.labels))
        return rejected(f"the answer's parts are not the functionals asked about: {', '.join(odd[:5])}")
    reasons, verdicts = [], []
    for place, label in enumerate(task.labels):
        found = check_functional(task, place, answer.parts[label])
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


def check_functional(task: Bound, functional: int, answer: Answer) -> Verdict:
    """One bracket."""
    try:
        wrong = odd_numbers(answer)
        return rejected(wrong) if wrong else followed(task, functional, answer)
    except (InputError, Refused) as error:
        return rejected(*(diagnostic.message for diagnostic in error.diagnostics))


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
    closed = lower is not None and upper is not None and upper - lower <= CLOSED * max(abs(upper), 1e-300)
    if answer.status == "optimal" and not closed:
        return f"status optimal, and the bracket {lower!r} to {upper!r} is not closed"
    if answer.basis not in ("certificate", "none"):
        return f"basis {answer.basis} is not known for constants"
    return ""


def followed(task: Bound, functional: int, answer: Answer) -> Verdict:
    """The witness is worth what the answer says, and the certificate proves its upper bound."""
    reasons = []
    if answer.witness is not None:
        low, high = witness_value(task, functional, answer)
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
    proved = module.upper(task, functional, given)
    if not answer.upper >= proved:
        return rejected(f"the {kind} certificate proves upper = {proved!r}, the answer says {answer.upper!r}")
    return Verdict("accepted", (*reasons, f"the {kind} certificate proves that it is at most {answer.upper!r}"))


def witness_value(task: Bound, functional: int, answer: Answer) -> tuple[float, float]:
    """What the witness pattern is worth, enclosed; with the units' ranges of the certificate where there are some."""
    from .ir.slope_reader import slope_form
    from .ir.slope_value import form_value, slopes_of
    from .ir.slope_witness import pattern_of

    form = slope_form(task, ranges(answer.certificate))
    pattern = slopes_of(form, task.quantity, pattern_of(form, answer.witness))
    return form_value(form, functional, task.norm, pattern)


def ranges(certificate: Any) -> tuple[FloatArray, FloatArray] | None:
    """The ranges of the units' arguments that a certificate is about; what checks it compares them with its own."""
    from .ir.arrays_text import Unpacker

    if not isinstance(certificate, dict) or "low" not in certificate or "high" not in certificate:
        return None
    reader = Unpacker(str(certificate.get("kind", "")))
    low, high = (reader.numbers(certificate[name], 1) for name in ("low", "high"))
    return low.astype("float64"), high.astype("float64")
