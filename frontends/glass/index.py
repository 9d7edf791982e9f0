"""Index sets and subscripts: checked against the ranges they run over, then done with one gather."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...ir.errors import InputError
from ...ir.types import IntArray
from . import ast as ast
from .ast import Node
from .forms import check_size
from .frames import SET_LIMIT, Frames, Poisoned, Value, shown
from .numbers import Numbers

if TYPE_CHECKING:
    from .eval import Evaluator


def check_set(count: float) -> None:
    if count > SET_LIMIT:
        message = f"the index set would have {count:,.0f} elements, more than the limit of {SET_LIMIT:,}"
        raise InputError(message, code="too-large", hint="use a smaller set, or whole arrays: w @ x, A @ x <= b")


def bind(evaluator: Evaluator, binder: ast.Binder) -> None:
    """Add the level of one binder, and its names."""
    if id(binder) in evaluator.work.wrong:
        raise Poisoned
    try:
        if binder.high is None:
            over_array(evaluator, binder)
        else:
            over_range(evaluator, binder)
    except InputError as error:
        evaluator.work.report(binder, error)
        raise Poisoned from None


def over_range(evaluator: Evaluator, binder: ast.Binder) -> None:
    """``i in low..high``, both ends included; the ends may depend on outer indices."""
    assert binder.high is not None
    if len(binder.names) > 1:
        raise InputError(
            f"{len(binder.names)} names for a range",
            code="type",
            hint="a range gives one number at a time: for i in 0..3, j in 0..3",
        )
    frames, level = evaluator.frames, evaluator.frames.level
    low, high = (whole(evaluator, node, level) for node in (binder.low, binder.high))
    counts = np.maximum(high.astype(np.float64) - low + 1, 0)
    check_set(float(counts.sum()))
    repeat = counts.astype(np.int64)
    parent = np.repeat(np.arange(frames.size(level)), repeat)
    within = np.arange(len(parent)) - np.repeat(np.cumsum(repeat) - repeat, repeat)
    values = low[parent] + within
    frames.names[binder.names[0].name] = Value(frames.push(parent), Numbers.integers(values))


def whole(evaluator: Evaluator, node: Node, level: int) -> IntArray:
    """A constant that must be one integer for each element of a level."""
    value, _ = evaluator.numbers(node, "the end of a range")
    if value.inner:
        raise InputError(
            f"the end of a range is an array {shown(value.inner)}",
            code="shape",
            hint="a range runs between two numbers",
        )
    data = evaluator.frames.full(value, level)
    assert isinstance(data, Numbers)
    found = None if data.reading == "float" else data.to_integers()
    if found is None:
        raise InputError("the ends of a range must be whole numbers", code="type", hint="use floor(...) or ceil(...)")
    return found


def over_array(evaluator: Evaluator, binder: ast.Binder) -> None:
    """``i in v`` or ``(u, v) in E``: the elements of a vector, or the rows of a matrix taken apart."""
    frames, level = evaluator.frames, evaluator.frames.level
    value, numbers = evaluator.numbers(binder.low, "an index set")
    count = len(binder.names)
    fits = len(value.inner) == 1 if count == 1 else len(value.inner) == 2 and value.inner[1] == count
    if not fits:
        wanted = "a vector or a range low..high" if count == 1 else f"an array [.., {count}]"
        raise InputError(
            f"an index set {shown(value.inner)} where {wanted} is needed",
            code="shape",
            hint="for i in 0..3, for i in [1, 5], for (u, v) in edges",
        )
    length, elements = value.inner[0], frames.size(level)
    check_set(float(length) * elements)
    parent = np.repeat(np.arange(elements), length)
    place = np.tile(np.arange(length), elements)
    rows = np.zeros(len(parent), np.int64) if value.level == 0 else frames.path(value.level, level)[parent]
    new = frames.push(parent)
    for column, name in enumerate(binder.names):
        flat = (rows * length + place) * (1 if count == 1 else count) + (0 if count == 1 else column)
        frames.names[name.name] = Value(new, numbers.pick(flat))


def filtered(frames: Frames, condition: Value) -> None:
    """Add a level that holds only the elements where a condition is true."""
    if condition.inner:
        message = f"a condition of shape {shown(condition.inner)}"
        raise InputError(message, code="shape", hint="the condition of an index set is one comparison of numbers")
    mask = frames.full(condition, frames.level)
    assert isinstance(mask, np.ndarray)
    frames.push(np.flatnonzero(mask))


def picked(evaluator: Evaluator, node: ast.Index) -> Value:
    """``base[subscripts]``: numbers and arrays select, ``low..high`` keeps an axis; missing subscripts keep theirs."""
    (base,) = evaluator.need(node.base)
    shape = base.inner
    if len(node.subscripts) > len(shape):
        axes = f"{len(shape)} {'axis' if len(shape) == 1 else 'axes'}" if shape else "no axes"
        count = f"{len(node.subscripts)} subscript{'s' * (len(node.subscripts) > 1)}"
        message = f"{count} for {name_of(node.base)}, which has {axes}"
        raise InputError(
            message, code="shape", hint=f"its shape is {shown(shape)}" if shape else "leave out the brackets"
        )
    parts = []
    failed = False
    for axis, subscript in enumerate(node.subscripts):
        try:
            parts.append(select(evaluator, subscript, shape[axis]))
        except Poisoned:
            failed = True
        except InputError as error:
            evaluator.work.report(subscript, error)
            failed = True
    if failed:
        raise Poisoned
    parts += [(0, np.arange(size)[None]) for size in shape[len(parts) :]]
    return gather(evaluator, node, base, parts)


def select(evaluator: Evaluator, node: Node, size: int) -> tuple[int, IntArray]:
    """Level and places [elements] (a single one each) or [elements, k] along one axis."""
    if isinstance(node, ast.Slice):
        return between(evaluator, node, size)
    value, numbers = evaluator.exact.numbers(node, "a subscript")
    found = numbers.to_integers() if numbers.reading != "float" else None
    if found is None or len(value.inner) > 1:
        raise InputError(
            "a subscript must be a whole number", code="type", hint="use floor(...), or a vector of whole numbers"
        )
    return value.level, found


def between(evaluator: Evaluator, node: ast.Slice, size: int) -> tuple[int, IntArray]:
    """``low..high`` along an axis; its length must not depend on the index."""
    frames = evaluator.frames
    level = frames.level
    low = whole(evaluator.exact, node.low, level) if node.low else np.zeros(frames.size(level), np.int64)
    high = whole(evaluator.exact, node.high, level) if node.high else np.full(frames.size(level), size - 1)
    lengths = np.unique(high - low + 1)
    if len(lengths) > 1:
        message = f"this slice has between {lengths[0]} and {lengths[-1]} elements"
        raise InputError(message, code="shape", hint="write a sum over an index set: sum(x[j] for j in 0..i)")
    length = int(lengths[0]) if len(lengths) else 0
    if length < 0:
        raise InputError(
            "this slice ends before it begins", code="index", hint="a slice is low..high, both ends included"
        )
    check_size(length * len(low), "this slice")
    if low.size and (low == low[0]).all():
        return 0, low[:1, None] + np.arange(length)
    return level, low[:, None] + np.arange(length)


def gather(evaluator: Evaluator, node: ast.Index, base: Value, parts: list[tuple[int, IntArray]]) -> Value:
    """One pick of all elements that the subscripts of each axis select."""
    frames = evaluator.frames
    level = max([base.level, *(part[0] for part in parts)])
    rank = sum(places.ndim - 1 for _, places in parts)
    inner = tuple(places.shape[1] for _, places in parts if places.ndim > 1)
    full = (frames.size(level), *inner)
    check_size(int(np.prod(full, dtype=np.float64)), "this selection")
    start = np.zeros(1, np.int64) if base.level == 0 else frames.path(base.level, level)
    flat = start.reshape(-1, *(1,) * rank)
    axis = 1
    for place, ((own, places), size) in enumerate(zip(parts, base.inner, strict=True)):
        check_range(evaluator, node, place, own, places, size)
        lifted = places if own in (0, level) else places[frames.path(own, level)]
        dims = [1] * (1 + rank)
        dims[0] = len(lifted)
        if places.ndim > 1:
            dims[axis] = places.shape[1]
            axis += 1
        flat = flat * size + lifted.reshape(dims)
    return evaluator.kept(
        Value(
            level,
            base.data.pick(np.broadcast_to(flat, full))
            if not isinstance(base.data, np.ndarray)
            else base.data.reshape(-1)[np.broadcast_to(flat, full)],
        )
    )


def check_range(evaluator: Evaluator, node: ast.Index, place: int, level: int, places: IntArray, size: int) -> None:
    """Every place along an axis must exist; negative ones do not count from the end."""
    wrong = np.argwhere((places < 0) | (places >= size))
    if not len(wrong):
        return
    where = evaluator.frames.describe(int(wrong[0][0]), level)
    value = int(places[tuple(wrong[0])])
    name, axis = name_of(node.base), f" of axis {place}" if len(node.subscripts) > 1 else ""
    message = (
        f"index {value}{f' (at {where})' if where else ''} is outside 0..{size - 1}{axis} of {name}"
        if size
        else f"{name} is empty"
    )
    at = node.subscripts[place] if place < len(node.subscripts) else node
    hint = "indices count from 0" if value == size else "check the index set and the shape"
    evaluator.work.report(at, InputError(message, code="index", hint=hint))
    raise Poisoned


def name_of(node: Node) -> str:
    """What to call an expression in a message."""
    return repr(node.name) if isinstance(node, ast.Name) else "this value"
