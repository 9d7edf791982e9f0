"""Sums of float64 numbers that stay exact or are rounded up by a known amount, and short numbers above given ones."""

from __future__ import annotations

import numpy as np

from ...ir.types import FloatArray


def add_up(one: FloatArray, two: FloatArray) -> tuple[FloatArray, FloatArray]:
    """one + two, the next float64 above where it is none, and by how much at most the result is too large (0: exact).

    Finite numbers whose sum does not overflow; the error of the sum by TwoSum (Knuth, TAOCP 2, section 4.2.2).
    """
    total = one + two
    virtual = total - one
    error = (one - (total - virtual)) + (two - virtual)
    above = np.where(error > 0, np.nextafter(total, np.inf), total)
    return above, np.where(error == 0, 0.0, np.where(error > 0, above - total, -error))


def coarse_up(values: FloatArray, beside: FloatArray) -> FloatArray:
    """``values`` > 0 rounded up to multiples of the lowest bit of ``beside``, so that sums with it tend to be float64s.

    The multiple is at most 2^-20 of the value where ``beside`` has coarser bits; a value that would need more than 53
    bits stays as it is.
    """
    unit = np.ldexp(1.0, np.frexp(np.maximum(values, 2.0**-900))[1] - 21)
    unit = np.minimum(unit, lowest_bit(beside))
    steps = np.ceil(values / unit)
    return np.where((values > 0) & (steps < 2.0**53), steps * unit, values)


def decimal_up(values: FloatArray) -> FloatArray:
    """``values`` rounded up to three significant decimal digits, to whole numbers from 100 on; 0 where not positive."""
    positive = np.maximum(values, 1e-290)
    unit = 10.0 ** np.maximum(2.0 - np.floor(np.log10(positive)), 0.0)
    return np.where(values > 0, np.ceil(np.nextafter(positive * unit, np.inf)) / unit, 0.0)


def lowest_bit(values: FloatArray) -> FloatArray:
    """The greatest power of two of which each finite value is a multiple; inf for 0 and for infinite values."""
    mantissa, exponent = np.frexp(np.where(np.isfinite(values), values, 0.0))
    bits = np.abs(mantissa * 2.0**53).astype(np.int64)
    return np.where(bits == 0, np.inf, np.ldexp((bits & -bits).astype(np.float64), exponent - 53))
