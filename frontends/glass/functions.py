"""The functions of the language. Each takes the evaluator and its call and gives a value."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ...ir.errors import InputError
from . import ast as ast
from .arithmetic import plain, reduced, summed
from .emit import inner_product
from .forms import Form
from .frames import Value, shown
from .integers import common_multiple
from .numbers import Numbers

if TYPE_CHECKING:
    from .eval import Evaluator


def sum_(evaluator: Evaluator, call: ast.Call) -> Value:
    """All elements, or those along one axis; a sum of squares stays a quadratic form where arithmetic is rounded."""
    node = call.args[0]
    if (
        evaluator.rounded
        and isinstance(node, ast.Power)
        and isinstance(node.exponent, ast.Number)
        and node.exponent.text == "2"
    ):
        (base,) = evaluator.need(node.base)
        if isinstance(base.data, Form) and base.level == 0 and not call.keywords:
            found = inner_product(base.data, base.data, evaluator.work.layout)
            if found is not None:
                return Value(0, found.reshape((1,)))
    (value,) = evaluator.need(node)
    if isinstance(value.data, np.ndarray):
        raise InputError("a condition has no sum", code="type", hint="write sum(1 for i in 0..3 if i != 2)")
    axes = tuple(range(1, 1 + len(value.inner)))
    for _, option in call.keywords:
        axes = (1 + axis_of(evaluator, option, len(value.inner)),)
    return reduced(value, axes)


def axis_of(evaluator: Evaluator, node: ast.Node, rank: int) -> int:
    _, numbers = evaluator.exact.numbers(node, "an axis")
    found = numbers.to_integers()
    if found is None or found.size != 1 or not 0 <= int(found.flat[0]) < rank:
        message = f"the axis must be {' or '.join(map(str, range(rank)))}" if rank else "a single number has no axis"
        raise InputError(message, code="index", hint="axis 0 is the first one")
    return int(found.flat[0])


def over_set(evaluator: Evaluator, node: ast.Total, body: Value, level: int) -> Value:
    """``sum``, ``min`` or ``max`` of a body over the index set that was added above ``level``."""
    frames = evaluator.frames
    top = frames.level
    data = frames.full(body, top)
    if isinstance(data, np.ndarray):
        raise InputError(
            "a condition stands where a number is needed", code="type", hint="put conditions of the index set behind if"
        )
    size = int(np.prod(body.inner, dtype=np.int64))
    owner = (frames.path(level, top)[:, None] * size + np.arange(size)).reshape(-1)
    shape = (frames.size(level), *body.inner)
    if node.function == "sum":
        return Value(level, summed(data, owner, shape))
    numbers = constant(data, node.function).reshape((-1,) if data.shape[0] else (0,))
    return Value(level, extreme(numbers, owner, int(np.prod(shape)), node.function).reshape(shape))


def constant(data: object, what: str) -> Numbers:
    if isinstance(data, Form):
        hint = "bound it by a variable: require t >= x[i] for i in 0..3"
        raise InputError(f"{what} of variables is no polynomial", code="type", hint=hint)
    return plain(data)  # type: ignore[arg-type]


def extreme(numbers: Numbers, owner: np.ndarray, count: int, what: str) -> Numbers:
    """Least or greatest elements of a vector by owner."""
    if (np.bincount(owner, minlength=count) == 0).any():
        raise InputError(f"{what} of nothing", code="value", hint="the index set is empty")
    if numbers.reading == "float":
        order = np.lexsort((numbers.to_float(), owner))
    else:
        top, bottom = numbers.fractions
        common = common_multiple(np.unique(bottom).tolist())
        if common is None:
            raise InputError(
                f"{what} of numbers with too many digits", code="too-large", hint="round them with float(...)"
            )
        scaled = top.astype(object) * (common // bottom.astype(object))
        rank = np.unique(scaled, return_inverse=True)[1].reshape(-1)
        order = np.lexsort((rank, owner))
    ends = np.cumsum(np.bincount(owner, minlength=count))
    starts = np.concatenate([[0], ends[:-1]])
    return numbers.pick(order[starts if what == "min" else ends - 1])


def min_max(evaluator: Evaluator, call: ast.Call) -> Value:
    """Of all elements of one array, or elementwise of several values."""
    values = evaluator.need(*call.args)
    numbers = [constant(value.data, call.function) for value in values]
    if len(values) == 1:
        rows, size = numbers[0].shape[0], int(np.prod(values[0].inner, dtype=np.int64))
        owner = np.repeat(np.arange(rows), size)
        return Value(values[0].level, extreme(numbers[0].reshape((rows * size,)), owner, rows, call.function))
    level, full, data = evaluator.frames.aligned(*values)
    result = plain(data[0])
    for item in data[1:]:
        other = plain(item)
        if "float" in (result.reading, other.reading):
            pair = result.to_float(), other.to_float()
            result = Numbers.given(np.asarray((np.minimum if call.function == "min" else np.maximum)(*pair)), "float")
        else:
            result = result.where(result.compare("<=" if call.function == "min" else ">=", other), other)
    return Value(level, result.broadcast(full))


def abs_(evaluator: Evaluator, call: ast.Call) -> Value:
    (value,) = evaluator.need(*call.args)
    return Value(value.level, constant(value.data, "abs").magnitude())


def sqrt(evaluator: Evaluator, call: ast.Call) -> Value:
    (value,) = evaluator.need(*call.args)
    numbers = constant(value.data, "sqrt")
    return Value(value.level, (numbers.as_float() if evaluator.rounded else numbers).root())


def floor_ceil(evaluator: Evaluator, call: ast.Call) -> Value:
    (value,) = evaluator.exact.need(*call.args)
    numbers = constant(value.data, call.function)
    return Value(value.level, numbers.floor() if call.function == "floor" else -(-numbers).floor())


def len_(evaluator: Evaluator, call: ast.Call) -> Value:
    (value,) = evaluator.exact.need(*call.args)
    if not value.inner:
        raise InputError("a single number has no length", code="shape", hint="len(v) is the first axis of an array")
    return Value.constant(Numbers.integers(np.array(value.inner[0])))


def float_(evaluator: Evaluator, call: ast.Call) -> Value:
    """Constants in float64 arithmetic; the result stands for the simplest rational that rounds to it."""
    (value,) = type(evaluator)(evaluator.work, True).need(*call.args)
    numbers = constant(value.data, "float")
    found = numbers.to_float()
    if not np.isfinite(found).all():
        raise InputError("this is no finite number", code="not-finite")
    return evaluator.kept(Value(value.level, Numbers.given(found, "simplest")))


def transpose(evaluator: Evaluator, call: ast.Call) -> Value:
    (value,) = evaluator.need(*call.args)
    if len(value.inner) != 2:
        raise InputError(f"transpose of a value {shown(value.inner)}", code="shape", hint="it takes a matrix")
    order = np.arange(value.data.size).reshape(value.data.shape).transpose(0, 2, 1)
    return Value(
        value.level, value.data.pick(order) if not isinstance(value.data, np.ndarray) else value.data.transpose(0, 2, 1)
    )


def load(evaluator: Evaluator, call: ast.Call) -> Value:
    texts = [arg.value for arg in call.args if isinstance(arg, ast.String)]
    if len(texts) != len(call.args):
        raise InputError("load takes texts in quotes", code="type", hint='load("file.npz", "key")')
    return evaluator.kept(Value.constant(evaluator.work.load(texts[0], texts[1] if len(texts) > 1 else None)))


def arg_extreme(evaluator: Evaluator, call: ast.Call) -> Value:
    raise InputError(f"{call.function} has a place only in prove", code="type", hint="prove argmax(y) == 7")


RULES: dict[str, Callable[[Evaluator, ast.Call], Value]] = {
    "sum": sum_,
    "min": min_max,
    "max": min_max,
    "abs": abs_,
    "sqrt": sqrt,
    "floor": floor_ceil,
    "ceil": floor_ceil,
    "len": len_,
    "float": float_,
    "transpose": transpose,
    "load": load,
    "argmax": arg_extreme,
    "argmin": arg_extreme,
}
