"""Arrays of constants of a spec: exact rationals, numbers as they were given, or plain float64.

Three kinds, told by ``reading``:

``exact``               ``top / bottom``, arithmetic without rounding (int64 while it fits, Python ints beyond).
``decimal, simplest``   float64 as loaded, standing for the rational that :mod:`isinglass.ir.rational` says; kept as it
                        is by selecting, negating and reshaping, turned into exact rationals by everything else.
``float``               float64 arithmetic: what an objective is made of.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import isqrt
from typing import Any

import numpy as np

from ...ir.errors import InputError
from ...ir.rational import Integers, fit, read
from ...ir.types import BoolArray, FloatArray, IntArray
from .integers import BITS, SMALL, added, common_multiple, peak, plus, times


@dataclass(frozen=True, eq=False)
class Numbers:
    """``floats`` for loaded and float numbers, ``top`` and ``bottom`` (> 0, lowest terms) for exact ones."""

    shape: tuple[int, ...]
    reading: str
    floats: FloatArray | None = None
    top: Integers | None = None
    bottom: Integers | None = None

    # -- making -----------------------------------------------------------------------------------------------------

    @classmethod
    def integers(cls, values: Any) -> Numbers:
        """Whole numbers from an integer array (int64, or object holding Python ints)."""
        array = np.asarray(values)
        array = fit(array) if array.dtype == object else array.astype(np.int64)
        return cls(array.shape, "exact", top=array, bottom=np.ones(array.shape, np.int64))

    @classmethod
    def fraction(cls, value: Fraction) -> Numbers:
        """One exact number."""
        return cls.ratio(np.array(value.numerator, dtype=object), np.array(value.denominator, dtype=object))

    @classmethod
    def ratio(cls, top: Integers, bottom: Integers) -> Numbers:
        """top / bottom in lowest terms; bottom > 0."""
        if not (bottom.dtype != object and (bottom == 1).all()):
            if top.dtype != bottom.dtype:
                top, bottom = top.astype(object), bottom.astype(object)
            common = np.gcd(np.abs(top), bottom)
            top, bottom = fit(np.asarray(top // common)), fit(np.asarray(bottom // common))
        top = np.asarray(top)
        for part in (top, bottom):
            if part.dtype == object and part.size and max(abs(int(v)) for v in part.ravel()).bit_length() > BITS:
                hint = "wrap the expression in float(...) to round it to float64"
                raise InputError(f"an exact number needs more than {BITS} bits", code="too-large", hint=hint)
        return cls(top.shape, "exact", top=top, bottom=np.asarray(bottom))

    @classmethod
    def given(cls, values: FloatArray, reading: str) -> Numbers:
        """float64 numbers that stand for rationals."""
        return cls(values.shape, reading, floats=values)

    @classmethod
    def join(cls, parts: Sequence[Numbers]) -> Numbers:
        """Vectors end to end."""
        kinds = {part.reading for part in parts}
        if "float" in kinds:
            return cls.given(np.concatenate([part.to_float() for part in parts]), "float")
        if len(kinds) == 1 and "exact" not in kinds:
            return cls.given(np.concatenate([part.to_float() for part in parts]), kinds.pop())
        if any(part.floats is not None and np.isinf(part.floats).any() for part in parts):
            reading = next((key for key in ("decimal", "simplest") if all(part.states(key) for part in parts)), None)
            if reading is None:
                raise InputError(
                    "infinite and exact numbers in one array", code="value", hint="use two ranges joined by &"
                )
            return cls.given(np.concatenate([part.to_float() for part in parts]), reading)
        pairs = [part.fractions for part in parts]
        top, bottom = (np.concatenate([pair[side] for pair in pairs]) for side in (0, 1))
        return cls(top.shape, "exact", top=top, bottom=bottom)

    # -- reading ----------------------------------------------------------------------------------------------------

    @property
    def size(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64))

    @cached_property
    def fractions(self) -> tuple[Integers, Integers]:
        """Numerators and denominators."""
        if self.top is not None and self.bottom is not None:
            return self.top, self.bottom
        if self.reading == "float":
            raise InputError("a rounded number stands where an exact one is needed", code="type")
        assert self.floats is not None
        if not np.isfinite(self.floats).all():
            raise InputError(
                "inf has no place in arithmetic", code="not-finite", hint="inf is an end of a range: int in 0..inf"
            )
        return read(self.floats, self.reading)

    @cached_property
    def whole(self) -> bool:
        """Whether all are integers."""
        if self.floats is not None:
            return bool((np.isfinite(self.floats) & (self.floats == np.floor(self.floats))).all())
        return bool((self.fractions[1] == 1).all())

    def states(self, reading: str) -> bool:
        """Whether the nearest float64 of every number means exactly that number under a reading; infinite ones do."""
        if self.reading == reading:
            return True
        if self.floats is not None and np.isinf(self.floats).any():
            return self.pick(np.flatnonzero(np.isfinite(self.floats))).states(reading)
        top, bottom = self.fractions
        if top.dtype != object and self.whole and bool((np.abs(top) < 2**53).all()):
            return True
        found = read(self.to_float(), reading)
        return bool((found[0] == top).all() and (found[1] == bottom).all())

    def to_float(self) -> FloatArray:
        """The nearest float64 of each; raises :class:`InputError` beyond its range."""
        if self.floats is not None:
            return self.floats
        top, bottom = self.fractions
        if peak(top) < 2**53 and peak(bottom) < 2**53:
            return np.asarray(top / bottom, dtype=np.float64).reshape(self.shape)
        try:
            pairs = zip(top.ravel().tolist(), bottom.ravel().tolist(), strict=True)
            return np.array([int(n) / int(d) for n, d in pairs], dtype=np.float64).reshape(self.shape)
        except OverflowError:
            raise InputError(
                "a number is beyond the float64 range", code="too-large", hint="rescale the model"
            ) from None

    def as_float(self) -> Numbers:
        """For arithmetic in float64."""
        return self if self.reading == "float" else Numbers.given(self.to_float(), "float")

    def to_integers(self) -> IntArray | None:
        """int64 values; None where one is no integer or does not fit."""
        if not self.whole:
            return None
        top = self.fractions[0]
        return None if top.dtype == object else top

    # -- selecting --------------------------------------------------------------------------------------------------

    def each(self, change: Callable[[Any], Any]) -> Numbers:
        """The same rearrangement applied to all arrays."""
        if self.floats is not None:
            return Numbers.given(change(self.floats), self.reading)
        top, bottom = change(self.top), change(self.bottom)
        return Numbers(top.shape, "exact", top=top, bottom=bottom)

    def reshape(self, shape: tuple[int, ...]) -> Numbers:
        return self if shape == self.shape else self.each(lambda a: a.reshape(shape))

    def broadcast(self, shape: tuple[int, ...]) -> Numbers:
        return self if shape == self.shape else self.each(lambda a: np.broadcast_to(a, shape))

    def pick(self, index: IntArray) -> Numbers:
        """Elements by flat index, in the index's shape."""
        return self.each(lambda a: a.reshape(-1)[index])

    # -- arithmetic -------------------------------------------------------------------------------------------------

    def __neg__(self) -> Numbers:
        if self.floats is not None:
            return Numbers.given(-self.floats, self.reading)
        return Numbers(self.shape, "exact", top=-self.fractions[0], bottom=self.bottom)

    def __add__(self, other: Numbers) -> Numbers:
        if "float" in (self.reading, other.reading):
            return floating(np.add, self, other)
        (n, d), (m, e) = self.fractions, other.fractions
        if self.whole and other.whole:
            top = plus(n, m)
            return Numbers.ratio(top, np.ones(top.shape, np.int64))
        return Numbers.ratio(plus(times(n, e), times(m, d)), times(d, e))

    def __sub__(self, other: Numbers) -> Numbers:
        return self + (-other)

    def __mul__(self, other: Numbers) -> Numbers:
        if "float" in (self.reading, other.reading):
            return floating(np.multiply, self, other)
        for one, two in ((self, other), (other, self)):
            if one.is_one:
                return two.broadcast(np.broadcast_shapes(self.shape, other.shape))
        (n, d), (m, e) = self.fractions, other.fractions
        return Numbers.ratio(times(n, m), times(d, e))

    def inverse(self) -> Numbers:
        """1 / self; raises :class:`InputError` for zero."""
        if self.floats is not None and self.reading == "float":
            if not self.floats.all():
                raise InputError("division by zero", code="value")
            return Numbers.given(1.0 / self.floats, "float")
        top, bottom = self.fractions
        if not (top != 0).all():
            raise InputError("division by zero", code="value")
        sign = np.where(top < 0, -1, 1)
        return Numbers.ratio(fit(np.asarray(bottom * sign)), fit(np.asarray(np.abs(top))))

    def __truediv__(self, other: Numbers) -> Numbers:
        if "float" in (self.reading, other.reading):
            other.as_float().inverse()
            return floating(np.divide, self, other)
        return self * other.inverse()

    def power(self, exponent: Numbers) -> Numbers:
        """Integer powers, elementwise."""
        whole = exponent.to_integers()
        if whole is None:
            raise InputError("an exponent must be a whole number", code="type", hint="sqrt(x) is the square root")
        if self.reading == "float":
            return Numbers.given(np.asarray(self.to_float() ** whole.astype(np.float64)), "float")
        if (whole < 0).any() and (self.fractions[0] == 0).any():
            raise InputError("division by zero", code="value")
        top, bottom = self.fractions
        if peak(whole) * max(peak(top), peak(bottom)).bit_length() > 2 * BITS:
            raise InputError(
                f"an exact number needs more than {BITS} bits", code="too-large", hint="use a smaller power"
            )
        over, size = whole < 0, np.abs(whole).astype(object)
        up, down = top.astype(object) ** size, bottom.astype(object) ** size
        sign = np.where(over & (up < 0), -1, 1)
        return Numbers.ratio(
            fit(np.asarray(np.where(over, down, up) * sign)), fit(np.asarray(np.abs(np.where(over, up, down))))
        )

    @property
    def is_one(self) -> bool:
        """Whether all are exactly one."""
        return self.top is not None and self.whole and bool((self.top == 1).all())

    def floor(self) -> Numbers:
        top, bottom = self.fractions
        return Numbers.integers(np.asarray(top // bottom))

    def magnitude(self) -> Numbers:
        return (
            self.each(np.abs)
            if self.floats is not None
            else Numbers.ratio(np.abs(self.fractions[0]), self.fractions[1])
        )

    def root(self) -> Numbers:
        """Square roots, exact ones only unless the numbers are float."""
        if self.reading == "float":
            if (self.to_float() < 0).any():
                raise InputError("the square root of a negative number", code="value")
            return Numbers.given(np.sqrt(self.to_float()), "float")
        top, bottom = ([int(v) for v in side.ravel().tolist()] for side in self.fractions)
        if min(top, default=0) < 0:
            raise InputError("the square root of a negative number", code="value")
        roots = [(isqrt(n), isqrt(d)) for n, d in zip(top, bottom, strict=True)]
        for n, d, (a, b) in zip(top, bottom, roots, strict=True):
            if (a * a, b * b) != (n, d):
                shown = Fraction(n, d)
                hint = f"rows are exact: write float(sqrt({shown})) to take the nearest float64, or give the number"
                raise InputError(f"sqrt({shown}) is not rational", code="value", hint=hint)
        pair = np.array(roots, dtype=object).reshape(-1, 2)
        return Numbers.ratio(fit(pair[:, 0]).reshape(self.shape), fit(pair[:, 1]).reshape(self.shape))

    def compare(self, sign: str, other: Numbers) -> BoolArray:
        """Elementwise ``<=``, ``>=``, ``==``, ``!=``, ``<`` or ``>``."""
        (n, d), (m, e) = self.fractions, other.fractions
        left, right = (n, m) if self.whole and other.whole else (times(n, e), times(m, d))
        found = {"<=": np.less_equal, ">=": np.greater_equal, "==": np.equal, "!=": np.not_equal, "<": np.less,
                 ">": np.greater}[sign](left, right)  # fmt: skip
        return np.asarray(found, dtype=np.bool_)

    def where(self, mask: BoolArray, other: Numbers) -> Numbers:
        """self where the mask is true, else other."""
        shape = np.broadcast_shapes(self.shape, other.shape, mask.shape)
        both = Numbers.join([self.broadcast(shape).reshape((-1,)), other.broadcast(shape).reshape((-1,))])
        size = int(np.prod(shape, dtype=np.int64))
        return both.pick(np.where(mask, 0, size) + np.arange(size).reshape(shape))

    def summed(self, owner: IntArray, count: int) -> Numbers:
        """Sums of the elements (of a vector) with equal owner, [count]."""
        if self.reading == "float":
            return Numbers.given(np.bincount(owner, self.to_float(), count).astype(np.float64), "float")
        if not self.size:
            return Numbers.integers(np.zeros(count, np.int64))
        top, bottom = self.fractions
        common = common_multiple(np.unique(bottom).tolist())
        if common is None:
            return summed_apart(top, bottom, owner, count)
        scaled = (
            top
            if common == 1
            else times(top, np.asarray(common // bottom.astype(object) if common >= SMALL else common // bottom))
        )
        total = added(scaled, owner, count)
        return Numbers.ratio(total, np.full(count, common, dtype=np.int64 if common < SMALL else object))


def floating(operation: np.ufunc, left: Numbers, right: Numbers) -> Numbers:
    """float64 arithmetic."""
    return Numbers.given(np.asarray(operation(left.to_float(), right.to_float())), "float")


def summed_apart(top: Integers, bottom: Integers, owner: IntArray, count: int) -> Numbers:
    """Sums by owner where the denominators have no common multiple of a sane size: each sum for itself."""
    order = np.argsort(owner, kind="stable")
    ends = np.cumsum(np.bincount(owner, minlength=count))
    total = [Fraction(0)] * count
    for place in range(count):
        mine = order[(ends[place - 1] if place else 0) : ends[place]]
        common = common_multiple(np.unique(bottom[mine]).tolist())
        if common is None:
            hint = "wrap the sum in float(...) to round it to float64"
            raise InputError(f"an exact sum needs more than {BITS} bits", code="too-large", hint=hint)
        value = sum(int(n) * (common // int(d)) for n, d in zip(top[mine].tolist(), bottom[mine].tolist(), strict=True))
        total[place] = Fraction(value, common)
    tops = np.array([value.numerator for value in total], dtype=object)
    return Numbers.ratio(fit(tops), fit(np.array([value.denominator for value in total], dtype=object)))
