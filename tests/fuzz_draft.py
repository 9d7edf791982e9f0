"""A random small model in the making: every polynomial as the builder's expression and as fractions by monomial."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np

import isinglass
from isinglass.ir.blocks import Var

Rng = np.random.Generator
Polynomial = dict[tuple[int, ...], Fraction]
MOST = 12
"""Most scalar variables."""


@dataclass
class Row:
    """``polynomial (sense) side``, binding where column ``guard`` has ``value``."""

    label: str
    polynomial: Polynomial
    sense: str
    side: Fraction
    guard: int | None = None
    value: int = 1


@dataclass
class Draft:
    """Columns in the order in which they were declared: ``axes`` their values, ``cells`` the builder's elements."""

    rng: Rng
    builder: Any = field(default_factory=lambda: isinglass.Builder("fuzz"))
    axes: list[list[int]] = field(default_factory=list)
    cells: list[Any] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    blocks: list[tuple[Any, list[int], tuple[int, ...]]] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    objective: Polynomial = field(default_factory=dict)
    costs: Polynomial = field(default_factory=dict)
    maximize: bool = False
    names: int = 0

    @property
    def count(self) -> int:
        return int(np.prod([float(len(axis)) for axis in self.axes])) if self.axes else 1

    def name(self, stem: str) -> str:
        self.names += 1
        return f"{stem}{self.names}"

    def binaries(self) -> list[int]:
        return [i for i, kind in enumerate(self.kinds) if kind == "bin"]

    def chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    # -- variables ---------------------------------------------------------------------------------------------------

    def variables(self) -> None:
        for _ in range(int(self.rng.integers(1, 5))):
            kind = str(self.rng.choice(["bin", "bin", "int", "int", "spin", "fixed"]))
            getattr(self, f"add_{kind}")()

    def keep(self, expression: Any, kind: str, axes: Sequence[list[int]]) -> list[int]:
        """Remember a block that the builder made; returns its columns."""
        first = len(self.axes)
        flat = expression.reshape(len(axes)) if expression.shape else None
        self.cells += [expression] if flat is None else [flat[i] for i in range(len(axes))]
        self.axes += axes
        self.kinds += [kind] * len(axes)
        columns = list(range(first, first + len(axes)))
        self.blocks.append((expression, columns, expression.shape))
        return columns

    def shape(self) -> tuple[int, ...]:
        shapes: list[tuple[int, ...]] = [(), (1,), (2,), (3,), (4,), (2, 2)]
        return shapes[int(self.rng.integers(len(shapes)))]

    def add_bin(self) -> None:
        shape = self.shape()
        self.keep(self.builder.binary(self.name("x"), shape), "bin", [[0, 1]] * int(np.prod(shape)))

    def add_spin(self) -> None:
        shape = self.shape()
        self.keep(self.builder.spin(self.name("s"), shape), "spin", [[-1, 1]] * int(np.prod(shape)))

    def add_int(self) -> None:
        shape = self.shape() if self.chance(0.5) else ()
        size = int(np.prod(shape))
        low = self.rng.integers(-4, 3, size)
        high = low + self.rng.integers(0, 5, size)
        bounds = [part.reshape(shape).astype(float) for part in (low, high)]
        made = self.builder.integer(self.name("n"), shape, *bounds)
        self.keep(made, "int", [list(range(a, b + 1)) for a, b in zip(low.tolist(), high.tolist(), strict=True)])

    def add_fixed(self) -> None:
        """Binaries or spins, some with equal bounds."""
        kind = str(self.rng.choice(["bin", "spin"]))
        low, size = {"bin": 0, "spin": -1}[kind], int(self.rng.integers(1, 4))
        lower, upper = np.full(size, low), np.full(size, 1)
        place = int(self.rng.integers(size))
        lower[place] = upper[place] = int(self.rng.choice([low, 1]))
        var = Var.of(self.name("f"), kind, (size,), lower.astype(float), upper.astype(float))
        axes = [[v for v in (low, 1) if a <= v <= b] for a, b in zip(lower.tolist(), upper.tolist(), strict=True)]
        self.keep(self.builder.variable(var), kind, axes)

    # -- numbers and polynomials -------------------------------------------------------------------------------------

    def numbers(self, count: int, style: str) -> list[Fraction]:
        if style == "whole":
            return [Fraction(int(v)) for v in self.rng.integers(-6, 7, count)]
        if style == "decimal":
            return [Fraction(int(v), 10) for v in self.rng.integers(-40, 41, count)]
        if style == "large":
            return [Fraction(int(v)) for v in self.rng.integers(-2000, 2001, count)]
        bottom = int(self.rng.choice([3, 7]))
        return [Fraction(int(v), bottom) for v in self.rng.integers(-9, 10, count)]

    def style(self) -> str:
        return str(self.rng.choice(["whole", "whole", "decimal", "thirds", "large"], p=[0.35, 0.25, 0.2, 0.15, 0.05]))

    def linear(self, style: str, columns: Sequence[int] | None = None) -> tuple[Any, Polynomial]:
        """A random linear form over some columns, written element by element or as a product with an array."""
        if columns is None and self.chance(0.5):
            block, columns, shape = self.blocks[int(self.rng.integers(len(self.blocks)))]
            values = self.numbers(len(columns), style)
            table = np.array([float(v) for v in values])
            if len(shape) == 1:
                expression = table @ block if self.chance(0.5) else (block * table).sum()
            else:
                expression = (block * table.reshape(shape)).sum()
            return expression, plus(*({(c,): v} for c, v in zip(columns, values, strict=True)))
        if columns is None:
            size = int(self.rng.integers(1, min(5, len(self.axes)) + 1))
            columns = self.rng.choice(len(self.axes), size, replace=False).tolist()
        values = self.numbers(len(columns), style)
        expression, polynomial = None, Polynomial()
        for column, value in zip(columns, values, strict=True):
            part = self.cells[column] * float(value)
            expression = part if expression is None else expression + part
            polynomial = plus(polynomial, {(column,): value})
        return expression, polynomial

    def products(self, style: str, degree: int, count: int) -> tuple[Any, Polynomial]:
        """A sum of products of up to ``degree`` variables, repetitions allowed."""
        expression, polynomial = None, Polynomial()
        for value in self.numbers(count, style):
            chosen = self.rng.choice(len(self.axes), int(self.rng.integers(2, degree + 1))).tolist()
            part = self.cells[chosen[0]]
            for column in chosen[1:]:
                part = part * self.cells[column]
            part = part * float(value)
            expression = part if expression is None else expression + part
            polynomial = plus(polynomial, {tuple(sorted(chosen)): value})
        return expression, polynomial

    def side(self, polynomial: Polynomial, style: str) -> Fraction:
        """A right-hand side that some points reach: the value at a random point, give or take a little."""
        point = [int(self.rng.choice(axis)) for axis in self.axes]
        here = sum((v * int(np.prod([point[c] for c in m])) for m, v in polynomial.items()), Fraction(0))
        return here + self.numbers(1, style)[0] / int(self.rng.integers(1, 4)) if self.chance(0.3) else here

    # -- objective ---------------------------------------------------------------------------------------------------

    def goal(self) -> None:
        """None, linear, quadratic or cubic; perhaps a constant; either sense."""
        if self.chance(0.1):
            return
        style = str(self.rng.choice(["whole", "decimal"]))
        expression, polynomial = self.linear(style)
        kind = int(self.rng.choice([1, 2, 3], p=[0.4, 0.4, 0.2]))
        if kind > 1:
            more, other = self.products(style, kind, int(self.rng.integers(1, 5)))
            expression, polynomial = expression + more, plus(polynomial, other)
        if self.chance(0.4):
            constant = self.numbers(1, style)[0]
            expression, polynomial = expression + float(constant), plus(polynomial, {(): constant})
        self.maximize = self.chance(0.5)
        self.objective = polynomial
        (self.builder.maximize if self.maximize else self.builder.minimize)(expression)

    # -- rows --------------------------------------------------------------------------------------------------------

    def compare(self, expression: Any, polynomial: Polynomial, side: Fraction) -> tuple[Any, Polynomial, str, Fraction]:
        sense = str(self.rng.choice(["<=", ">=", "=="], p=[0.4, 0.4, 0.2]))
        number = float(side)
        row = {"<=": expression <= number, ">=": expression >= number, "==": expression == number}[sense]
        return row, polynomial, sense, side

    def plain(self) -> tuple[Any, Polynomial, str, Fraction]:
        """A linear or polynomial comparison with numbers of one style."""
        style = self.style()
        kind = str(self.rng.choice(["linear", "products", "divided", "two sides"], p=[0.55, 0.2, 0.15, 0.1]))
        if kind == "divided":
            expression, polynomial = self.linear("whole")
            cap = int(self.rng.integers(1, 14))
            polynomial = {m: v / cap for m, v in polynomial.items()}
            return self.compare(expression / cap, polynomial, Fraction(int(self.rng.integers(-1, 3))))
        if kind == "two sides":
            left, one = self.linear(style)
            right, two = self.linear(style)
            number = self.numbers(1, style)[0]
            polynomial = plus(one, {m: -v for m, v in two.items()})
            return left <= right + float(number), polynomial, "<=", number
        expression, polynomial = self.linear(style)
        if kind == "products":
            more, other = self.products(style, 2 if self.chance(0.7) else 3, int(self.rng.integers(1, 3)))
            expression, polynomial = expression + more, plus(polynomial, other)
        return self.compare(expression, polynomial, self.side(polynomial, style))

    def add_row(self) -> None:
        row, polynomial, sense, side = self.plain()
        label = self.name("row")
        self.builder.add(label, row)
        self.rows.append(Row(label, polynomial, sense, side))

    def add_table(self) -> None:
        """Several rows at once: a matrix times a block."""
        block, columns, shape = self.blocks[int(self.rng.integers(len(self.blocks)))]
        if len(shape) != 1:
            return
        count = int(self.rng.integers(1, 4))
        values = [self.numbers(len(columns), "whole") for _ in range(count)]
        sides = [self.side({(c,): v for c, v in zip(columns, line, strict=True)}, "whole") for line in values]
        sides = [Fraction(int(side)) for side in sides]
        matrix = np.array([[float(v) for v in line] for line in values])
        label = self.name("table")
        self.builder.add(label, matrix @ block <= np.array([float(v) for v in sides]))
        for i, (line, side) in enumerate(zip(values, sides, strict=True)):
            polynomial = {(c,): v for c, v in zip(columns, line, strict=True)}
            self.rows.append(Row(label if count == 1 else f"{label}[{i}]", polynomial, "<=", side))

    def add_guarded(self) -> None:
        if not self.binaries():
            return self.add_row()
        guard, value = int(self.rng.choice(self.binaries())), int(self.rng.integers(2))
        row, polynomial, sense, side = self.plain()
        label = self.name("guarded")
        self.builder.add(label, row.when(self.cells[guard], value))
        self.rows.append(Row(label, polynomial, sense, side, guard, value))
        return None

    def add_soft(self) -> None:
        if len(self.axes) >= MOST:
            return
        row, polynomial, sense, side = self.plain()
        label = self.name("soft")
        cost = abs(self.numbers(1, "decimal")[0])
        made = self.builder.add_soft(label, row, float(cost))
        (column,) = self.keep(made, "bin", [[0, 1]])
        self.blocks.pop()
        self.costs = plus(self.costs, {(column,): cost})
        self.rows.append(Row(label, polynomial, sense, side, column, 0))

    def add_either(self) -> None:
        cases = [[self.plain() for _ in range(int(self.rng.integers(1, 3)))] for _ in range(2)]
        if len(self.axes) + 2 > MOST:
            return
        label = self.name("either")
        made = self.builder.add_either(label, [[row[0] for row in case] for case in cases])
        columns = self.keep(made, "bin", [[0, 1]] * len(cases))
        self.blocks.pop()
        self.rows.append(Row(label, {(c,): Fraction(1) for c in columns}, ">=", Fraction(1)))
        for number, case in enumerate(cases):
            for place, (_, polynomial, sense, side) in enumerate(case):
                self.rows.append(Row(f"{label}.{number}.{place}", polynomial, sense, side, columns[number]))

    def add_choice(self) -> None:
        """One-hot, at-most-one or a count over a whole block of binaries."""
        found = [(b, c) for b, c, shape in self.blocks if shape and all(self.kinds[i] == "bin" for i in c)]
        if not found:
            return self.add_row()
        block, columns = found[int(self.rng.integers(len(found)))]
        label, polynomial = self.name("choice"), {(c,): Fraction(1) for c in columns}
        if self.chance(0.6):
            self.builder.add(label, block.sum() == 1)
            self.rows.append(Row(label, polynomial, "==", Fraction(1)))
        else:
            side = int(self.rng.integers(0, 3))
            self.builder.add(label, block.sum() <= side)
            self.rows.append(Row(label, polynomial, "<=", Fraction(side)))
        return None

    def add_again(self) -> None:
        """A row that another implies, repeats, or contradicts."""
        plain = [row for row in self.rows if row.guard is None and row.sense != "==" and row.polynomial]
        if not plain:
            return self.add_row()
        old = plain[int(self.rng.integers(len(plain)))]
        factor = int(self.rng.choice([1, 2, 3]))
        shift = int(self.rng.integers(-1, 3))
        polynomial = {m: v * factor for m, v in old.polynomial.items()}
        side = old.side * factor + (shift if old.sense == "<=" else -shift)
        sense = old.sense
        if self.chance(0.15):  # at odds with the old one
            sense = "<=" if old.sense == ">=" else ">="
            side = old.side * factor + (shift if sense == ">=" else -shift)
        expression = self.expression(polynomial)
        if expression is None:
            return None
        label = self.name("again")
        self.builder.add(label, expression <= float(side) if sense == "<=" else expression >= float(side))
        self.rows.append(Row(label, polynomial, sense, side))
        return None

    def add_empty(self) -> None:
        """A row without variables, or with all coefficients zero; nearly always one that holds."""
        side = Fraction(int(self.rng.integers(0, 3)))
        if self.chance(0.05):
            side = Fraction(-1)
        cell = self.cells[int(self.rng.integers(len(self.cells)))]
        label = self.name("empty")
        self.builder.add(label, (cell * 0.0 if self.chance(0.5) else cell - cell) <= float(side))
        self.rows.append(Row(label, {}, "<=", side))

    def add_pin(self) -> None:
        """A variable set to a value by a row."""
        column = int(self.rng.integers(len(self.axes)))
        value = int(self.rng.choice(self.axes[column]))
        label = self.name("pin")
        self.builder.add(label, self.cells[column] == value)
        self.rows.append(Row(label, {(column,): Fraction(1)}, "==", Fraction(value)))

    def expression(self, polynomial: Polynomial) -> Any:
        total = None
        for monomial, value in polynomial.items():
            part: Any = float(value)
            for column in monomial:
                part = self.cells[column] * part
            total = part if total is None else total + part
        return total


def plus(*parts: Polynomial) -> Polynomial:
    """The sum of polynomials, zeros left out."""
    total: Polynomial = {}
    for part in parts:
        for monomial, value in part.items():
            total[monomial] = total.get(monomial, Fraction(0)) + value
    return {monomial: value for monomial, value in total.items() if value}


ROWS: list[Callable[[Draft], None]] = [
    Draft.add_row, Draft.add_table, Draft.add_guarded, Draft.add_soft, Draft.add_either, Draft.add_choice,
    Draft.add_again, Draft.add_empty, Draft.add_pin,
]  # fmt: skip
SHARES = [0.3, 0.07, 0.17, 0.1, 0.06, 0.1, 0.1, 0.04, 0.06]
