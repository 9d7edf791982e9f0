"""Which exact rational a float64 in a row stands for, and rows of such rationals as integers.

Readings (DESIGN, "Meaning of a row"):

``decimal``   the exact decimal printed by ``repr`` (0.1 is 1/10): numbers that came from a text.
``simplest``  the rational of least denominator among those that round to the float under round-half-even (0.1 is 1/10,
              3/7 is 3/7): coefficients given as float64. An integer-valued float means itself, at every magnitude.
``dyadic``    the value of the float itself (0.1 is 3602879701896397/2^55): stored weights, points.

*Simplest, and why the result is right.* The rationals that round to x > 0 with ulp u lie between x - u/2 and x + u/2
(x - u/4 where x is a power of two). Neither end is ever the answer, whether or not it rounds to x: with x = m 2^e the
ends are odd multiples of 2^(e-1) (or 2^(e-2)), so their denominator exceeds that of x, which is inside; hence take
the open interval. Nor does the nearer low end of a power of two x < 1 matter: the answer is 1/q with the least q,
which the high end alone decides. Let a = floor(low end). An integer inside has denominator 1, so the least one is the
answer. Otherwise all points have the integer part a, and r -> a + 1/r maps the interval (1/(high-a), 1/(low-a)) onto
this one. It sends q/r to (a q + r)/q, so the denominator here is the numerator there, and the fraction of least
numerator there is the answer here. The fraction that the rule finds has at once the least denominator and the least
numerator of its interval (by induction: the least integer has both; through the map, numerator a q + r and
denominator q are least where q and r are), so the same rule serves there. The remainders are those of Euclid's
algorithm on the ends, so it stops. Denominators above 1 leave no choice: between p/q and (p+1)/q lies a fraction of
denominator q - 1. With denominator 1 there is more than one candidate only from 2^53 on, where x itself is taken.
Sizes: a result has at most x's own numerator and denominator. For 2^-61 <= x < 1 the reciprocals form an interval at
least 2^-53/x wide, so the numerator is at most 2^53 x + 1 and the denominator below 2^62: int64 holds all of it,
including the convergents on the way, which only grow. Smaller x run through the same code on object arrays of Python
ints. No step rounds.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from math import gcd, lcm
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from .errors import InputError, nearest
from .types import BoolArray, FloatArray, IntArray

Integers = NDArray[Any]
"""int64, or object holding Python ints where some value does not fit."""

READINGS = ("decimal", "simplest", "dyadic")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_INT64 = 2**63 - 1


def read(values: FloatArray, reading: str) -> tuple[Integers, Integers]:
    """Numerators and denominators (> 0, lowest terms) of what ``values`` (any shape) mean under ``reading``.

    Both results have the shape of ``values`` and one dtype: int64 where everything fits, else object (Python ints).
    Raises InputError for an unknown reading and for values that are not finite.
    """
    if reading not in READINGS:
        raise InputError(f"unknown reading {reading!r}", hint=nearest(reading, READINGS))
    values = np.asarray(values, dtype=np.float64)
    flat = values.ravel()
    if not np.isfinite(flat).all():
        place = int(np.flatnonzero(~np.isfinite(flat))[0])
        raise InputError(f"entry {place} is {flat[place]}: only finite numbers have an exact value",
                         hint="give missing or unbounded sides as bounds, not as coefficients")
    distinct, where = np.unique(np.abs(flat), return_inverse=True)
    numerators, denominators = np.zeros(distinct.size, np.int64), np.ones(distinct.size, np.int64)
    whole = (distinct == np.floor(distinct)) & (distinct < (2.0**53 if reading == "decimal" else 2.0**63))
    numerators[whole] = distinct[whole].astype(np.int64)
    rest = np.flatnonzero(~whole)
    if rest.size:
        reader = {"decimal": _decimal, "simplest": _simplest, "dyadic": _dyadic}[reading]
        top, bottom = reader(distinct[rest])
        numerators, denominators = _put(numerators, rest, top), _put(denominators, rest, bottom)
    if numerators.dtype != denominators.dtype:
        numerators, denominators = numerators.astype(object), denominators.astype(object)
    signs = np.where(flat < 0, -1, 1)
    return (numerators[where] * signs).reshape(values.shape), denominators[where].reshape(values.shape)


def read_fraction(value: float, reading: str) -> Fraction:
    """What one float means under ``reading``. Raises InputError as :func:`read`."""
    top, bottom = read(np.array([value], dtype=np.float64), reading)
    return Fraction(int(top[0]), int(bottom[0]))


def exact_text(text: str) -> tuple[float, bool]:
    """The float64 nearest to a decimal text, and whether its ``decimal`` reading is exactly the text's value.

    ``"0.1"`` gives (0.1, True); ``"0.1000000000000000055"`` gives (0.1, False). Raises InputError where the text is no
    decimal number or its value is beyond the float64 range.
    """
    if not _NUMBER.fullmatch(text.strip()):
        raise InputError(f"{text!r} is not a decimal number", hint="write it like -12, 0.5 or 1.5e-3")
    value = float(text)
    if np.isinf(value):
        raise InputError(f"{text.strip()} is too large for a float64", hint="rescale the row or the variable")
    try:
        return value, Decimal(text) == Decimal(repr(value))
    except InvalidOperation:  # an exponent beyond what Decimal holds: certainly no float's shortest form
        return value, False


def fit(values: Integers) -> Integers:
    """``values`` as int64 where every entry fits, unchanged (object) otherwise."""
    if values.dtype != object:
        return values
    small = not values.size or (values.max() <= _INT64 and values.min() >= -_INT64)
    return values.astype(np.int64) if small else values


def _put(target: Integers, places: IntArray, values: Integers) -> Integers:
    values = fit(values)
    if values.dtype == object:
        target = target.astype(object)
    target[places] = values
    return target


def _split(x: FloatArray) -> tuple[IntArray, IntArray]:
    """Integer mantissa m and exponent e with x = m 2^e and e the exponent of x's ulp; x > 0."""
    exponent = np.maximum(np.frexp(x)[1].astype(np.int64) - 53, -1074)
    return np.ldexp(x, -exponent).astype(np.int64), exponent


def _powers(exponents: IntArray) -> Integers:
    """2^e, exponents >= 0."""
    if exponents.max(initial=0) <= 62:
        return np.left_shift(np.int64(1), exponents)
    return np.array([1 << e for e in exponents.tolist()], dtype=object)


def _dyadic(x: FloatArray) -> tuple[Integers, Integers]:
    mantissa, exponent = _split(x)
    odd = mantissa & -mantissa
    mantissa, exponent = mantissa // odd, exponent + np.frexp(odd.astype(np.float64))[1] - 1
    up, down = _powers(np.maximum(exponent, 0)), _powers(np.maximum(-exponent, 0))
    if up.dtype == object or mantissa.astype(np.float64).max() * float(up.max()) >= 2.0**62:
        return mantissa.astype(object) * up.astype(object), down
    return mantissa * up, down


def _decimal(x: FloatArray) -> tuple[Integers, Integers]:
    """Decimals of at most 15 digits by trial: n/10^k = x after rounding, n < 10^15 and k <= 22 (so that n and 10^k are
    floats and the division rounds once). Two such decimals never round to one normal float64, hence it is repr's.
    The others through repr itself."""
    top, power = np.zeros(x.size, np.int64), np.zeros(x.size, np.int64)
    open_ = np.flatnonzero(x < 1e15)
    unknown = np.ones(x.size, np.bool_)
    for k in range(1, 23):
        scaled = np.rint(x[open_] * 10.0**k)
        open_, scaled = open_[scaled < 1e15], scaled[scaled < 1e15]
        if not open_.size:
            break
        hit = (scaled / 10.0**k == x[open_]) & (scaled > 0)
        top[open_[hit]], power[open_[hit]] = scaled[hit].astype(np.int64), k
        unknown[open_[hit]] = False
        open_ = open_[~hit]
    long_ = np.flatnonzero(unknown)
    pairs = [_digits(value) for value in x[long_].tolist()]
    bottom: Integers = np.ones(x.size, np.int64)
    easy = power <= 18
    bottom[easy] = 10 ** power[easy]
    numerators = _put(top, long_, np.array([n for n, _ in pairs], dtype=object))
    bottom = _put(bottom, np.flatnonzero(~easy), np.array([10**k for k in power[~easy].tolist()], dtype=object))
    bottom = _put(bottom, long_, np.array([d for _, d in pairs], dtype=object))
    if numerators.dtype != bottom.dtype:
        numerators, bottom = numerators.astype(object), bottom.astype(object)
    common = np.gcd(numerators, bottom)
    return numerators // common, bottom // common


def _digits(value: float) -> tuple[int, int]:
    mantissa, _, exponent = repr(value).partition("e")
    whole, _, part = mantissa.partition(".")
    power = len(part) - int(exponent or 0)
    return (int(whole + part), 10**power) if power >= 0 else (int(whole + part) * 10**-power, 1)


def _simplest(x: FloatArray) -> tuple[Integers, Integers]:
    """x > 0, distinct, none an integer below 2^63. Interval ends in units of 2^(e-1): see the module's docstring."""
    mantissa, exponent = _split(x)
    shift, low, high = 1 - exponent, 2 * mantissa - 1, 2 * mantissa + 1
    top: Integers = np.ones(x.size, np.int64)
    bottom: Integers = np.ones(x.size, np.int64)
    huge = np.flatnonzero(shift <= 1)
    top = _put(top, huge, np.array([int(v) for v in x[huge].tolist()], dtype=object))
    for number, group in enumerate(((shift <= 62) & (shift > 1), (shift > 62) & (shift <= 114), shift > 114)):
        places = np.flatnonzero(group)
        if not places.size:
            continue
        lo, hi, unit = low[places], high[places], shift[places]
        if number == 0:
            one = np.left_shift(np.int64(1), unit)
            ends: tuple[Integers, ...] = (lo >> unit, lo & (one - 1), one, hi >> unit, hi & (one - 1), one)
        else:  # the integer part is 0: start from the reciprocals unit/hi, unit/lo, which need more than 64 bits
            big, lo, hi = _powers(unit), lo.astype(object), hi.astype(object)
            ends = (*_floor(big, hi), *_floor(big, lo))
            if number == 1:
                ends = tuple(end.astype(np.int64) for end in ends)
        p, q = _euclid(ends, inverted=number > 0)
        top, bottom = _put(top, places, p), _put(bottom, places, q)
    return top, bottom


def _euclid(ends: tuple[Integers, ...], *, inverted: bool) -> tuple[Integers, Integers]:
    """Simplest fraction strictly between low = fl + rl/dl and high = fh + rh/dh (``ends`` = fl, rl, dl, fh, rh, dh with
    0 <= r < d), or, ``inverted``, its reciprocal."""
    fl, rl, dl, fh, rh, dh = ends
    top, bottom = np.zeros_like(fl), np.zeros_like(fl)
    one, zero = np.ones_like(fl), np.zeros_like(fl)
    p1, q1, p0, q0 = (zero, one, one, zero) if inverted else (one, zero, zero, one)
    left, unbounded = np.arange(fl.size), np.zeros(fl.size, np.bool_)
    while left.size:
        done = unbounded | (fl + 1 < fh) | ((fl + 1 == fh) & (rh > 0))  # fl + 1, the least integer above low, is inside
        top[left[done]] = ((fl + 1) * p1 + p0)[done]
        bottom[left[done]] = ((fl + 1) * q1 + q0)[done]
        go = ~done
        left = left[go]
        p1, p0 = (fl * p1 + p0)[go], p1[go]
        q1, q0 = (fl * q1 + q0)[go], q1[go]
        above = (rh + (fh - fl) * dh)[go]  # (high - fl) dh: high may be the integer fl + 1
        rl, dl, dh = rl[go], dl[go], dh[go]
        unbounded = np.asarray(rl == 0, dtype=np.bool_)  # low is the integer fl, so the reciprocal has no upper end
        below = np.where(unbounded, one[go], rl)
        one = one[go]
        (fl, rl, dl), (fh, rh, dh) = _floor(dh, above), _floor(dl, below)
    return top, bottom


def _floor(top: Integers, bottom: Integers) -> tuple[Integers, Integers, Integers]:
    whole = top // bottom
    return whole, top - whole * bottom, bottom


@dataclass(frozen=True)
class IntegerRows:
    """Rows a.x (sense) b times the least positive factor that makes all coefficients integers without a common divisor.

    ``matrix``   csr [m, n] float64, structure of the input; integers where ``integral``, the input's numbers elsewhere.
    ``rhs``      [m] float64; where ``exact`` it compares with every integer as the exact side ``rhs_num/rhs_den`` does.
    ``factor_num``, ``factor_den``   scaled row = factor * row, exact; 1/1 where not ``integral``.
    ``integral`` [m]: the scaled coefficients are integers of magnitude at most 2^53, so ``matrix`` holds them exactly.
    ``exact``    [m]: ``integral``, and sum |p_i| floor(reach_i) + ceil |rhs| < 2^53: on integer points with
                 |x_i| <= reach_i every partial sum of the activity is an integer below 2^53, so float64 computes it, in
                 any order, without rounding.
    """

    matrix: csr_array
    rhs: FloatArray
    rhs_num: Integers
    rhs_den: Integers
    factor_num: Integers
    factor_den: Integers
    integral: BoolArray
    exact: BoolArray


_MANTISSA = 2.0**53


def integer_rows(matrix: csr_array, rhs: FloatArray, reading: str, reach: FloatArray) -> IntegerRows:
    """Rows ``matrix`` [m, n], ``rhs`` [m] under ``reading`` as integers; ``reach`` [n] (may be inf) bounds |x_i|.

    For fractions a_i = s_i/t_i in lowest terms the factor is lcm(t)/gcd(s): then p_i = (s_i/gcd(s)) (lcm(t)/t_i).
    The lcm is taken in int64; an overflow is noticed because a wrapped result must still be divisible by every t_i
    to be used, and the divisor common to all lcm/t_i is divided out, which makes any common multiple the least.
    Other rows go through Python integers, left as soon as the lcm shows a coefficient above 2^53.
    Raises InputError for numbers that are not finite.
    """
    coefficients = np.asarray(matrix.data, dtype=np.float64)
    top, bottom = read(coefficients, reading)
    rhs_top, rhs_bottom = read(rhs, reading)
    starts = matrix.indptr.astype(np.int64)
    scaled, factors, multiples, integral = _scale(top, bottom, starts)
    hard = np.flatnonzero(~integral)
    late_multiple: list[int] = []
    late_factor: list[int] = []
    for row in hard.tolist():
        part = slice(int(starts[row]), int(starts[row + 1]))
        found = _scale_row(top[part].tolist(), bottom[part].tolist())
        integral[row] = found is not None
        scaled[part] = coefficients[part] if found is None else found[0]
        late_multiple.append(1 if found is None else found[1])
        late_factor.append(1 if found is None else found[2])
    up = _put(multiples, hard, np.array(late_multiple, dtype=object))
    down = _put(factors, hard, np.array(late_factor, dtype=object))
    rhs_num, rhs_den = _product(rhs_top, rhs_bottom, up, down)
    side = np.where(integral, _between(rhs_num, rhs_den), rhs)
    sums = np.ceil(np.abs(side))
    filled = np.flatnonzero(np.diff(starts))
    with np.errstate(over="ignore"):
        terms = np.abs(scaled) * np.where(scaled == 0, 0.0, np.floor(reach)[matrix.indices])
        sums[filled] += np.add.reduceat(terms, starts[filled]) if filled.size else 0.0
    exact = integral & (sums < _MANTISSA) & ((rhs_den == 1) | (np.abs(side) < _MANTISSA / 2))
    result = csr_array((scaled, matrix.indices, matrix.indptr), shape=matrix.shape)
    return IntegerRows(result, side, rhs_num, rhs_den, up, down, integral, np.asarray(exact, dtype=np.bool_))


def row_activity_exact(row: csr_array, rhs: float, reading: str, x: FloatArray) -> Fraction:
    """a.x - b of one row (csr [1, n]) exactly: a and b under ``reading``, the point ``x`` [n] as it is.

    A ``<=`` row is violated by the positive part, an ``==`` row by the absolute value.
    """
    top, bottom = read(row.data, reading)
    points, parts = read(np.asarray(x, dtype=np.float64)[row.indices], "dyadic")
    activity = sum((Fraction(s, t) * Fraction(v, w) for s, t, v, w in
                    zip(top.tolist(), bottom.tolist(), points.tolist(), parts.tolist(), strict=True)), Fraction(0))
    return activity - read_fraction(rhs, reading)


def _scale(top: Integers, bottom: Integers, starts: IntArray) -> tuple[FloatArray, IntArray, IntArray, BoolArray]:
    """Scaled coefficients, gcd of the numerators, lcm of the denominators, and which rows int64 could do."""
    rows = starts.size - 1
    counts = np.diff(starts)
    good = np.ones(top.size, np.bool_)
    if top.dtype == object:
        good = np.asarray((np.abs(top) <= _INT64) & (bottom <= _INT64), dtype=np.bool_)
        top, bottom = np.where(good, top, 0).astype(np.int64), np.where(good, bottom, 1).astype(np.int64)
    divisors, multiples = np.ones(rows, np.int64), np.ones(rows, np.int64)
    integral = np.ones(rows, np.bool_)
    filled = np.flatnonzero(counts)
    if not filled.size:
        return np.zeros(0), divisors, multiples, integral
    first, spread = starts[filled], np.repeat(np.arange(rows), counts)
    divisors[filled] = np.maximum(np.gcd.reduceat(np.abs(top), first), 1)
    multiples[filled] = np.lcm.reduceat(bottom, first)
    multiple = multiples[spread]
    good &= (multiple > 0) & (multiple % bottom == 0)
    ratio = np.where(good, multiple, bottom) // bottom
    extra = np.gcd.reduceat(ratio, first)
    multiples[filled] //= extra
    ratio //= extra[np.searchsorted(filled, spread)]
    share = top // divisors[spread]
    good &= np.abs(share).astype(np.float64) * ratio.astype(np.float64) < 2.0**62
    scaled = np.where(good, share, 0) * np.where(good, ratio, 0)
    good &= np.abs(scaled) <= 2**53
    integral[filled] = np.logical_and.reduceat(good, first)
    return scaled.astype(np.float64), divisors, multiples, integral


def _scale_row(top: Sequence[int], bottom: Sequence[int]) -> tuple[list[float], int, int] | None:
    """One row in Python integers: coefficients, lcm, gcd; None where a coefficient exceeds 2^53."""
    multiple, limit = 1, 2**53 * min((t for s, t in zip(top, bottom, strict=True) if s), default=1)
    for value in bottom:
        multiple = lcm(multiple, value)
        if multiple > limit:  # the coefficient of least denominator t is at least multiple/t
            return None
    divisor = gcd(*top) or 1
    scaled = [s // divisor * (multiple // t) for s, t in zip(top, bottom, strict=True)]
    return None if max(map(abs, scaled)) > 2**53 else (list(map(float, scaled)), multiple, divisor)


def _product(top: Integers, bottom: Integers, up: Integers, down: Integers) -> tuple[Integers, Integers]:
    """top/bottom * up/down in lowest terms (both factors are)."""
    if object in (top.dtype, bottom.dtype, up.dtype, down.dtype):
        top, bottom, up, down = (values.astype(object) for values in (top, bottom, up, down))
    across, along = np.gcd(np.abs(top), down), np.gcd(up, bottom)
    top, bottom, up, down = top // across, bottom // along, up // along, down // across
    if top.dtype != object:
        large = [np.abs(one).astype(np.float64) * two.astype(np.float64) for one, two in ((top, up), (bottom, down))]
        if max(part.max(initial=0.0) for part in large) >= 2.0**62:
            top, bottom, up, down = (values.astype(object) for values in (top, bottom, up, down))
    numerators, denominators = fit(top * up), fit(bottom * down)
    if numerators.dtype != denominators.dtype:
        return numerators.astype(object), denominators.astype(object)
    return numerators, denominators


def _between(top: Integers, bottom: Integers) -> FloatArray:
    """top/bottom as floats; a fraction below 2^52 stays strictly between its two neighbouring integers."""
    whole = top // bottom
    broken = np.asarray(whole * bottom != top, dtype=np.bool_)
    value, one = quotient(top, bottom), np.ones_like(whole)
    least = np.nextafter(quotient(whole, one), np.inf)
    most = np.nextafter(quotient(whole + one, one), -np.inf)
    return np.where(broken, np.minimum(np.maximum(value, least), most), value)


def quotient(top: Integers, bottom: Integers) -> FloatArray:
    """Quotients of integers (``bottom`` > 0) as floats, to three roundings; infinite from 2^1023 on."""
    if top.dtype != object:
        return np.asarray(top / bottom, dtype=np.float64)
    big = [abs(n) // d >= 2**1023 for n, d in zip(top.tolist(), bottom.tolist(), strict=True)]
    return np.array([(np.inf if n > 0 else -np.inf) if far else n / d
                     for n, d, far in zip(top.tolist(), bottom.tolist(), big, strict=True)], dtype=np.float64)
