"""Models of rows as plain tables: from a problem, from a file as HiGHS reads it, and drawn at random."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import highspy
import numpy as np
from hypothesis import strategies as st

from isinglass.ir.problem import Problem
from isinglass.ir.terms.bilinear import Bilinear
from isinglass.ir.terms.linear import Linear

INF = float("inf")
Array = Any


@dataclass
class Table:
    """``columns``: name -> (lower, upper, integer); ``rows``: name -> (least, most, entries), the first entry by name
    made positive; ``products``: pair of names -> coefficient of their product."""

    maximize: bool = False
    constant: float = 0.0
    costs: dict[str, float] = field(default_factory=dict)
    products: dict[tuple[str, str], float] = field(default_factory=dict)
    columns: dict[str, tuple[float, float, bool]] = field(default_factory=dict)
    rows: dict[str, tuple[float, float, dict[str, float]]] = field(default_factory=dict)

    def add_row(self, name: str, least: float, most: float, entries: dict[str, float]) -> None:
        entries = {key: value for key, value in sorted(entries.items()) if value}
        if next(iter(entries.values()), 1.0 if least > -INF else -1.0) < 0:
            least, most, entries = -most, -least, {key: -value for key, value in entries.items()}
        self.rows[name] = (least + 0.0, most + 0.0, entries)


def by_name(matrix: Array, names: list[str]) -> list[dict[str, float]]:
    """The rows of a sparse matrix as column name -> entry."""
    csr = matrix.tocsr()
    entries = list(zip([names[j] for j in csr.indices], csr.data.tolist(), strict=True))
    return [dict(entries[begin:end]) for begin, end in pairwise(csr.indptr.tolist())]


def of_problem(problem: Problem) -> Table:
    """A problem without guards and quadratic rows, in the sense of its source."""
    sign = problem.source.scale
    table = Table(problem.source.maximize, float(problem.objective.constant[0]) * sign + problem.source.offset)
    for var in problem.vars.values():
        for name, lower, upper in zip(var.labels(), var.lower.tolist(), var.upper.tolist(), strict=True):
            table.columns[name] = (lower, upper, var.discrete)
    add_rows(table, problem)
    add_objective(table, problem)
    return table


def add_rows(table: Table, problem: Problem) -> None:
    for lin in problem.lins.values():
        entries: list[dict[str, float]] = [{} for _ in range(lin.size)]
        for key, operator in lin.parts.items():
            for found, more in zip(entries, by_name(operator.to_csr(), problem.vars[key].labels()), strict=True):
                found.update(more)
        least = lin.rhs if lin.sense == "==" else np.full(lin.size, -INF) if lin.least is None else lin.least
        for name, low, high, found in zip(lin.labels(), least.tolist(), lin.rhs.tolist(), entries, strict=True):
            table.add_row(name, low, high, found)


def add_objective(table: Table, problem: Problem) -> None:
    sign = problem.source.scale
    for term in problem.objective.terms:
        if isinstance(term, Linear):
            costs = by_name(term.operator.to_csr(), problem.vars[term.variable].labels())[0]
            table.costs.update({name: sign * value for name, value in costs.items()})
        elif isinstance(term, Bilinear):
            rows = by_name(term.operator.to_csr(), problem.vars[term.right].labels())
            for left, found in zip(problem.vars[term.left].labels(), rows, strict=True):
                table.products |= {pair(left, right): sign * value for right, value in found.items()}


def pair(left: str, right: str) -> tuple[str, str]:
    return (left, right) if left <= right else (right, left)


def quiet() -> highspy.Highs:
    solver = highspy.Highs()
    solver.silent()
    return solver


def by_highs(path: Path) -> Table:
    """What HiGHS reads from a file."""
    solver = quiet()
    status = solver.readModel(str(path))
    assert status != highspy.HighsStatus.kError, path.read_text()
    lp, hessian = solver.getLp(), solver.getModel().hessian_
    table = Table(lp.sense_ == highspy.ObjSense.kMaximize, lp.offset_)
    names = list(lp.col_names_)
    kinds = list(lp.integrality_) or [highspy.HighsVarType.kContinuous] * lp.num_col_
    for name, lower, upper, kind in zip(names, lp.col_lower_, lp.col_upper_, kinds, strict=True):
        integer = kind == highspy.HighsVarType.kInteger
        if integer:  # the readers round inward at once
            lower, upper = float(np.ceil(lower)), float(np.floor(upper))
        table.columns[name] = (lower, upper, integer)
    entries: list[dict[str, float]] = [{} for _ in range(lp.num_row_)]
    start, index, value = (list(part) for part in (lp.a_matrix_.start_, lp.a_matrix_.index_, lp.a_matrix_.value_))
    for j, name in enumerate(names):
        for k in range(start[j], start[j + 1]):
            entries[index[k]][name] = value[k]
    for number, (name, low, high) in enumerate(zip(lp.row_names_, lp.row_lower_, lp.row_upper_, strict=True)):
        table.add_row(f"c{number + 1}" if name.startswith("HiGHS_R") else name, low, high, entries[number])
    table.costs = {name: cost for name, cost in zip(names, lp.col_cost_, strict=True) if cost}
    for j in range(hessian.dim_):
        for k in range(hessian.start_[j], hessian.start_[j + 1]):
            i = hessian.index_[k]
            factor = 0.5 if i == j else 1.0 if hessian.format_ == highspy.HessianFormat.kTriangular else 0.5
            key = pair(names[i], names[j])
            table.products[key] = table.products.get(key, 0.0) + factor * hessian.value_[k]
    table.products = {key: value for key, value in table.products.items() if value}
    return table


def solver_of(table: Table) -> highspy.Highs:
    """A table (without products) given to HiGHS."""
    solver = quiet()
    place = {}
    for name, (lower, upper, integer) in table.columns.items():
        place[name] = solver.numVariables
        solver.addVar(lower, upper)
        solver.changeColCost(place[name], table.costs.get(name, 0.0))
        solver.passColName(place[name], name)
        if integer:
            solver.changeColIntegrality(place[name], highspy.HighsVarType.kInteger)
    for number, (name, (least, most, entries)) in enumerate(table.rows.items()):
        index = np.array([place[key] for key in entries], dtype=np.int32)
        solver.addRow(least, most, len(entries), index, np.array(list(entries.values())))
        solver.passRowName(number, name)
    solver.changeObjectiveSense(highspy.ObjSense.kMaximize if table.maximize else highspy.ObjSense.kMinimize)
    solver.changeObjectiveOffset(table.constant)
    return solver


def optimum(solver: highspy.Highs) -> tuple[str, float | None]:
    """Status and optimum as HiGHS finds them."""
    solver.setOptionValue("time_limit", 5.0)
    solver.run()
    status = solver.getModelStatus()
    found = status == highspy.HighsModelStatus.kOptimal
    return status.name, solver.getInfo().objective_function_value if found else None


def optimum_of_file(path: Path) -> tuple[str, float | None]:
    solver = quiet()
    assert solver.readModel(str(path)) != highspy.HighsStatus.kError
    return optimum(solver)


NAMES = ["x", "y1", "Zoe", "a.b", "v(1,2)", "q#7", "e_", "x'", "w~", "p{3}", "n!", "_t", "m|n", "k&j", "free_", "ü"]
SHORT = st.integers(-99, 99).map(lambda k: k / 10)
SMALL = st.integers(-9, 9).map(float)
LONG = st.floats(-1e6, 1e6).filter(lambda value: abs(value) > 1e-6 or value == 0)
NUMBERS = st.one_of(SMALL, SHORT, LONG)


@st.composite
def tables(draw: Any, numbers: st.SearchStrategy[float] = NUMBERS) -> Table:
    """Small models as HiGHS can write them: no products, bounds and sides in order."""
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=5, unique=True))
    table = Table(draw(st.booleans()), draw(st.one_of(st.just(0.0), numbers)))
    for name in names:
        integer = draw(st.booleans())
        ends = st.integers(-9, 9).map(float) if integer else numbers
        low, high = sorted([draw(ends), draw(ends)])
        kind = draw(st.sampled_from(["box", "lower", "upper", "free", "default", "unit", "fixed"]))
        table.columns[name] = {
            "box": (low, high), "lower": (low, INF), "upper": (-INF, high), "free": (-INF, INF), "default": (0.0, INF),
            "unit": (0.0, 1.0), "fixed": (low, low),
        }[kind] + (integer,)  # fmt: skip
    table.costs = {name: value for name in names if (value := draw(numbers))}
    for number in range(draw(st.integers(0, 4))):
        used = draw(st.lists(st.sampled_from(names), min_size=1, max_size=4, unique=True))
        entries = {name: value for name in used if (value := draw(numbers))}
        low, high = sorted([draw(numbers), draw(numbers)])
        sides = draw(st.sampled_from([(low, high), (low, INF), (-INF, high), (low, low)]))
        table.add_row(f"row{number}", *sides, entries or {names[0]: 1.0})
    return table
