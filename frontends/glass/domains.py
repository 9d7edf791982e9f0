"""``var``: domains, shapes and ranges of variables."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ...ir.blocks import Var
from ...ir.errors import InputError, Refused, nearest
from ...ir.ledger import Note
from ...ir.rational import read
from ...ir.types import FloatArray
from . import ast as ast
from .eval import Evaluator
from .frames import AXES, Poisoned, Value, shown
from .numbers import Numbers

DOMAINS = ("bin", "spin", "int", "real")
VARIABLES = 10_000_000
"""Most elements of one variable."""


@dataclass(frozen=True, eq=False)
class Sides:
    """Exact lower and upper sides [size] of each range of a variable; the variable lies in all of them."""

    lower: list[Numbers] = field(default_factory=list)
    upper: list[Numbers] = field(default_factory=list)

    def rounded(self, towards: str) -> tuple[FloatArray | float, FloatArray | float]:
        """float64 sides: ``nearest``, ``out`` (no point is lost), ``in`` (none is added), ``whole`` numbers."""
        ways = {
            "nearest": (nearest_float, nearest_float),
            "out": (below, above),
            "in": (above, below),
            "whole": (ceiling, flooring),
        }[towards]
        low, high = ([way(side) for side in sides] for way, sides in zip(ways, (self.lower, self.upper), strict=True))
        return np.maximum.reduce(low) if low else -np.inf, np.minimum.reduce(high) if high else np.inf


def full(sides: Sides, towards: str, var: Var) -> tuple[FloatArray, FloatArray]:
    """Both rounded sides, one number for each element."""
    low, high = (np.array(np.broadcast_to(side, (var.size,)), np.float64) for side in sides.rounded(towards))
    return low, high


def declare(evaluator: Evaluator, statement: ast.Var, name: ast.Name) -> tuple[Var, Sides, list[Note]]:
    """The block of one variable. Raises :class:`InputError` or :class:`Poisoned`."""
    domain = statement.domain.name
    if domain not in DOMAINS:
        error = InputError(f"unknown domain {domain!r}", code="type", hint=nearest(domain, DOMAINS))
        evaluator.work.report(statement.domain, error)
        raise Poisoned
    shape = tuple(extent(evaluator, node) for node in statement.shape)
    size = int(np.prod(shape, dtype=np.float64))
    if len(shape) > AXES:
        raise InputError(f"{name.name!r} has more than {AXES} axes", code="too-large", hint="use fewer axes")
    if size > VARIABLES:
        message = f"{name.name!r} would have {size:,} elements, more than the limit of {VARIABLES:,}"
        raise InputError(message, code="too-large", hint="use a smaller shape")
    sides = Sides()
    for each in statement.sets:
        if domain in ("bin", "spin"):
            error = InputError(f"{domain} variables have no range", code="type", hint="use int in low..high, or a row")
            evaluator.work.report(each, error)
            raise Poisoned
        try:
            restrict(evaluator, each, shape, sides)
        except (InputError, Refused) as error:
            evaluator.work.report(each, error)
            raise Poisoned from None
    lower, upper = sides.rounded("whole" if domain == "int" else "nearest")
    ranged = domain in ("int", "real")
    var = Var.of(name.name, domain, shape, lower if ranged else None, upper if ranged else None, name.at.origin)
    empty = np.flatnonzero(var.lower > var.upper)
    if empty.size:
        k = int(empty[0])
        message = f"no value is left for {var.labels()[k]}: its range is {var.lower[k]:g}..{var.upper[k]:g}"
        raise InputError(message, code="value", hint="a range is low..high; several ranges joined by & must overlap")
    return var, sides, notes(var, sides) if domain == "real" else []


def extent(evaluator: Evaluator, node: ast.Node) -> int:
    """One axis of a shape."""
    value, numbers = evaluator.numbers(node, "a shape")
    found = numbers.to_integers()
    if value.inner or found is None or int(found.reshape(-1)[0]) < 1:
        evaluator.work.report(node, InputError("a shape consists of whole numbers from 1 on", code="shape"))
        raise Poisoned
    return int(found.reshape(-1)[0])


def restrict(evaluator: Evaluator, each: ast.Range | ast.Call, shape: tuple[int, ...], sides: Sides) -> None:
    """Add one range or ball."""
    if isinstance(each, ast.Range):
        ends = [constant(evaluator, node, shape) for node in (each.low, each.high)]
        sides.lower.append(ends[0])
        sides.upper.append(ends[1])
        return
    if each.function != "ball" or len(each.args) != 3 or each.keywords:
        raise InputError(
            "a range is low..high or ball(centre, radius, linf)",
            code="type",
            hint="real[64] in ball(x0, eps, linf) & 0..1",
        )
    norm = each.args[2]
    if not isinstance(norm, ast.Name) or norm.name != "linf":
        raise Refused(
            "only balls of the maximum norm are ranges", code="not-yet", hint="write ball(centre, radius, linf)"
        )
    centre, radius = (constant(evaluator, node, shape) for node in each.args[:2])
    if radius.compare("<", Numbers.integers(np.zeros((), np.int64))).any():
        raise InputError("the radius of a ball is negative", code="value")
    sides.lower.append(centre - radius)
    sides.upper.append(centre + radius)


def constant(evaluator: Evaluator, node: ast.Node, shape: tuple[int, ...]) -> Numbers:
    """A constant as one number for each element of a shape."""
    value, numbers = evaluator.numbers(node, "a range")
    return fitted(value, numbers, node, evaluator, shape)


def fitted(value: Value, numbers: Numbers, node: ast.Node, evaluator: Evaluator, shape: tuple[int, ...]) -> Numbers:
    size = int(np.prod(shape, dtype=np.int64))
    inner = value.inner
    if inner not in ((), shape):
        message = f"a range of shape {shown(inner)} for a variable {shown(shape)}"
        error = InputError(message, code="shape", hint="give one number, or one for each element")
        evaluator.work.report(node, error)
        raise Poisoned
    return numbers.reshape(inner).broadcast(shape).reshape((size,))


def notes(var: Var, sides: Sides) -> list[Note]:
    """A note where sides are no float64 numbers under any reading of texts or files."""
    worst, count = 0.0, 0
    for side in (*sides.lower, *sides.upper):
        if side.floats is not None:
            continue
        top, bottom = side.fractions
        floats = side.to_float()
        known = np.zeros(floats.shape, np.bool_)
        for reading in ("decimal", "simplest"):
            found = read(floats, reading)
            known |= np.asarray((found[0] == top) & (found[1] == bottom), dtype=np.bool_)
        if not known.all():
            count += int((~known).sum())
            worst = max(worst, float(np.spacing(np.abs(floats[~known])).max()) / 2)
    return [Note("glass", "bounds rounded to float64", var.name, count, worst)] if count else []


# -- rounding -------------------------------------------------------------------------------------------------------


def nearest_float(side: Numbers) -> FloatArray:
    return side.to_float()


def below(side: Numbers) -> FloatArray:
    """The greatest floats that are not above."""
    floats, order = compared(side)
    return np.where(order > 0, np.nextafter(floats, -np.inf), floats)


def above(side: Numbers) -> FloatArray:
    """The least floats that are not below."""
    floats, order = compared(side)
    return np.where(order < 0, np.nextafter(floats, np.inf), floats)


def compared(side: Numbers) -> tuple[FloatArray, FloatArray]:
    """Nearest floats, and 1 where they are greater than the number, -1 where less."""
    floats = side.to_float()
    finite = np.isfinite(floats)
    order = np.zeros(floats.shape)
    at = np.flatnonzero(finite)
    own, exact = Numbers.given(floats[at], "dyadic"), side.pick(at)
    order[at] = own.compare(">", exact).astype(float) - own.compare("<", exact).astype(float)
    return floats, order


def ceiling(side: Numbers) -> FloatArray:
    if side.floats is not None and not np.isfinite(side.floats).all():
        return np.ceil(side.floats)
    return above(-(-side).floor())


def flooring(side: Numbers) -> FloatArray:
    if side.floats is not None and not np.isfinite(side.floats).all():
        return np.floor(side.floats)
    return below(side.floor())
