"""Building a problem from Python, tensor by tensor.

b = Builder("knapsack")
x = b.binary("x", (4,))
b.add("cap", [3, 5, 2, 7] @ x <= 9)
b.maximize([4, 6, 3, 8] @ x)
problem = b.build()
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .affine import Affine
from .blocks import Block, Fn, Guard, Lin, Poly, Var
from .errors import InputError
from .exact_terms import as_floats
from .expression import Constraint, Expression, as_numbers, lift
from .ledger import Note
from .lift.objective import Objective
from .operators.csr import Csr
from .operators.identity import Identity
from .problem import Problem
from .sums import sum_by
from .term import Term
from .terms.linear import Linear
from .terms.monomials import Monomials
from .types import AnyArray, FloatArray

Shape = int | Sequence[int]


class Builder:
    """Collects variables, rows and one objective; ``build`` checks the whole and returns a :class:`Problem`."""

    def __init__(self, name: str = "model") -> None:
        self.name = name
        self._vars: dict[str, Var] = {}
        self._rows: list[Block] = []
        self._notes: list[Note] = []
        self._soft: list[Expression] = []
        self._objective: tuple[Expression, bool] | None = None

    # -- variables ----------------------------------------------------------------------------------------------------

    def binary(self, name: str, shape: Shape = (), origin: str = "") -> Expression:
        """0/1 variables."""
        return self.variable(Var.of(name, "bin", as_shape(shape), origin=origin))

    def spin(self, name: str, shape: Shape = (), origin: str = "") -> Expression:
        """-1/+1 variables."""
        return self.variable(Var.of(name, "spin", as_shape(shape), origin=origin))

    def integer(
        self, name: str, shape: Shape = (), lower: Any = None, upper: Any = None, origin: str = ""
    ) -> Expression:
        """Whole numbers between bounds (scalars or arrays of the shape); fractional bounds are rounded inward."""
        low, high = bound(lower, np.ceil), bound(upper, np.floor)
        return self.variable(Var.of(name, "int", as_shape(shape), low, high, origin))

    def real(self, name: str, shape: Shape = (), lower: Any = None, upper: Any = None, origin: str = "") -> Expression:
        """Real numbers between bounds."""
        return self.variable(Var.of(name, "real", as_shape(shape), bound(lower), bound(upper), origin))

    def variable(self, var: Var) -> Expression:
        """Any variable block."""
        self._claim(var.name)
        self._vars[var.name] = var
        return Expression(var.shape, Affine.of_variable(var.name, var.size))

    # -- rows --------------------------------------------------------------------------------------------------------

    def add(
        self, name: str, row: Constraint, *, reading: str = "simplest", origin: str = "", pattern: str | None = None
    ) -> None:
        """Require a comparison of expressions; one row per element of its shape."""
        if isinstance(row, (bool, np.bool_)):
            raise InputError(f"row {name!r} compares plain numbers: it is always {bool(row)}")
        if not isinstance(row, Constraint):
            raise InputError(f"row {name!r} is no comparison but {type(row).__name__}", hint="write e.g. x.sum() <= 3")
        self._claim(name)
        guard = self._guard(row)
        expression = row.expression
        if expression.exact is not None:
            merged, reading = as_floats(expression.exact(reading), reading, name)
            expression = Expression(expression.shape, Affine(np.zeros(expression.size)), (merged,))
        affine, terms = split_terms(expression, self._vars)
        if terms:
            linear = tuple(Linear(key, operator) for key, operator in affine.parts.items())
            zero = np.zeros(affine.size)
            self._rows.append(
                Poly(name, "constraint", linear + terms, zero, row.sense, -affine.offset, reading, guard, origin=origin)
            )
        else:
            rhs = 0.0 - affine.offset
            self._rows.append(Lin(name, affine.parts, row.sense, rhs, reading, guard, pattern=pattern, origin=origin))

    def add_soft(self, name: str, row: Constraint, cost: Any, **options: Any) -> Expression:
        """A row that may be broken at a cost per broken row. Returns the binaries that say which rows are broken."""
        if not isinstance(row, Constraint):
            text = f"soft row {name!r} is no comparison but {type(row).__name__}"
            raise InputError(text, hint="write e.g. x.sum() <= 3")
        given = spread(as_numbers(cost), row.expression.shape, f"the cost of soft row {name!r}")
        costs = np.asarray(given, dtype=np.float64)
        if not (np.isfinite(costs).all() and (costs >= 0).all()):
            raise InputError(
                f"the cost of soft row {name!r} must be finite and not negative", hint="reward by a negated row instead"
            )
        broken = self.binary(f"{name}.broken", row.expression.shape, origin=f"soft:{name}")
        self.add(name, row.when(broken, 0), **options)
        self._soft.append((broken * costs).sum() if broken.shape else broken * costs)
        return broken

    def add_either(self, name: str, cases: Sequence[Sequence[Constraint]], **options: Any) -> Expression:
        """At least one case (a list of rows that all hold) must hold. Returns one binary per case."""
        if any(isinstance(case, Constraint) for case in cases):
            hint = "write [[first], [second, third]]"
            raise InputError(f"a case of {name!r} is a row, not a list of rows", hint=hint)
        chosen = self.binary(f"{name}.case", (len(cases),), origin=f"or:{name}")
        self.add(name, chosen.sum() >= 1)
        for number, case in enumerate(cases):
            for place, row in enumerate(case):
                self.add(f"{name}.{number}.{place}", row.when(chosen[number]), **options)
        return chosen

    def define(self, fn: Fn) -> None:
        """A function block over variables that exist."""
        self._claim(fn.name)
        self._rows.append(fn)

    def block(self, block: Block) -> None:
        """Any other block, as it is."""
        self._claim(block.name)
        if isinstance(block, Var):
            self._vars[block.name] = block
        else:
            self._rows.append(block)

    def note(self, note: Note) -> None:
        """Something a reader had to round."""
        self._notes.append(note)

    # -- objective ---------------------------------------------------------------------------------------------------

    def minimize(self, objective: Any) -> None:
        self._set_objective(objective, False)

    def maximize(self, objective: Any) -> None:
        self._set_objective(objective, True)

    def _set_objective(self, objective: Any, maximize: bool) -> None:
        if self._objective is not None:
            raise InputError("the objective is stated twice", hint="add the two expressions up")
        expression = lift(objective)
        if expression.size != 1:
            raise InputError(f"the objective has shape {expression.shape}; it must be one number", hint="sum it up")
        self._objective = expression.reshape(()), maximize

    def build(self) -> Problem:
        """The problem, minimised inside; raises :class:`InputError` with everything that is wrong."""
        from .verify import verify

        expression, maximize = self._objective or (lift(0.0), False)
        if maximize:
            expression = -expression
        for cost in self._soft:  # costs are paid, whichever way the objective goes
            expression = expression + cost
        affine, terms = split_terms(expression, self._vars)
        linear = tuple(Linear(key, operator) for key, operator in affine.parts.items())
        objective = Poly("objective", "objective", linear + terms, affine.offset)
        problem = Problem(
            self.name,
            (*self._vars.values(), *self._rows, objective),
            Objective(-1.0 if maximize else 1.0),
            tuple(self._notes),
        )
        verify(problem)
        return problem

    # -- help --------------------------------------------------------------------------------------------------------

    def _claim(self, name: str) -> None:
        if name == "objective" or name in self._vars or any(row.name == name for row in self._rows):
            raise InputError(f"the name {name!r} is used twice", hint="give every variable and row its own name")

    def _guard(self, row: Constraint) -> Guard | None:
        if row.guard is None:
            return None
        binary, value = row.guard
        if not isinstance(binary, Expression):
            raise InputError(f"a guard must be a binary variable or elements of one, not {type(binary).__name__}")
        found = list(binary.affine.parts.items())
        plain = len(found) == 1 and not binary.terms and not binary.affine.offset.any()
        if not plain or found[0][0] not in self._vars or self._vars[found[0][0]].domain != "bin":
            raise InputError("a guard must be a binary variable or elements of one")
        csr = found[0][1].to_csr()
        if csr.nnz != csr.shape[0] or (np.diff(csr.indptr) != 1).any() or (csr.data != 1).any():
            raise InputError("a guard must be a binary variable or elements of one")
        index = spread(csr.indices.reshape(binary.shape), row.expression.shape, "the guard")
        return Guard(found[0][0], index.ravel().astype(np.int64), np.full(row.expression.size, float(value)))


def as_shape(shape: Shape) -> tuple[int, ...]:
    sizes = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    if not all(isinstance(size, (int, np.integer)) and size >= 0 for size in sizes):
        raise InputError(f"{shape!r} is no shape", hint="write a whole number, or a tuple of them")
    return tuple(int(size) for size in sizes)


def spread(array: AnyArray, shape: tuple[int, ...], what: str) -> AnyArray:
    """numpy's broadcast to the shape of the rows."""
    try:
        return np.broadcast_to(array, shape)
    except ValueError:
        text = f"{what} has shape {array.shape}, the rows have {shape}"
        raise InputError(text, hint="give one for all rows, or one for each") from None


def bound(value: Any, rounding: Any = None) -> FloatArray | None:
    if value is None:
        return None
    array = np.asarray(value, dtype=np.float64)
    return np.asarray(rounding(array) if rounding is not None else array)


def split_terms(expression: Expression, variables: dict[str, Var]) -> tuple[Affine, tuple[Term, ...]]:
    """The affine part of an expression, and what is really of degree two or more."""
    affine, terms = expression.affine, []
    for term in expression.terms:
        if not isinstance(term, Monomials):
            terms.append(term)
            continue
        tidy = term.tidy()
        count = (tidy.which >= 0).sum(axis=1)
        offset = sum_by(tidy.row[count == 0], tidy.coefficient[count == 0], tidy.rows)
        affine = affine.plus(Affine(offset, linear_parts(tidy.take(count == 1), variables)))
        if (count >= 2).any():
            terms.append(tidy.take(count >= 2))
    parts = {k: op for k, op in affine.parts.items() if isinstance(op, Identity) or op.nnz}
    return Affine(affine.offset, parts), tuple(terms)


def linear_parts(linear: Monomials, variables: dict[str, Var]) -> dict[str, Csr]:
    """Operators from monomials of one factor."""
    from scipy import sparse

    parts = {}
    for number, name in enumerate(linear.names):
        used = linear.which[:, 0] == number
        if used.any():
            entries = (linear.coefficient[used], (linear.row[used], linear.index[used, 0]))
            parts[name] = Csr.of(sparse.coo_array(entries, shape=(linear.rows, variables[name].size)))
    return parts
