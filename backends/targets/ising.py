"""h and J of the Ising energy E = offset + h.s + sum_{i<j} J_ij s_i s_j, s = 2b - 1, as text.

    # vartype=SPIN
    # offset=1.5
    i i h_i
    i j J_ij           i < j

which is dimod's COO text for spins. ``bits=K`` gives whole numbers of K bits with sign (of which ``scale`` times is the
energy); the ledger states the greatest energy error of any state. ``matrix=true`` writes the symmetric matrix instead,
n lines of n numbers, J_ij at (i, j) and (j, i), h on the diagonal: the input of coherent Ising machines.
*needs*: binaries, degree <= 2 (level BQM). *drops*: labels; the manifest carries offset and scale.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...ir.errors import InputError
from ...ir.ledger import Ledger
from ...ir.problem import Problem
from ...ir.quadratic.assembly import assemble
from ...ir.quadratic.ising_form import IsingForm
from ...ir.quadratic.triplets import Triplets
from ..files import numbers, read_text
from ..modelling import problem_of
from ..target import Rendered, Target, Written
from ..triplet_text import read_triplets
from .coo import coo_chunks, read_coo


@dataclass(frozen=True)
class Ising(Target):
    """``bits``: round to whole numbers of so many bits (0: keep float64). ``matrix``: write the symmetric matrix."""

    bits: int = 0
    matrix: bool = False

    suffix = ".ising"
    level = "BQM"

    def form(self, problem: Problem) -> tuple[IsingForm, Ledger]:
        """h, J, offset (rounded where ``bits`` asks for it), and what the rounding costs."""
        form = assemble(problem).check(problem.labels()).ising()
        if not self.bits:
            return form, ()
        rounded, note = form.rounded(self.bits)
        return rounded, (note,)

    def render(self, problem: Problem) -> Rendered:
        form, ledger = self.form(problem)
        written = Written({"offset": form.offset, "scale": form.scale, "vartype": "SPIN"}, ledger)
        if self.matrix:
            return Rendered(_matrix_chunks(form), written)
        return Rendered(coo_chunks("SPIN", form.offset, form.h, form.triplets(), form.scale), written)

    def read(self, path: str | Path) -> Problem:
        """Spins ``s`` from either form of the file."""
        text = read_text(path)
        return _read_matrix(text, path) if text.startswith("# symmetric") else read_coo(path)


def _matrix_chunks(form: IsingForm) -> Iterator[bytes]:
    yield f"# symmetric rows={form.size} offset={form.offset!r} scale={form.scale!r} vartype=SPIN\n".encode()
    for row in form.symmetric():
        yield (" ".join(numbers(row)) + "\n").encode()


def _read_matrix(text: str, path: str | Path) -> Problem:
    file = str(path)
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    comments = "\n".join(line for line in text.splitlines() if line.startswith("#"))
    found = read_triplets(comments, file, "#")
    width = len(lines[0].split()) if lines else 0
    try:
        matrix = np.array([line.split() for line in lines], dtype=np.float64).reshape(len(lines), width)
    except ValueError as error:
        raise InputError(
            f"{file}: not a matrix of numbers ({error})", hint="was the file cut off or edited?"
        ) from error
    n = found.number("rows", file)
    whole = found.settings.get("vartype") == "SPIN" and text.endswith("\n")
    if not whole or matrix.shape != (n, n) or not np.isfinite(matrix).all() or (matrix != matrix.T).any():
        message = f"{file}: {matrix.shape[0]} x {matrix.shape[1]} numbers are no finite symmetric matrix of {n} rows"
        raise InputError(message, hint="was the file cut off or edited?")
    scale, offset = found.number("scale", file) or 1.0, found.number("offset", file) or 0.0
    couplers = Triplets.of_dense(np.triu(matrix * scale, 1))
    return problem_of(Path(path).stem, "spin", offset * scale, np.diagonal(matrix) * scale, couplers)
