"""Which blocks compute which others, in an order in which they can be computed: the network inside a problem."""

from __future__ import annotations

from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

import numpy as np

from .affine import Affine
from .blocks import Fn, Lin
from .errors import InputError, Refused
from .operator import Operator
from .operators.identity import Identity
from .problem import Problem
from .types import FloatArray


@dataclass(frozen=True, eq=False)
class Solved:
    """A defining row block solved for what it defines: ``name = affine / divisor``, ``divisor`` [m] without a zero.

    Coefficients and divisor are the row's own numbers (only signs changed), so nothing is rounded.
    """

    name: str
    affine: Affine
    divisor: FloatArray
    reading: str

    @property
    def plain(self) -> bool:
        """Whether the divisor is one everywhere."""
        return bool((self.divisor == 1.0).all())


def solve_for(lin: Lin) -> Solved:
    """``sum_k A_k x_k + D z == b`` with diagonal D as ``z = (sum_k A_k x_k - b) / (-D)``, or with all signs turned.

    Raises :class:`Refused` where the rows do not have that form.
    """
    name = lin.defines
    if name is None or lin.sense != "==" or lin.guard is not None or name not in lin.parts:
        raise Refused(f"rows {lin.name!r} define no block", hint="only unguarded equalities with that block define it")
    diagonal = diagonal_of(lin.parts[name])
    if diagonal is None or not diagonal.all():
        raise Refused(f"rows {lin.name!r} do not define {name!r}: its operator is not a diagonal without zeros")
    rest = {key: operator for key, operator in lin.parts.items() if key != name}
    if (diagonal > 0).all():
        return Solved(name, Affine(lin.rhs, {key: op.scaled(-1.0) for key, op in rest.items()}), diagonal, lin.reading)
    return Solved(name, Affine(-lin.rhs, rest), -diagonal, lin.reading)


def diagonal_of(operator: Operator) -> FloatArray | None:
    """The diagonal of a square operator that has no other entries, else None."""
    if isinstance(operator, Identity):
        return np.full(operator.size, operator.factor)
    rows, columns = operator.shape
    csr = operator.to_csr() if rows == columns else None
    if csr is None or csr.nnz != rows or not np.array_equal(csr.indices, np.arange(rows)):
        return None
    return np.asarray(csr.data, dtype=np.float64) if np.array_equal(csr.indptr, np.arange(rows + 1)) else None


Step = Solved | Fn


def computed(problem: Problem) -> tuple[Step, ...]:
    """Defining row blocks (solved) and function blocks, each after those that compute what it reads.

    Raises :class:`InputError` when a block is computed twice or from itself.
    """
    steps: dict[str, Step] = {}
    reads: dict[str, tuple[str, ...]] = {}
    defining = [lin for lin in problem.lins.values() if lin.defines is not None]
    found: list[Step] = [*map(solve_for, defining), *problem.fns.values()]
    for step in found:
        name = step.output if isinstance(step, Fn) else step.name
        if name in steps:
            raise InputError(f"block {name!r} of problem {problem.name!r} is computed twice", hint="drop one")
        steps[name] = step
        reads[name] = tuple(arg.variable for arg in step.args) if isinstance(step, Fn) else tuple(step.affine.parts)
    try:
        return tuple(steps[name] for name in TopologicalSorter(reads).static_order() if name in steps)
    except CycleError as error:
        circle = " <- ".join(error.args[1])
        raise InputError(f"blocks of problem {problem.name!r} are computed from themselves: {circle}") from error


def free_blocks(problem: Problem) -> tuple[str, ...]:
    """Names of the variable blocks that nothing computes, in definition order."""
    outputs = {step.output if isinstance(step, Fn) else step.name for step in computed(problem)}
    return tuple(name for name in problem.vars if name not in outputs)
