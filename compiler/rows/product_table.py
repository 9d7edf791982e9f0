"""Products of variables as new variables: one block and one ``Fn(product)`` for each combination of blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...ir.blocks import Arg, Fn, Var
from ...ir.definition import Apply
from ...ir.functions.product import Product
from ...ir.lift.complete import Complete
from ...ir.problem import Problem
from ...ir.types import BoolArray, FloatArray, IntArray

KINDS = ("bin", "int", "real", "spin")


@dataclass(frozen=True, eq=False)
class Layout:
    """Scalar columns of a problem: number of the ``owner`` block [n], ``place`` [n] in it, ``kind`` [n] of KINDS.

    ``finite`` [n]: both bounds are.
    """

    names: tuple[str, ...]
    owner: IntArray
    place: IntArray
    kind: IntArray
    finite: BoolArray

    @classmethod
    def of(cls, problem: Problem) -> Layout:
        variables = list(problem.vars.values())
        sizes = np.array([var.size for var in variables], np.int64)
        owner = np.repeat(np.arange(len(variables)), sizes)
        place = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        kinds = np.array([KINDS.index(var.domain) for var in variables] + [0])
        lower, upper = problem.stack_bounds()
        return cls(tuple(problem.vars), owner, place, kinds[owner], np.isfinite(lower) & np.isfinite(upper))


def distinct(factors: IntArray, layout: Layout) -> IntArray:
    """Factors [k, d] in normal form: binaries in layout order, each once (x x = x), then the others; -1: none."""
    size = len(layout.owner)
    kind = np.append(layout.kind, 0)
    key = np.where(factors < 0, 2 * size, factors + np.where(kind[factors] == 0, 0, size))
    key = np.sort(key, axis=1)
    again = (key[:, 1:] == key[:, :-1]) & (key[:, 1:] < size)
    key[:, 1:][again] = 2 * size
    key = np.sort(key, axis=1)
    return np.where(key >= 2 * size, -1, np.where(key >= size, key - size, key))


@dataclass(frozen=True, eq=False)
class ProductTable:
    """New blocks for products: product k is element ``index[k]`` of ``variables[which[k]]``."""

    variables: tuple[Var, ...]
    functions: tuple[Fn, ...]
    which: IntArray
    index: IntArray

    @classmethod
    def of(cls, problem: Problem, factors: IntArray, layout: Layout) -> ProductTable:
        """``factors`` [k, d]: distinct products in normal form, at least two factors each."""
        owners = np.where(factors >= 0, layout.owner[factors], -1)
        signatures, which = np.unique(owners, axis=0, return_inverse=True)
        which, index = which.ravel(), np.zeros(len(factors), np.int64)
        variables: list[Var] = []
        functions: list[Fn] = []
        for number, signature in enumerate(signatures.tolist()):
            chosen = np.flatnonzero(which == number)
            index[chosen] = np.arange(len(chosen))
            names = [layout.names[owner] for owner in signature if owner >= 0]
            args = tuple(Arg(name, layout.place[factors[chosen, j]]) for j, name in enumerate(names))
            name = fresh(problem, "product", variables, functions)
            made = product_variable(problem, name, args)
            variables.append(made)
            functions.append(Fn(fresh(problem, "products", variables, functions), name, Product(), args, made.origin))
        return cls(tuple(variables), tuple(functions), which, index)

    @property
    def records(self) -> tuple[Complete, ...]:
        """How the new variables follow from the old ones."""
        return tuple(Complete(fn.output, Apply(fn.function, fn.args)) for fn in self.functions)


def product_variable(problem: Problem, name: str, args: tuple[Arg, ...]) -> Var:
    """The block that holds products: binary, or of the kind of the one argument that is not."""
    size = len(args[0].index) if args[0].index is not None else problem.vars[args[0].variable].size
    origin = "product:" + "*".join(arg.variable for arg in args)
    number = [arg for arg in args if problem.vars[arg.variable].domain != "bin"]
    if not number:
        return Var.of(name, "bin", (size,), origin=origin)
    var = problem.vars[number[0].variable]
    lower, upper = ends(number[0], var)
    return Var(name, var.domain, (size,), np.minimum(lower, 0.0), np.maximum(upper, 0.0), origin)


def ends(arg: Arg, var: Var) -> tuple[FloatArray, FloatArray]:
    """Bounds of the elements that an argument picks."""
    return (var.lower, var.upper) if arg.index is None else (var.lower[arg.index], var.upper[arg.index])


def fresh(problem: Problem, stem: str, *taken: Sequence[Var | Fn]) -> str:
    """A name used neither in the problem nor by blocks made so far."""
    used = {block.name for blocks in (problem.blocks, *taken) for block in blocks}
    return next(name for name in [stem, *(f"{stem}.{i}" for i in range(1, len(used) + 2))] if name not in used)
