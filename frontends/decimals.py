"""Decimal numbers of a text as float64, many at a time, with the exact value of every one that had to be rounded.

A number in a text means its exact decimal. A float64 stands for the decimal that ``repr`` prints (the reading
``decimal`` of :mod:`isinglass.ir.rational`), so a text of at most 15 digits in the normal range is always held exactly:
two such decimals never round to one float64. Only longer texts and tiny values are looked at one by one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Context, Decimal, InvalidOperation
from fractions import Fraction
from math import inf, nextafter

import numpy as np

from ..ir.rational import exact_text
from ..ir.types import FloatArray, IntArray

SAFE_LENGTH = 15
TINY = 2.3e-308
"""Just above the least normal float64."""
WIDE = Context(prec=60)
LEAST_EXPONENT = -1100
"""Decimals below 10^-1100 count as 10^-1100 of their sign: both lie between 0 and the least float64."""
INFINITE = ("inf", "infinity")


@dataclass(frozen=True, eq=False)
class Numbers:
    """``values`` [k]; ``exact``: what entry k stands for, where the float64 does not stand for it."""

    values: FloatArray
    exact: Mapping[int, Decimal | Fraction] = field(default_factory=dict)

    def fraction(self, place: int) -> Fraction:
        """What one (finite) entry stands for."""
        found = self.exact.get(place)
        if isinstance(found, Fraction):
            return found
        if found is None:
            return Fraction(repr(float(self.values[place])))
        if found.adjusted() < LEAST_EXPONENT:
            return Fraction(-1 if found.is_signed() else 1, 10**-LEAST_EXPONENT)
        return Fraction(found)

    def take(self, index: IntArray) -> Numbers:
        """The entries ``index``."""
        if not self.exact:
            return Numbers(self.values[index])
        held = np.fromiter(self.exact, np.int64, len(self.exact))
        places = np.flatnonzero(np.isin(index, held)).tolist()
        return Numbers(self.values[index], {k: self.exact[int(index[k])] for k in places})

    def changed(self, changes: Mapping[int, Fraction]) -> Numbers:
        """With other values at some places, rounded to nearest; infinite beyond the range of float64."""
        values, exact = self.values.copy(), dict(self.exact)
        for place, fraction in changes.items():
            values[place] = nearest_float(fraction)
            exact.pop(place, None)
            if np.isfinite(values[place]) and Fraction(repr(float(values[place]))) != fraction:
                exact[place] = fraction
        return Numbers(values, exact)

    def scaled(self, power: FloatArray) -> Numbers:
        """Times plus or minus powers of two [k], which round nothing."""
        exact = {k: (value if isinstance(value, Fraction) else self.fraction(k)) * Fraction(float(power[k]))
                 for k, value in self.exact.items()}  # fmt: skip
        return Numbers(self.values * power, exact)

    def loss(self) -> tuple[int, float]:
        """How many entries were rounded, and at most by how much."""
        return len(self.exact), max((rounding(self.values[k], value) for k, value in self.exact.items()), default=0.0)


def rounding(value: float, exact: Decimal | Fraction) -> float:
    """An upper bound of |value - exact|, to two roundings of its size."""
    if isinstance(exact, Fraction):
        size = nearest_float(abs(exact - Fraction(repr(float(value)))))
    else:
        size = float(abs(WIDE.subtract(exact, Decimal(repr(float(value))))))
    return nextafter(size * (1 + 2.0**-50), inf)


def nearest_float(fraction: Fraction) -> float:
    """Rounded to nearest, infinite beyond the range."""
    try:
        return float(fraction)
    except OverflowError:
        return inf if fraction > 0 else -inf


def read_numbers(
    texts: Sequence[str], *, infinite: bool = False, fortran: bool = False
) -> tuple[Numbers, dict[int, str]]:
    """Numbers from texts, and place -> what is wrong for those that are none (their value is then nan).

    ``infinite``: words for infinity (and numbers beyond the range of float64) are read as infinite. ``fortran``: an
    exponent may be marked by D.
    """
    if fortran and any("D" in text or "d" in text for text in texts):
        texts = [text.replace("D", "E").replace("d", "e") for text in texts]
    try:
        values = np.fromiter(map(float, texts), np.float64, len(texts))
        odd = [k for k, text in enumerate(texts) if "_" in text or not text.isascii()] if odd_signs(texts) else []
    except ValueError:
        values, odd = one_by_one(texts)
    faults = {k: "is not a number" for k in odd}
    values[odd] = np.nan
    for k in np.flatnonzero(~np.isfinite(values)).tolist():
        word = texts[k].lstrip("+-").lower()
        if k not in faults and not (infinite and not np.isnan(values[k])):
            faults[k] = "is not finite" if word in (*INFINITE, "nan") else "is too large for a float64"
    return Numbers(values, rounded_places(texts, values)), faults


def odd_signs(texts: Sequence[str]) -> bool:
    """Whether Python's float may have read something that no model format calls a number (1_000, other digits)."""
    joined = "".join(texts)
    return "_" in joined or not joined.isascii()


def one_by_one(texts: Sequence[str]) -> tuple[FloatArray, list[int]]:
    values, odd = np.full(len(texts), np.nan), []
    for k, text in enumerate(texts):
        try:
            values[k] = float(text)
        except ValueError:
            odd.append(k)
        if "_" in text or not text.isascii():
            odd.append(k)
    return values, odd


def rounded_places(texts: Sequence[str], values: FloatArray) -> dict[int, Decimal]:
    """Entries whose decimal is not that of their float64."""
    suspects = [k for k, text in enumerate(texts) if len(text) > SAFE_LENGTH]
    suspects += [k for k in np.flatnonzero(np.abs(values) < TINY).tolist() if len(texts[k]) <= SAFE_LENGTH]
    known: dict[str, Decimal | None] = {"0": None}
    for k in suspects:
        text = texts[k]
        if text not in known:
            known[text] = None if repr(float(values[k])) == text or not np.isfinite(values[k]) else inexact(text)
    return {k: found for k in suspects if (found := known[texts[k]]) is not None}


def inexact(text: str) -> Decimal | None:
    """The decimal, where its nearest float64 does not stand for it."""
    if exact_text(text)[1]:
        return None
    try:
        return Decimal(text)
    except InvalidOperation:  # an exponent beyond what Decimal holds: below every float64
        return Decimal((int(text.startswith("-")), (1,), LEAST_EXPONENT - 1))


def summed(key: IntArray, numbers: Numbers) -> tuple[IntArray, Numbers]:
    """Entries with equal ``key`` [k] added up exactly: places of the first of each, in order, and the sums."""
    order = np.argsort(key, kind="stable")
    ranked = key[order]
    first = np.flatnonzero(np.concatenate([[True], ranked[1:] != ranked[:-1]])) if key.size else np.zeros(0, np.int64)
    if first.size == key.size:
        return np.arange(key.size), numbers
    ends = np.append(first[1:], key.size)
    totals = {}
    for group in np.flatnonzero(ends - first > 1).tolist():
        places = order[first[group] : ends[group]].tolist()
        totals[places[0]] = sum((numbers.fraction(k) for k in places), Fraction(0))
    kept = np.sort(order[first])
    return kept, numbers.changed(totals).take(kept)
