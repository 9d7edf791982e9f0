"""Arithmetic of values at any level: numbers and polynomials with each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...ir.errors import InputError
from ...ir.types import IntArray
from .emit import inner_product
from .forms import Form, check_size, product_with, total
from .frames import AXES, Data, Frames, Value, shown
from .layout import Layout
from .numbers import Numbers


def as_form(data: Data, full: tuple[int, ...]) -> Form:
    if isinstance(data, Form):
        return data.broadcast(full)
    return Form.of(plain(data).broadcast(full))


def plain(data: Data) -> Numbers:
    """Numbers; a condition is none."""
    if not isinstance(data, Numbers):
        raise InputError(
            "a condition stands where a number is needed", code="type", hint="put conditions of an index set behind if"
        )
    return data


def add(frames: Frames, items: Sequence[tuple[bool, Value]]) -> Value:
    """The sum of values, those marked subtracted."""
    level, full, data = frames.aligned(*(value for _, value in items))
    if any(isinstance(item, Form) for item in data):
        forms = [as_form(item, full) for item in data]
        return Value(level, total([-form if minus else form for (minus, _), form in zip(items, forms, strict=True)]))
    numbers = [-plain(item) if minus else plain(item) for (minus, _), item in zip(items, data, strict=True)]
    result = numbers[0]
    for other in numbers[1:]:
        result = result + other
    return Value(level, result.broadcast(full))


def multiply(frames: Frames, left: Value, right: Value) -> Value:
    level, full, (one, two) = frames.aligned(left, right)
    return Value(level, product(one, two, full))


def product(one: Data, two: Data, full: tuple[int, ...]) -> Form | Numbers:
    """Elementwise, broadcast to a shape."""
    if isinstance(one, Form) and isinstance(two, Form):
        return one.broadcast(full).times(two.broadcast(full))
    if isinstance(one, Form):
        return one.broadcast(full).scaled(plain(two).broadcast(full))
    if isinstance(two, Form):
        return two.broadcast(full).scaled(plain(one).broadcast(full))
    return (plain(one) * plain(two)).broadcast(full)


def quotient(frames: Frames, left: Value, right: Value) -> Value:
    if isinstance(right.data, Form):
        raise InputError("division by a variable", code="type", hint="multiply the row by it, or use a constant")
    level, full, (one, two) = frames.aligned(left, right)
    if isinstance(one, Form):
        return Value(level, one.broadcast(full).scaled(plain(two).inverse().broadcast(full)))
    return Value(level, (plain(one) / plain(two)).broadcast(full))


def raised(frames: Frames, base: Value, exponent: Value) -> Value:
    """Powers with constant whole exponents."""
    if not isinstance(base.data, Form):
        level, full, (one, two) = frames.aligned(base, exponent)
        return Value(level, plain(one).power(plain(two)).broadcast(full))
    whole = plain(exponent.data).to_integers()
    if whole is None or whole.size == 0 or whole.min() != whole.max() or whole.min() < 0:
        hint = "exponents of variables are one whole number >= 0"
        raise InputError("this power of variables is no polynomial", code="type", hint=hint)
    return Value(base.level, base.data.power(int(whole.flat[0])))


def stack(frames: Frames, items: Sequence[Value]) -> Value:
    """An array of values of one shape."""
    shapes = [item.inner for item in items]
    if len(set(shapes)) > 1:
        other = next(shape for shape in shapes if shape != shapes[0])
        message = f"the items of an array have different shapes: {shown(shapes[0])} and {shown(other)}"
        raise InputError(message, code="shape", hint="every row of an array needs the same length")
    if len(shapes[0]) >= AXES:
        raise InputError(f"an array of more than {AXES} axes", code="too-large", hint="use fewer brackets")
    level, full, data = frames.aligned(*items)
    check_size(len(items) * int(np.prod(full, dtype=np.int64)), "this array")
    order = np.moveaxis(np.arange(len(items) * int(np.prod(full, dtype=np.int64))).reshape((len(items), *full)), 0, 1)
    if not any(isinstance(item, Form) for item in data):
        flat = [plain(item).broadcast(full).reshape((-1,)) for item in data]
        return Value(level, Numbers.join(flat).pick(order))
    forms = [as_form(item, full) for item in data]
    size = forms[0].size
    placed = [form.summed(np.arange(size) + k * size, (len(forms) * size,)) for k, form in enumerate(forms)]
    return Value(level, total(placed).pick(order))


def reduced(value: Value, axes: tuple[int, ...]) -> Value:
    """Sums over axes (counted from 1: axis 0 holds the elements of the index set)."""
    shape = value.data.shape
    left = tuple(n for axis, n in enumerate(shape) if axis not in axes)
    return Value(value.level, summed(value.data, owners(shape, axes), left))


def owners(shape: tuple[int, ...], axes: tuple[int, ...]) -> IntArray:
    """For every element of an array, in C order, its place in what is left when axes are summed away."""
    left = tuple(1 if axis in axes else n for axis, n in enumerate(shape))
    places = np.arange(int(np.prod(left, dtype=np.int64))).reshape(left)
    return np.broadcast_to(places, shape).reshape(-1)


def summed(data: Data, owner: IntArray, shape: tuple[int, ...]) -> Form | Numbers:
    """Elements with equal owner added up."""
    if isinstance(data, Form):
        return data.summed(owner, shape)
    numbers = plain(data)
    count = int(np.prod(shape, dtype=np.int64))
    return numbers.reshape((numbers.size,)).summed(owner, count).reshape(shape)


def matmul(frames: Frames, left: Value, right: Value, layout: Layout | None) -> Value:
    """Products of vectors and matrices; with a ``layout`` (rounded arithmetic) structured where possible."""
    if len(left.inner) not in (1, 2) or len(right.inner) not in (1, 2):
        message = f"@ needs vectors or matrices, not shapes {shown(left.inner)} and {shown(right.inner)}"
        raise InputError(message, code="shape", hint="the product of single numbers is *")
    if left.inner[-1] != right.inner[0]:
        message = f"@ does not fit shapes {shown(left.inner)} and {shown(right.inner)}"
        raise InputError(
            message, code="shape", hint="the last axis of the left side and the first of the right one must agree"
        )
    whole = left.level == right.level == 0 and kept_whole(left, right, layout)
    if whole:
        return Value(0, whole.reshape((1, *whole.shape)))
    rows, columns = left.inner[:-1], right.inner[1:]
    one = reshaped(left, (*rows, left.inner[-1], *(1 for _ in columns)))
    two = reshaped(right, (*(1 for _ in rows), right.inner[0], *columns))
    return reduced(multiply(frames, one, two), (1 + len(rows),))


def reshaped(value: Value, inner: tuple[int, ...]) -> Value:
    data = value.data
    return Value(value.level, data.reshape((data.shape[0], *inner)))


def kept_whole(left: Value, right: Value, layout: Layout | None) -> Form | Numbers | None:
    """matrix @ block, block @ matrix, inner products and float products, without taking matrices apart."""
    one, two = left.data, right.data
    if isinstance(one, Form) and isinstance(two, Form):
        if layout is None or len(left.inner) != 1 or len(right.inner) != 1:
            return None
        return inner_product(one, two, layout)
    if isinstance(one, Numbers) and isinstance(two, Form) and len(left.inner) == 2 and len(right.inner) == 1:
        return product_with(one.reshape(left.inner), two)
    if isinstance(one, Form) and isinstance(two, Numbers) and len(left.inner) == 1 and len(right.inner) == 2:
        return product_with(two.reshape(right.inner).each(np.transpose), one)
    if isinstance(one, Numbers) and isinstance(two, Numbers) and "float" in (one.reading, two.reading):
        return Numbers.given(np.asarray(one.to_float()[0] @ two.to_float()[0]), "float")
    return None
