"""sign with binaries, its jump filled in: the closure of the graph.

rewrites: y = sign(x) over l <= x <= u as  y = p - n,  x <= u p,  x >= l n,  p + n <= 1  with binaries p and n
needs: finite bounds of x
adds: the binaries, blocks ``<y>.more`` (p) and ``<y>.less`` (n)
guarantee: (grows, bounded): at x = 0 also -1 and 1 are allowed, everywhere else nothing is added; by how much an
  optimum may move is not bounded
source: a union of boxes and rays as in Jeroslow, Representability in mixed integer programming, Discrete Applied
  Mathematics 17, 1987 (what rows and whole numbers describe in a box is closed)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...ir.affine import Affine
from ...ir.blocks import Arg, Block, Fn, Lin, Var
from ...ir.definition import Apply, Sum
from ...ir.errors import Refused
from ...ir.function import Function
from ...ir.functions.relu import Relu
from ...ir.functions.sign import Sign
from ...ir.guarantee import Guarantee
from ...ir.ledger import Note
from ...ir.lift.complete import Complete
from ...ir.operator import Operator
from ...ir.operators.gather import Gather
from ...ir.operators.identity import Identity
from ...ir.problem import Problem
from ..piecewise_form import Pieces

WHO = "encode-activations"
GROWN = Guarantee("grows", "bounded", np.inf)


@dataclass(frozen=True)
class Jumps:
    """No options."""

    def knows(self, function: Function) -> bool:
        return isinstance(function, Sign)

    def encode(self, problem: Problem, fn: Fn) -> Pieces:
        """See above. Raises :class:`Refused` where x is unbounded."""
        source, y = problem.vars[fn.args[0].variable], fn.output
        index = fn.args[0].index if fn.args[0].index is not None else np.arange(source.size)
        lower, upper = np.minimum(source.lower[index], 0.0), np.maximum(source.upper[index], 0.0)
        wrong = np.flatnonzero(~(np.isfinite(lower) & np.isfinite(upper)))
        if wrong.size:
            label = source.labels()[index[wrong[0]]]
            hint = "run bound-intervals first, or state bounds"
            raise Refused(f"sign of {label} has no finite big-M: it is unbounded", code="infinite-bound", hint=hint)
        size, place = len(index), np.arange(len(index))
        more, less = (problem.fresh(f"{y}.{side}") for side in ("more", "less"))
        x: Operator = Gather(index, np.ones(size), source.size)
        kinds: dict[str, dict[str, Operator]] = {
            "more": {source.name: x, more: Gather(place, -upper, size)},
            "less": {source.name: x.scaled(-1.0), less: Gather(place, lower, size)},
            "one": {more: Identity(size), less: Identity(size)},
        }
        origin = f"phase:{fn.name}"
        blocks: tuple[Block, ...] = (
            Var.of(more, "bin", (size,), origin=origin),
            Var.of(less, "bin", (size,), origin=origin),
            *(
                Lin(f"{fn.name}.{kind}", parts, "<=", np.full(size, float(kind == "one")), "dyadic", origin=origin)
                for kind, parts in kinds.items()
            ),
            Lin(fn.name, {more: Identity(size), less: Identity(size, -1.0), y: Identity(size, -1.0)}, "==",
                np.zeros(size), "dyadic", defines=y, origin=origin),
        )  # fmt: skip
        negative = Affine(np.zeros(size), {more: Identity(size), y: Identity(size, -1.0)})
        records = (Complete(more, Apply(Relu(), (Arg(y),))), Complete(less, Sum(negative)))
        note = Note(WHO, "a jump filled in", fn.name, size, 1.0, "of the value at 0", True)
        return Pieces(blocks, records, (note,), GROWN)
