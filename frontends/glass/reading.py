"""Exact rows written in float64: the reading under which the numbers state them, or a scaled row, or an error.

The numbers of a row become float64 under the reading ``decimal`` or ``simplest`` where that states them exactly; else
the row is multiplied by its common denominator and read ``dyadic``; else it is an error that names the number.
"""

from __future__ import annotations

import numpy as np

from ...ir.errors import InputError
from .forms import Matrix
from .frames import number_text
from .integers import common_multiple
from .layout import Rows
from .numbers import Numbers


def stated(rows: Rows, least: Numbers | None) -> tuple[Rows, str, Numbers | None]:
    """The same rows with numbers that float64 states exactly, and the reading under which it does."""
    given = [*rows.numbers, rows.constant, *([least] if least is not None else [])]
    if any(numbers.floats is not None and not np.isfinite(numbers.floats).all() for numbers in given):
        raise InputError("a number of this row is infinite", code="not-finite", hint="leave out a side without bound")
    loaded = [numbers.reading for numbers in given if numbers.floats is not None]
    for reading in dict.fromkeys([*loaded, "decimal", "simplest"]):
        if all(numbers.states(reading) for numbers in given):
            return rows, reading, least
    factor = multipliers(rows, least)
    scaled = Rows(
        tuple(part.scaled(factor) for part in rows.linear),
        tuple(p.scaled(factor) for p in rows.higher),
        rows.constant * factor,
    )
    least = None if least is None else least * factor
    found = [*scaled.numbers, scaled.constant, *([least] if least is not None else [])]
    for numbers, source in zip(found, given, strict=True):
        check_float(numbers, source)
    return scaled, "dyadic", least


def multipliers(rows: Rows, least: Numbers | None) -> Numbers:
    """Common denominator of each row."""
    size = rows.constant.size
    result = [1] * size
    given = [(np.arange(size), rows.constant)] + ([(np.arange(size), least)] if least is not None else [])
    for part in (*rows.linear, *rows.higher):
        entries = part.entries() if isinstance(part, Matrix) else part
        given.append((entries.row, entries.coefficient))
    for row, numbers in given:
        bottom = numbers.fractions[1].reshape(-1)
        for place in np.flatnonzero(bottom != 1).tolist():
            value = common_multiple([result[int(row[place])], int(bottom[place])])
            if value is None:
                fail(numbers, place)
            else:
                result[int(row[place])] = value
    return Numbers.integers(np.array(result, dtype=object))


def check_float(numbers: Numbers, source: Numbers) -> None:
    """Every number must be an integer that float64 holds; ``source``: as the spec has them."""
    top = numbers.fractions[0].reshape(-1)
    for place in np.flatnonzero(np.abs(top) > 2**53).tolist():
        value = int(top[place])
        if value.bit_length() > 1000 or int(float(value)) != value:
            fail(source, place)


def fail(numbers: Numbers, place: int) -> None:
    text = number_text(numbers.reshape((numbers.size,)).pick(np.array([place])))
    message = f"the number {text} of this row is no float64, nor is the row after scaling to integers"
    raise InputError(
        message, code="value", hint="round it on purpose with float(...), or state the row in smaller integers"
    )
