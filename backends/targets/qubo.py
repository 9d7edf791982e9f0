"""The .qubo text of qbsolv and its relatives.

    c comment
    p qubo 0 maxNodes nNodes nCouplers
    i i value          nNodes lines
    i j value          nCouplers lines, i < j

*needs*: binaries, degree <= 2 (level BQM). *drops*: labels, and the offset, which the manifest has (a comment states
it too, which ``read`` understands). Numbers are the shortest texts that read back exactly.
Source: the QUBO(5) format of qbsolv's README.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ...ir.errors import InputError
from ...ir.problem import Problem
from ...ir.quadratic.assembly import assemble
from ...ir.quadratic.form import QuadraticForm
from ..files import read_text
from ..modelling import problem_of
from ..target import Rendered, Target, Written
from ..triplet_text import bad_line, read_triplets, triplet_lines


@dataclass(frozen=True)
class Qubo(Target):
    """No options."""

    suffix = ".qubo"
    level = "BQM"

    def render(self, problem: Problem) -> Rendered:
        form = assemble(problem).check(problem.labels())
        return Rendered(_chunks(form), Written({"offset": form.offset}))

    def read(self, path: str | Path) -> Problem:
        """Binaries ``x``; raises :class:`InputError` where counts in the ``p`` line and entries differ."""
        file = str(path)
        found = read_triplets(read_text(path), file, "c")
        if len(found.other) != 1:
            raise InputError(
                f"{file}: {len(found.other)} program lines, expected one 'p qubo 0 maxNodes nNodes nCouplers'"
            )
        ((number, line),) = found.other.items()
        words = line.split()
        if len(words) != 6 or words[:2] != ["p", "qubo"] or not all(map(str.isdigit, words[2:])):
            raise bad_line(file, number, line, "not of the form: p qubo 0 maxNodes nNodes nCouplers")
        nodes = int((found.row == found.column).sum())
        stated = [int(word) for word in words[3:]]
        if [nodes, len(found.row) - nodes] != stated[1:]:
            message = f"{file}: {nodes} nodes and {len(found.row) - nodes} couplers, but its p line says {stated[1:]}"
            raise InputError(message, hint="was the file cut off or edited?")
        found.check_complete(file)
        linear, couplers = found.form(file, stated[0])
        return problem_of(Path(path).stem, "bin", found.number("offset", file) or 0.0, linear, couplers)


def _chunks(form: QuadraticForm) -> Iterator[bytes]:
    couplers = form.triplets()
    counts = f"entries={form.size + len(couplers.value)}"
    yield f"c {counts} offset={form.offset!r} (not part of the energies below)\n".encode()
    yield f"p qubo 0 {form.size} {form.size} {len(couplers.value)}\n".encode()
    yield from triplet_lines(form.linear, couplers)
