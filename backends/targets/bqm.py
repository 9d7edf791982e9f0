"""dimod's BinaryQuadraticModel, as an object and as its own file form (.bqm).

*needs*: binaries, degree <= 2 (level BQM). *keeps*: labels, the offset, every coefficient as float64.
Dense triangles enter through ``add_quadratic_from_dense`` (which adds (i, j) and (j, i), skips exact zeros and refuses
a diagonal that is not zero; it wants labels 0..n-1, so the relabelling comes last), triplets through
``from_numpy_vectors``. Source: dimod 0.12, ``abc.h`` and ``cybqm_template.pyx.pxi``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dimod
import numpy as np

from ...ir.errors import InputError
from ...ir.problem import Problem
from ...ir.quadratic.assembly import assemble
from ...ir.quadratic.form import QuadraticForm
from ...ir.quadratic.triplets import Triplets
from ..modelling import problem_of
from ..target import Rendered, Target


@dataclass(frozen=True)
class Bqm(Target):
    """No options."""

    suffix = ".bqm"
    level = "BQM"

    def emit(self, problem: Problem) -> dimod.BinaryQuadraticModel:
        """The object, its variables named by ``problem.labels()``. Raises InputError for NaN or infinite numbers."""
        labels = problem.labels()
        return to_dimod(assemble(problem).check(labels), labels)

    def render(self, problem: Problem) -> Rendered:
        return Rendered(_packed(self.emit(problem)))

    def read(self, path: str | Path) -> Problem:
        """A file in dimod's form as a problem; binaries or spins."""
        try:
            with open(path, "rb") as file:
                bqm = dimod.BinaryQuadraticModel.from_file(file)
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror})") from error
        except Exception as error:  # dimod raises whatever its parts raise on a damaged file
            message = f"{path}: not a binary quadratic model in dimod's file form ({error})"
            raise InputError(message, hint="was the file cut off or edited?") from error
        return from_dimod(bqm, Path(path).stem)


def _packed(bqm: dimod.BinaryQuadraticModel) -> Iterator[bytes]:
    with bqm.to_file() as file:
        while chunk := file.read(1 << 20):
            yield chunk


def to_dimod(form: QuadraticForm, labels: Sequence[str] | None = None) -> dimod.BinaryQuadraticModel:
    """The form as a dimod object; variables 0..n-1 without ``labels``."""
    bqm: Any  # dimod's types are partial
    if isinstance(form.couplers, Triplets):
        vectors = (form.couplers.row, form.couplers.column, form.couplers.value)
        bqm = dimod.BinaryQuadraticModel.from_numpy_vectors(form.linear, vectors, form.offset, dimod.BINARY)
    else:
        bqm = dimod.BinaryQuadraticModel("BINARY")
        bqm.add_linear_from_array(form.linear)
        if form.size:
            bqm.add_quadratic_from_dense(form.couplers)
        bqm.offset += form.offset
    if labels is not None and form.size:
        bqm.relabel_variables(dict(enumerate(labels)))
    found: dimod.BinaryQuadraticModel = bqm
    return found


def from_dimod(bqm: dimod.BinaryQuadraticModel, name: str = "bqm") -> Problem:
    """A dimod object as a problem: blocks regrouped from labels such as ``x[0,1]`` where they form whole tensors."""
    vectors: Any = bqm.to_numpy_vectors(sort_labels=False, return_labels=True)
    row, column = (
        np.asarray(index, dtype=np.int64) for index in (vectors.quadratic.row_indices, vectors.quadratic.col_indices)
    )
    low, high = np.minimum(row, column), np.maximum(row, column)
    biases = np.asarray(vectors.quadratic.biases, dtype=np.float64)
    linear = np.asarray(vectors.linear_biases, dtype=np.float64)
    triplets = Triplets.of_sum(low, high, biases, len(linear))
    domain = "spin" if bqm.vartype is dimod.SPIN else "bin"
    return problem_of(name, domain, float(bqm.offset), linear, triplets, list(vectors.labels))
