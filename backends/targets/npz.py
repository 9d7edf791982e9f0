"""numpy's .npz of the arrays, for programs that read no model format.

``form=qubo`` (level BQM): ``offset, linear [n], row [k], column [k], value [k]`` with row < column, ``labels [n]``:
E(x) = offset + linear.x + sum value x_row x_column over x in {0, 1}^n.
``form=mip`` (level MIP): A as CSR ``data, indices, indptr, shape``; ``row_lower, row_upper [m]``; ``lower, upper,
integer, domain, cost [n]``, ``offset``; ``labels [n]``, ``rows [m]``, ``reading [m]``; Q of the objective's x^T Q x as
``row, column, value`` with row <= column. Text is stored as unicode arrays; nothing is pickled; everything is exact.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from ...ir.errors import InputError, UsageError
from ...ir.problem import Problem
from ...ir.quadratic.assembly import assemble
from ...ir.quadratic.triplets import Triplets
from ..files import read_arrays
from ..mixed_integer import mixed_integer
from ..modelling import linear_problem_of, problem_of
from ..target import Rendered, Target, Written

LEVELS = {"qubo": "BQM", "mip": "MIP"}


@dataclass(frozen=True)
class Npz(Target):
    """``form``: qubo or mip."""

    form: str = "qubo"

    suffix = ".npz"
    level = "BQM"

    def __post_init__(self) -> None:
        if self.form not in LEVELS:
            raise UsageError(f"target npz has no form {self.form!r}", hint="known: mip, qubo")
        object.__setattr__(self, "level", LEVELS[self.form])

    def render(self, problem: Problem) -> Rendered:
        arrays = mip_arrays(problem) if self.form == "mip" else qubo_arrays(problem)
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)
        return Rendered((buffer.getvalue(),), Written({"form": self.form}))

    def read(self, path: str | Path) -> Problem:
        """Either form back as a problem."""
        arrays = read_arrays(path)
        try:
            return _mip(arrays, Path(path).stem) if "indptr" in arrays else _qubo(arrays, Path(path).stem)
        except (KeyError, ValueError, IndexError, TypeError) as error:
            message = f"{path}: not the arrays of this target ({error})"
            raise InputError(message, hint="written by target npz? cut off?") from error


def qubo_arrays(problem: Problem) -> dict[str, Any]:
    labels = problem.labels()
    form = assemble(problem).check(labels)
    couplers = form.triplets()
    return {
        "offset": np.array(form.offset),
        "linear": form.linear,
        "row": couplers.row,
        "column": couplers.column,
        "value": couplers.value,
        "labels": np.array(labels, dtype=np.str_),
    }


def mip_arrays(problem: Problem) -> dict[str, Any]:
    program = mixed_integer(problem)
    square = program.quadratic.tocoo()
    reading = [lin.reading for lin in problem.lins.values() for _ in range(lin.size)]
    return {
        "data": program.matrix.data,
        "indices": program.matrix.indices,
        "indptr": program.matrix.indptr,
        "shape": np.array(program.matrix.shape),
        "row_lower": program.row_lower,
        "row_upper": program.row_upper,
        "lower": program.lower,
        "upper": program.upper,
        "integer": program.integer,
        "domain": np.array([var.domain for var in problem.vars.values() for _ in range(var.size)], dtype=np.str_),
        "cost": program.cost,
        "offset": np.array(program.offset),
        "row": np.asarray(square.row, dtype=np.int64),
        "column": np.asarray(square.col, dtype=np.int64),
        "value": square.data,
        "labels": np.array(program.columns, dtype=np.str_),
        "rows": np.array(program.rows, dtype=np.str_),
        "reading": np.array(reading, dtype=np.str_),
    }


def _qubo(arrays: Mapping[str, Any], name: str) -> Problem:
    linear = np.asarray(arrays["linear"], dtype=np.float64)
    row, column = (np.asarray(arrays[key], dtype=np.int64) for key in ("row", "column"))
    if not ((row < column) & (row >= 0) & (column < len(linear))).all():
        raise InputError(f"{name}: an index is out of range or row >= column")
    triplets = Triplets.of_sum(row, column, np.asarray(arrays["value"], dtype=np.float64), len(linear))
    return problem_of(name, "bin", float(arrays["offset"]), linear, triplets, arrays["labels"].tolist())


def _mip(arrays: Mapping[str, Any], name: str) -> Problem:
    shape = tuple(arrays["shape"].tolist())
    matrix = sparse.csr_array((arrays["data"], arrays["indices"], arrays["indptr"]), shape=shape)
    matrix.check_format(full_check=True)
    n = shape[1]
    entries = (arrays["value"], (arrays["row"], arrays["column"]))
    return linear_problem_of(name, matrix, sparse.csr_array(sparse.coo_array(entries, shape=(n, n))), arrays)
