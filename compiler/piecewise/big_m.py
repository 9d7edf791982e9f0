"""relu with one binary for each neuron whose sign is not known: h = max(z, 0) over l <= z <= u.

rewrites: h = relu(z); with l >= 0 the row z - h == 0, with u <= 0 the row h == 0, else
  h >= 0,  z - h <= 0,  h - u a <= 0,  h - z - l a <= -l   with a binary (a = 1: h = z, a = 0: h = 0)
needs: finite bounds of z where l < 0 < u
adds: the binaries, block ``<h>.on``
guarantee: same feasible set (going up drops a), optimum kept: l and u are the stated bounds of z, taken as they are, so
  that the rows, read as dyadic, are exact
source: Tjeng, Xiao, Tedrake, Evaluating Robustness of Neural Networks with Mixed Integer Programming, ICLR 2019
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ...ir.blocks import Arg, Block, Fn, Lin, Var
from ...ir.definition import Apply
from ...ir.errors import Refused
from ...ir.function import Function
from ...ir.functions.relu import Relu
from ...ir.functions.step import Step
from ...ir.ledger import Note
from ...ir.lift.complete import Complete
from ...ir.operator import Operator
from ...ir.operators.csr import Csr
from ...ir.operators.gather import Gather
from ...ir.problem import Problem
from ...ir.types import FloatArray, IntArray
from ..piecewise_form import Pieces

WHO = "encode-activations"


@dataclass(frozen=True)
class BigM:
    """No options."""

    def knows(self, function: Function) -> bool:
        return isinstance(function, Relu)

    def encode(self, problem: Problem, fn: Fn) -> Pieces:
        source, target = problem.vars[fn.args[0].variable], problem.vars[fn.output]
        index = fn.args[0].index if fn.args[0].index is not None else np.arange(source.size)
        lower, upper = source.lower[index], source.upper[index]
        stable = np.flatnonzero((lower >= 0) | (upper <= 0))
        open_ = np.flatnonzero((lower < 0) & (upper > 0))
        check_finite(source, index[open_], lower[open_], upper[open_])
        bounded = replace(target, lower=np.maximum(target.lower, 0.0),
                          upper=np.minimum(target.upper, np.maximum(upper, 0.0)))  # fmt: skip
        blocks: list[Block] = [bounded]
        notes = [Note(WHO, "phase known from bounds", fn.name, len(stable))] if len(stable) else []
        if len(stable):
            active = (lower[stable] >= 0).astype(np.float64)
            blocks.append(stable_rows(problem, fn, source, target, index[stable], stable, active))
        records = []
        if len(open_):
            on = Var.of(problem.fresh(f"{fn.output}.on"), "bin", (len(open_),), origin=f"phase:{fn.name}")
            ends = lower[open_], upper[open_]
            blocks += [on, open_rows(problem, fn, source, target, index[open_], open_, ends, on)]
            records.append(Complete(on.name, Apply(Step(), (Arg(source.name, index[open_]),))))
            notes.append(Note(WHO, "phase undecided, one binary each", fn.name, len(open_)))
        return Pieces(tuple(blocks), tuple(records), tuple(notes))


def check_finite(source: Var, index: IntArray, lower: FloatArray, upper: FloatArray) -> None:
    """Refuse an infinite big-M, naming the first element."""
    wrong = np.flatnonzero(~(np.isfinite(lower) & np.isfinite(upper)))
    if wrong.size:
        raise Refused(
            f"relu of {source.labels()[index[wrong[0]]]} has no finite big-M: it is unbounded",
            code="infinite-bound", hint="run bound-intervals first, or state bounds",
        )  # fmt: skip


def stable_rows(
    problem: Problem, fn: Fn, source: Var, target: Var, z: IntArray, h: IntArray, active: FloatArray
) -> Lin:
    """active * z - h == 0; the rows define h where all its neurons are stable."""
    whole = len(h) == target.size
    own: Operator = Gather(h, np.full(len(h), -1.0), target.size)
    parts = {source.name: Csr.of(Gather(z, active, source.size).to_csr()), target.name: own}
    return Lin(problem.fresh(f"{fn.name}.stable"), parts, "==", np.zeros(len(h)), "dyadic",
               defines=target.name if whole else None, origin=f"phase:{fn.name}")  # fmt: skip


def open_rows(
    problem: Problem, fn: Fn, source: Var, target: Var, z: IntArray, h: IntArray, ends: tuple[FloatArray, FloatArray],
    on: Var,
) -> Lin:  # fmt: skip
    """The three rows of every undecided neuron, one kind after the other; h >= 0 is a bound."""
    lower, upper = ends
    count = len(h)
    ones, zeros = np.ones(count), np.zeros(count)
    places = np.arange(count)
    kinds = {
        source.name: (z, [ones, zeros, -ones], source.size),
        target.name: (h, [-ones, ones, ones], target.size),
        on.name: (places, [zeros, -upper, -lower], count),
    }
    parts: dict[str, Operator] = {}
    for name, (index, weights, width) in kinds.items():
        parts[name] = Csr.of(Gather(np.tile(index, 3), np.concatenate(weights), width).to_csr())
    rhs = np.concatenate([zeros, zeros, -lower])
    return Lin(problem.fresh(f"{fn.name}.open"), parts, "<=", rhs, "dyadic", origin=f"phase:{fn.name}")
