"""dimod's COO text: a header ``# vartype=BINARY`` and lines ``i j value`` (i = j: linear).

*needs*: binaries, degree <= 2 (level BQM). *drops*: labels, and the offset, which the manifest has (a comment states
it too, which ``read`` understands). dimod's reader silently skips lines with an exponent, so numbers are written out
without one; and it knows only variables that occur, so linear zeros are written too.
Source: dimod 0.12, ``serialization/coo.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ...ir.errors import InputError
from ...ir.problem import Problem
from ...ir.quadratic.assembly import assemble
from ...ir.quadratic.triplets import Triplets
from ...ir.types import FloatArray
from ..files import read_text
from ..modelling import problem_of
from ..target import Rendered, Target, Written
from ..triplet_text import read_triplets, triplet_lines

DOMAINS = {"BINARY": "bin", "SPIN": "spin"}


@dataclass(frozen=True)
class Coo(Target):
    """No options."""

    suffix = ".coo"
    level = "BQM"

    def render(self, problem: Problem) -> Rendered:
        form = assemble(problem).check(problem.labels())
        chunks = coo_chunks("BINARY", form.offset, form.linear, form.triplets())
        return Rendered(chunks, Written({"offset": form.offset}))

    def read(self, path: str | Path) -> Problem:
        """Binaries ``x`` or spins ``s``, as the header says."""
        return read_coo(path)


def coo_chunks(
    vartype: str, offset: float, linear: FloatArray, couplers: Triplets, scale: float = 1.0
) -> Iterator[bytes]:
    """The text, with what dimod does not read as comments."""
    counts = f"entries={len(linear) + len(couplers.value)} variables={len(linear)}"
    # one line, the vartype last: a file cut off within it is no COO text any more
    yield f"# {counts} offset={float(offset)!r} scale={float(scale)!r} vartype={vartype}\n".encode()
    yield from triplet_lines(linear, couplers, positional=True)


def read_coo(path: str | Path) -> Problem:
    """A problem from COO text; other settings in comments (offset, scale, counts) are optional, the vartype is not."""
    file = str(path)
    found = read_triplets(read_text(path), file, "#")
    vartype = found.settings.get("vartype", "").rpartition(".")[2]
    if vartype not in DOMAINS or found.other:
        hint = "dimod writes it with vartype_header=True"
        raise InputError(f"{file}: no COO text with a line '# vartype=BINARY' or '# vartype=SPIN'", hint=hint)
    found.check_complete(file)
    size = found.number("variables", file)
    linear, couplers = found.form(file, None if size is None else int(size))
    scale, offset = found.number("scale", file) or 1.0, found.number("offset", file) or 0.0
    scaled = Triplets(couplers.row, couplers.column, couplers.value * scale)
    return problem_of(Path(path).stem, DOMAINS[vartype], offset * scale, linear * scale, scaled)
