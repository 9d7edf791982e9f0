"""Numbers in a text mean their exact decimals."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from ...ir.errors import InputError
from ...ir.rational import exact_text, read
from .numbers import Numbers


def number(text: str) -> Fraction:
    """The exact value of a number in the text."""
    value, _ = exact_text(text)
    try:
        exact = Fraction(text)
    except ValueError:
        raise InputError("a number with too many digits", code="value", hint="at most 4,000 digits are read") from None
    if value == 0 and exact:
        raise InputError(f"{text} is too small for a float64", code="value", hint="rescale the model")
    return exact


def literals(texts: tuple[str, ...]) -> Numbers:
    """Exact numbers from many texts."""
    if max(map(len, texts)) <= 16 and not any("e" in text or "E" in text for text in texts):
        top, bottom = read(np.array(texts, dtype=np.float64), "decimal")
        return Numbers(top.shape, "exact", top=top, bottom=bottom)
    exact = [number(text) for text in texts]
    top = np.array([value.numerator for value in exact], dtype=object)
    return Numbers.ratio(top, np.array([value.denominator for value in exact], dtype=object))
