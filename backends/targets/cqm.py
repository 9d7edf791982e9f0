"""dimod's ConstrainedQuadraticModel, as an object and as its own file form (.cqm).

*needs*: level MIP. *keeps*: labels, every number as float64, the order of variables. *changes*: a maximum becomes the
minimum of the negated objective (a CQM always minimises); a row with two sides becomes two constraints, ``r`` and
``r__low``; equalities of binaries with all coefficients 1 and right side 1 are marked as discrete where they do not
overlap. Bounds that a CQM can't hold (real 1e30, whole 2^53 - 1) are refused; missing ones become those.
Source: dimod 0.12, ``constrained.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dimod
import numpy as np
from scipy import sparse

from ...ir.errors import InputError, Refused
from ...ir.problem import Problem
from ...ir.types import BoolArray, FloatArray
from ..mixed_integer import MixedInteger, mixed_integer
from ..modelling import linear_problem_of
from ..target import Rendered, Target

REAL, WHOLE = 1e30, 2.0**53 - 1
"""Greatest sizes of bounds in a CQM."""


@dataclass(frozen=True)
class Cqm(Target):
    """No options."""

    suffix = ".cqm"
    level = "MIP"

    def emit(self, problem: Problem) -> dimod.ConstrainedQuadraticModel:
        """The object, its variables named by ``problem.labels()``."""
        return to_dimod(mixed_integer(problem))

    def render(self, problem: Problem) -> Rendered:
        return Rendered(_packed(self.emit(problem)))

    def read(self, path: str | Path) -> Problem:
        """A file in dimod's form as a problem; constraints of degree 1 only."""
        try:
            with open(path, "rb") as file:
                cqm = dimod.ConstrainedQuadraticModel.from_file(file)
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror})") from error
        except Exception as error:  # dimod raises whatever its parts raise on a damaged file
            message = f"{path}: not a constrained quadratic model in dimod's file form ({error})"
            raise InputError(message, hint="was the file cut off or edited?") from error
        return from_dimod(cqm, Path(path).stem)


def _packed(cqm: dimod.ConstrainedQuadraticModel) -> Iterator[bytes]:
    with cqm.to_file() as file:
        while chunk := file.read(1 << 20):
            yield chunk


def to_dimod(program: MixedInteger) -> dimod.ConstrainedQuadraticModel:
    """The program as a dimod object."""
    model: Any = dimod.ConstrainedQuadraticModel  # dimod's types are partial
    cqm = model()
    _add_variables(cqm, program)
    labels = list(program.columns)
    used = np.flatnonzero(program.cost).tolist()
    objective: list[tuple[Any, ...]] = [(labels[i], float(program.cost[i])) for i in used]
    square = program.quadratic.tocoo()
    if square.nnz and not program.integer.all():
        real = np.flatnonzero(~program.integer)
        if np.isin(square.row, real).any() or np.isin(square.col, real).any():
            raise Refused("a CQM has no products of real variables", hint="encode them, or write lp or mps")
    products = zip(square.row.tolist(), square.col.tolist(), square.data.tolist(), strict=True)
    objective += [(labels[i], labels[j], value) for i, j, value in products]
    cqm.set_objective([*objective, (program.offset,)])
    _add_rows(cqm, program, labels)
    found: dimod.ConstrainedQuadraticModel = cqm
    return found


def _add_variables(cqm: Any, program: MixedInteger) -> None:
    limit = np.where(program.integer, WHOLE, REAL)
    low = np.where(np.isinf(program.lower), -limit, program.lower)
    high = np.where(np.isinf(program.upper), limit, program.upper)
    wrong = np.flatnonzero((low < -limit) | (high > limit))
    if wrong.size:
        name = program.columns[wrong[0]]
        raise Refused(f"a CQM can't hold the bounds {low[wrong[0]]:g} to {high[wrong[0]]:g} of {name}", hint="scale it")
    kinds = np.where(program.binary, "BINARY", np.where(program.integer, "INTEGER", "REAL")).tolist()
    for label, kind, least, most in zip(program.columns, kinds, low.tolist(), high.tolist(), strict=True):
        cqm.add_variable(kind, label, lower_bound=least, upper_bound=most)


def _add_rows(cqm: Any, program: MixedInteger, labels: list[str]) -> None:
    matrix = program.matrix
    discrete = one_hot_rows(program)
    equal = program.row_lower == program.row_upper
    ends, columns, data = matrix.indptr.tolist(), matrix.indices.tolist(), matrix.data.tolist()
    lower, upper = program.row_lower.tolist(), program.row_upper.tolist()
    for i, title in enumerate(unused(program.rows)):
        names = [labels[j] for j in columns[ends[i] : ends[i + 1]]]
        if discrete[i]:
            cqm.add_discrete_from_iterable(names, label=title)
            continue
        terms = list(zip(names, data[ends[i] : ends[i + 1]], strict=True))
        if equal[i]:
            cqm.add_constraint_from_iterable(terms, "==", rhs=upper[i], label=title)
            continue
        if np.isfinite(upper[i]):
            cqm.add_constraint_from_iterable(terms, "<=", rhs=upper[i], label=title)
        if np.isfinite(lower[i]):
            low = f"{title}__low" if np.isfinite(upper[i]) else title
            cqm.add_constraint_from_iterable(terms, ">=", rhs=lower[i], label=low)


def unused(titles: tuple[str, ...]) -> list[str]:
    """The titles, later ones of the same text with a number."""
    seen: dict[str, int] = {}
    found = []
    for title in titles:
        seen[title] = seen.get(title, 0) + 1
        found.append(title if seen[title] == 1 else f"{title}#{seen[title]}")
    return found


def one_hot_rows(program: MixedInteger) -> BoolArray:
    """Rows sum of binaries == 1 [m], none of whose variables stands in an earlier one."""
    matrix: sparse.csr_array = program.matrix
    one = (program.row_lower == 1.0) & (program.row_upper == 1.0) & (np.diff(matrix.indptr) > 0)
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    plain = (matrix.data == 1.0) & program.binary[matrix.indices]
    one &= np.bincount(rows, ~plain, matrix.shape[0]) == 0
    taken: BoolArray = np.zeros(program.size, dtype=np.bool_)
    for row in np.flatnonzero(one).tolist():
        mine = matrix.indices[matrix.indptr[row] : matrix.indptr[row + 1]]
        if taken[mine].any():
            one[row] = False
        else:
            taken[mine] = True
    return np.asarray(one)


def from_dimod(cqm: dimod.ConstrainedQuadraticModel, name: str = "cqm") -> Problem:
    """A dimod object as a problem: blocks regrouped from labels such as ``x[0,1]`` where they form whole tensors."""
    known: Any = cqm
    labels = list(known.variables)
    place = {label: i for i, label in enumerate(labels)}
    n = len(labels)
    domains = {"BINARY": "bin", "SPIN": "spin", "INTEGER": "int", "REAL": "real"}
    kinds = [domains[known.vartype(label).name] for label in labels]
    low, high = (np.array([side(label) for label in labels]) for side in (known.lower_bound, known.upper_bound))
    limit = np.where(np.array(kinds) == "real", REAL, WHOLE)
    cost, square = _objective(known.objective, place)
    rows = list(known.constraints.items())
    for label, row in rows:
        if not row.lhs.is_linear() or row.lhs.is_soft():
            raise Refused(f"constraint {label!r} is quadratic or soft", hint="only linear, hard constraints are read")
    rhs = np.array([row.rhs - row.lhs.offset for _, row in rows], dtype=np.float64)
    senses = np.array([row.sense.value for _, row in rows], dtype=np.str_)
    arrays: dict[str, FloatArray | Any] = {
        "labels": np.array(labels, dtype=object), "domain": np.array(kinds, dtype=np.str_),
        "lower": np.where(low <= -limit, -np.inf, low), "upper": np.where(high >= limit, np.inf, high),
        "cost": cost, "offset": float(known.objective.offset), "reading": np.full(len(rows), "simplest"),
        "row_lower": np.where(senses == "<=", -np.inf, rhs), "row_upper": np.where(senses == ">=", np.inf, rhs),
    }  # fmt: skip
    entries = [(i, place[label], bias) for i, (_, row) in enumerate(rows) for label, bias in row.lhs.iter_linear()]
    return linear_problem_of(name, _matrix(entries, (len(rows), n)), square, arrays)


def _objective(model: Any, place: dict[Any, int]) -> tuple[FloatArray, sparse.csr_array]:
    """Linear coefficients [n] and products [n, n] (upper triangle)."""
    linear = np.zeros(len(place))
    for label, bias in model.iter_linear():
        linear[place[label]] = bias
    entries = [(*sorted((place[u], place[v])), bias) for u, v, bias in model.iter_quadratic()]
    return linear, _matrix(entries, (len(place), len(place)))


def _matrix(entries: list[tuple[int, int, float]], shape: tuple[int, int]) -> sparse.csr_array:
    table = np.array(entries, dtype=np.float64).reshape(-1, 3)
    where = (table[:, 0].astype(np.int64), table[:, 1].astype(np.int64))
    return sparse.csr_array(sparse.coo_array((table[:, 2], where), shape=shape))
