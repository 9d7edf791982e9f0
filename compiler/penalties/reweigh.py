"""New penalty weights for a compiled problem: nothing is recompiled, and the proof stays only where it still covers
them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...ir.blocks import Block, Poly
from ...ir.guarantee import Guarantee
from ...ir.ledger import Note
from ...ir.problem import Problem
from ...ir.step import Step
from ...ir.types import FloatArray
from ..pipeline import Ran, Trace
from .proof import still_proved


def with_weights(problem: Problem, weights: FloatArray) -> Problem:
    """The problem with other weights [one per penalised row, in order]."""
    blocks: list[Block] = []
    start = 0
    for block in problem.blocks:
        if isinstance(block, Poly) and block.penalty is not None:
            penalty = replace(block.penalty, weight=weights[start : start + block.size])
            start += block.size
            blocks.append(replace(block, penalty=penalty))
        else:
            blocks.append(block)
    return problem.with_blocks(blocks)


def current_weights(problem: Problem) -> FloatArray:
    """The weights of all penalised rows, in order."""
    return np.concatenate([np.zeros(0), *(p.penalty.weight for p in problem.penalties if p.penalty is not None)])


def all_proved(problem: Problem) -> bool:
    """Whether the proofs that the penalties carry cover their present weights, all together."""
    return bool(still_proved([p.penalty for p in problem.penalties if p.penalty is not None]).all())


def reweighted(trace: Trace, weights: FloatArray) -> Trace:
    """The trace with one step more. Without a full proof the whole promises nothing (any, any)."""
    problem = with_weights(trace.problem, weights)
    kept = all_proved(problem)
    note = Note(
        "tune", "penalty weights changed", "", len(weights), float(weights.max(initial=0.0)), "largest weight", not kept
    )
    guarantee = Guarantee() if kept else Guarantee("any", "any")
    return replace(trace, ran=(*trace.ran, Ran("tune", Step(problem, guarantee=guarantee, ledger=(note,)), 0.0)))
