"""How peers build the models of ``build_models.py``: the same keywords, a dimod BQM returned, none of our code.

Each in the quickest way that its own interface offers for arrays; where there is none, term by term. Integers and slack
are encoded by the peer; where it has no encoding of rows (PyQUBO) its users write the penalty, and so is done here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import numpy as np
from build_models import slack_range


def entries(matrix: Any) -> Iterator[tuple[int, int, float]]:
    """(row, column, value) of the entries that are not zero, as Python numbers."""
    row, column = np.nonzero(matrix)
    return zip(row.tolist(), column.tolist(), matrix[row, column].tolist(), strict=True)


def row_terms(A: Any) -> list[tuple[list[int], list[float]]]:
    """Columns and coefficients of each row of a CSR matrix."""
    cuts = A.indptr[1:-1]
    pairs = zip(np.split(A.indices, cuts), np.split(A.data, cuts), strict=True)
    return [(column.tolist(), value.tolist()) for column, value in pairs]


def assignment_rows(n: int) -> list[list[int]]:
    """Flat cells of each row and column of an n x n square."""
    cells = np.arange(n * n).reshape(n, n)
    return [*cells.tolist(), *cells.T.tolist()]


# -- dimod ----------------------------------------------------------------------------------------------------------


def dimod_dense(Q: Any) -> Any:
    import dimod

    return dimod.BinaryQuadraticModel.from_qubo({(i, j): value for i, j, value in entries(Q)})


def dimod_qap(F: Any, D: Any, weight: float) -> Any:
    import dimod

    n = len(F)
    cqm = dimod.ConstrainedQuadraticModel()
    cqm.set_objective(dimod.BinaryQuadraticModel.from_qubo({(i, j): v for i, j, v in entries(np.kron(F, D))}))
    for cells in assignment_rows(n):
        cqm.add_constraint_from_iterable([(cell, 1) for cell in cells], "==", 1)
    return dimod.cqm_to_bqm(cqm, lagrange_multiplier=weight)[0]


def dimod_integers(tops: Any) -> tuple[Any, list[Any]]:
    """A quadratic model with integers 0..top, and their labels; 0..1 are binaries: dimod encodes no such integer."""
    import dimod

    model = dimod.QuadraticModel()
    labels = [f"y{i}" for i in range(len(tops))]
    for label, top in zip(labels, tops, strict=True):
        if top == 1:
            model.add_variable("BINARY", label)
        else:
            model.add_variable("INTEGER", label, lower_bound=0, upper_bound=float(top))
    return model, labels


def dimod_program(A: Any, b: Any, c: Any, upper: Any, weight: float) -> Any:
    import dimod

    model, labels = dimod_integers(upper)
    for label, cost in zip(labels, c.tolist(), strict=True):
        model.set_linear(label, cost)
    cqm = dimod.ConstrainedQuadraticModel.from_quadratic_model(model)
    for (columns, values), rhs in zip(row_terms(A), b.tolist(), strict=True):
        terms = [(labels[j], value) for j, value in zip(columns, values, strict=True)]
        cqm.add_constraint_from_iterable(terms, "<=", rhs)
    return dimod.cqm_to_bqm(cqm, lagrange_multiplier=weight)[0]


def dimod_squares(G: Any, g: Any, top: float, bits: int, constant: float) -> Any:
    import dimod

    model, labels = dimod_integers(np.full(len(g), top))
    for label, value in zip(labels, g.tolist(), strict=True):
        model.set_linear(label, value)
    model.add_quadratic_from((labels[i], labels[j], value) for i, j, value in entries(G))
    model.offset = constant
    return dimod.cqm_to_bqm(dimod.ConstrainedQuadraticModel.from_quadratic_model(model))[0]


def dimod_symbols(Q: Any) -> Any:
    import dimod

    x = [dimod.Binary(i) for i in range(len(Q))]
    return dimod.quicksum(value * x[i] * x[j] for i, j, value in entries(Q))


# -- PyQUBO ---------------------------------------------------------------------------------------------------------


def pyqubo_dense(Q: Any) -> Any:
    from pyqubo import Binary

    x = [Binary(f"x{i}") for i in range(len(Q))]
    return sum(value * x[i] * x[j] for i, j, value in entries(Q)).compile().to_bqm()


def pyqubo_qap(F: Any, D: Any, weight: float) -> Any:
    from pyqubo import Binary, Constraint

    n = len(F)
    x = [Binary(f"x{i}") for i in range(n * n)]
    total = sum(value * x[i] * x[j] for i, j, value in entries(np.kron(F, D)))
    for number, cells in enumerate(assignment_rows(n)):
        total += weight * Constraint((sum(x[cell] for cell in cells) - 1) ** 2, label=f"row{number}")
    return total.compile().to_bqm()


def pyqubo_program(A: Any, b: Any, c: Any, upper: Any, weight: float) -> Any:
    from pyqubo import Constraint, LogEncInteger

    y = [LogEncInteger(f"y{i}", (0, int(top))) for i, top in enumerate(upper)]
    total = sum(cost * y[i] for i, cost in enumerate(c.tolist()))
    rows = zip(row_terms(A), b.tolist(), slack_range(A, b, upper).astype(int).tolist(), strict=True)
    for number, ((columns, values), rhs, most) in enumerate(rows):
        left = sum(value * y[j] for j, value in zip(columns, values, strict=True)) - rhs
        if most:
            left += LogEncInteger(f"s{number}", (0, most))
        total += weight * Constraint(left**2, label=f"row{number}")
    return total.compile().to_bqm()


def pyqubo_squares(G: Any, g: Any, top: float, bits: int, constant: float) -> Any:
    from pyqubo import LogEncInteger

    y = [LogEncInteger(f"y{i}", (0, int(top))) for i in range(len(g))]
    total = sum(value * y[i] * y[j] for i, j, value in entries(G))
    total += sum(value * y[i] for i, value in enumerate(g.tolist())) + constant
    return total.compile().to_bqm()


# -- OMMX -----------------------------------------------------------------------------------------------------------


def ommx_bqm(variables: list[Any], objective: Any, rows: list[Any], weight: float = 1.0, slack: int = 31) -> Any:
    import dimod
    from ommx.v1 import Instance

    instance = Instance.from_components(
        decision_variables=variables, objective=objective, constraints=rows, sense=Instance.MINIMIZE
    )
    qubo, offset = instance.to_qubo(uniform_penalty_weight=weight, inequality_integer_slack_max_range=slack)
    return dimod.BinaryQuadraticModel.from_qubo(qubo, offset)


def ommx_quadratic(matrix: Any, linear: Any = None) -> Any:
    from ommx.v1 import Quadratic

    row, column = np.nonzero(matrix)
    return Quadratic(rows=row.tolist(), columns=column.tolist(), values=matrix[row, column].tolist(), linear=linear)


def ommx_dense(Q: Any) -> Any:
    from ommx.v1 import DecisionVariable

    return ommx_bqm([DecisionVariable.binary(i) for i in range(len(Q))], ommx_quadratic(Q), [])


def ommx_qap(F: Any, D: Any, weight: float) -> Any:
    from ommx.v1 import DecisionVariable, Linear

    n = len(F)
    rows = [
        (Linear(terms=dict.fromkeys(cells, 1.0)) == 1).set_id(number) for number, cells in enumerate(assignment_rows(n))
    ]
    variables = [DecisionVariable.binary(i) for i in range(n * n)]
    return ommx_bqm(variables, ommx_quadratic(np.kron(F, D)), rows, weight)


def ommx_program(A: Any, b: Any, c: Any, upper: Any, weight: float) -> Any:
    from ommx.v1 import DecisionVariable, Linear

    variables = [DecisionVariable.integer(i, lower=0, upper=top) for i, top in enumerate(upper.tolist())]
    rows = [
        (Linear(terms=dict(zip(columns, values, strict=True))) <= rhs).set_id(number)
        for number, ((columns, values), rhs) in enumerate(zip(row_terms(A), b.tolist(), strict=True))
    ]
    objective = Linear(terms=dict(enumerate(c.tolist())))
    return ommx_bqm(variables, objective, rows, weight, int(slack_range(A, b, upper).max()))


def ommx_squares(G: Any, g: Any, top: float, bits: int, constant: float) -> Any:
    from ommx.v1 import DecisionVariable, Linear

    variables = [DecisionVariable.integer(i, lower=0, upper=top) for i in range(len(g))]
    linear = Linear(terms=dict(enumerate(g.tolist())), constant=constant)
    return ommx_bqm(variables, ommx_quadratic(G, linear), [])


# -- Amplify --------------------------------------------------------------------------------------------------------


def amplify_bqm(model: Any) -> Any:
    """The model with constraints as penalties and integers as binaries, through the dict that Amplify hands out."""
    import amplify
    import dimod

    degrees = amplify.AcceptableDegrees(objective={"Binary": "Quadratic"})
    encoded, _ = model.to_intermediate_model(degrees, integer_encoding_method="Binary")
    terms = encoded.to_unconstrained_poly().as_dict()
    offset = terms.pop((), 0.0)
    return dimod.BinaryQuadraticModel.from_qubo({(key[0], key[-1]): value for key, value in terms.items()}, offset)


def amplify_dense(Q: Any) -> Any:
    import amplify

    matrix = amplify.VariableGenerator().matrix("Binary", len(Q))
    matrix.quadratic[:] = Q
    return amplify_bqm(amplify.Model(matrix))


def amplify_qap(F: Any, D: Any, weight: float) -> Any:
    import amplify

    n = len(F)
    matrix = amplify.VariableGenerator().matrix("Binary", n, n)
    matrix.quadratic[:] = np.kron(F, D).reshape(n, n, n, n)
    x = matrix.variable_array
    rows = amplify.one_hot(x, axis=1) + amplify.one_hot(x, axis=0)
    return amplify_bqm(amplify.Model(matrix, weight * rows))


def amplify_program(A: Any, b: Any, c: Any, upper: Any, weight: float) -> Any:
    import amplify

    generator = amplify.VariableGenerator()
    y = [generator.scalar("Integer", bounds=(0, int(top))) for top in upper]
    objective = sum(cost * y[i] for i, cost in enumerate(c.tolist()))
    rows = amplify.ConstraintList()
    for (columns, values), rhs in zip(row_terms(A), b.tolist(), strict=True):
        rows += amplify.less_equal(sum(value * y[j] for j, value in zip(columns, values, strict=True)), rhs)
    return amplify_bqm(amplify.Model(objective, weight * rows))


def amplify_squares(G: Any, g: Any, top: float, bits: int, constant: float) -> Any:
    import amplify

    matrix = amplify.VariableGenerator().matrix("Integer", len(g), bounds=(0, int(top)))
    matrix.quadratic[:] = G
    matrix.linear[:] = g
    matrix.constant = constant
    return amplify_bqm(amplify.Model(matrix))


BUILDERS: dict[str, dict[str, Callable[..., Any]]] = {
    "dimod": {"dense": dimod_dense, "qap": dimod_qap, "program": dimod_program, "squares": dimod_squares},
    "dimod-symbols": {"dense": dimod_symbols},
    "pyqubo": {"dense": pyqubo_dense, "qap": pyqubo_qap, "program": pyqubo_program, "squares": pyqubo_squares},
    "ommx": {"dense": ommx_dense, "qap": ommx_qap, "program": ommx_program, "squares": ommx_squares},
    "amplify": {"dense": amplify_dense, "qap": amplify_qap, "program": amplify_program, "squares": amplify_squares},
}
"""Builders by tool and kind. ``dimod``: from a dict where there is no row or integer, else cqm_to_bqm."""


def installed() -> list[str]:
    """The tools whose package can be imported here."""
    return [tool for tool in BUILDERS if find_spec(tool.split("-")[0])]
