"""From the rows that a pass turns into penalties to their proved weights, and back to what the IR keeps of the
proof."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from scipy import sparse

from ...ir.blocks import Penalty, Poly, Var
from ...ir.errors import Refused
from ...ir.guarantee import Guarantee
from ...ir.ledger import Ledger, Note
from ...ir.lifting import Record
from ...ir.problem import Problem
from ...ir.types import BoolArray, FloatArray, IntArray
from ..pipeline_values import Named
from ..rows.stacked import stacked_poly
from ..weights._model import PenaltyModel
from ..weights._prove import DEFAULT, Proof, prove
from .precision import Precision, few_bits, precision, secured


@dataclass(frozen=True, eq=False)
class Proposal:
    """One row block (or product block) about to become a penalty.

    ``keep``: its rows that something can violate; ``polynomial``: their penalties; ``matrix`` [m, n], ``rhs``,
    ``floor``
    [m]: all rows as integers over the layout (matrix None: products ``triple`` = z, x, y). ``gap``, ``slope``: see
    ``compiler/weights/_model.py``; ``least_cost``: what a satisfied row costs before its constant is taken off.
    """

    source: str
    keep: IntArray
    polynomial: Poly
    matrix: sparse.csr_array | None
    rhs: FloatArray
    equality: bool
    floor: FloatArray
    gap: float
    slope: float
    least_cost: float
    slack: Var | None = None
    record: Record | None = None
    triple: tuple[tuple[str, IntArray], ...] = ()


class Options(Protocol):
    """What ``penalize`` was asked for."""

    @property
    def weight(self) -> float: ...
    @property
    def rules(self) -> str: ...
    @property
    def incumbent(self) -> Named | None: ...
    @property
    def multipliers(self) -> Named | None: ...
    @property
    def implied(self) -> bool: ...


@dataclass(frozen=True, eq=False)
class Weights:
    """``penalties``: one per proposal, in order; ``guarantee``: what they promise together."""

    penalties: tuple[Penalty, ...]
    guarantee: Guarantee
    notes: Ledger


def prove_weights(
    problem: Problem, rows: Sequence[Proposal], products: Sequence[Proposal], options: Options
) -> Weights:
    """Weights for all rows and products together, proved unless a weight is stated."""
    if options.weight:
        return stated(rows, products, options.weight)
    model = penalty_model(problem, rows, products)
    if options.implied:
        model = model.relaxed()
    kept = np.concatenate([np.zeros(0, np.int64), *(offset + row.keep for offset, row in with_offsets(rows))])
    multipliers = None if options.multipliers is None else np.asarray(options.multipliers.array, dtype=np.float64)[kept]
    incumbent = None if options.incumbent is None else np.asarray(options.incumbent.array, dtype=np.float64)
    rules = DEFAULT if options.rules == "auto" else tuple(options.rules.split("+"))
    if incumbent is None and options.rules == "auto":
        rules = tuple(rule for rule in rules if rule != "incumbent")
    proof = prove(model, rules, incumbent, multipliers)
    if not proof.complete:
        raise Refused(
            "no rule proves a weight for every row",
            hint=f"rules tried: {', '.join(rules)}; state one with penalize{{weight=...}} (then nothing is proved)",
        )
    proof = replace(proof, weight=few_bits(proof.weight), other_weight=few_bits(proof.other_weight))
    proof = secured(model, proof)
    if not proof.accepts(proof.weight, proof.other_weight):
        # rows tied together have equal gaps up to powers of two
        raise Refused("rounding the weights up lost their proof")
    guarantee, notes = promise(precision(model, proof), proof)
    return Weights(tuple(split(proof, rows, products)), guarantee, noted(proof) + notes)


def promise(float64: Precision, proof: Proof) -> tuple[Guarantee, Ledger]:
    """What proved weights guarantee, as far as float64 energies tell objective values apart."""
    above = proof.infeasible_above + float64.error
    if float64.kept:
        return Guarantee("grows", "kept", infeasible_above=above), ()
    amount, count = 2 * float64.error, len(proof.weight) + len(proof.other_weight)
    words = "energies rounded in float64: objective values are told apart up to"
    note = Note("penalize", words, "", count, amount, "of the objective", True)
    return Guarantee("grows", "bounded", amount, infeasible_above=above), (note,)


def check_exact(rows: Sequence[Proposal], penalties: Sequence[Penalty], problem: Problem) -> None:
    """Refuse penalties of single rows that float64 energies round by 1 % of a gap and more.

    With T the largest absolute value of a row's terms added up, all coefficients of its penalty are whole multiples of
    the weight's last bit, and exact while T^2 times the weight's significand stays below 2^53; otherwise energies err
    by at most T^2 2^-51 of the weight, against a gap of 1 or 2.
    """
    reach = np.maximum(*map(np.abs, problem.stack_bounds()))
    for row, penalty in zip(rows, penalties, strict=False):
        if row.matrix is None or not row.polynomial.size:
            continue
        total = (abs(row.matrix) @ reach + np.abs(row.rhs) + 1)[row.keep]
        total += np.where(row.equality, 0.0, total)  # the slack can be as large as the row
        mantissa, _ = np.frexp(penalty.weight)
        whole = np.ldexp(mantissa, 53).astype(np.int64)
        significand = (whole // (whole & -whole)).astype(np.float64)
        error = np.where(4 * total**2 * significand < 2.0**53, 0.0, total**2 * 2.0**-51)
        if (error > 0.01 * penalty.gap).any():
            worst = int(np.argmax(error))
            label = f"{row.source}[{row.keep[worst]}]" if len(row.rhs) > 1 else row.source
            raise Refused(
                f"row {label}: its numbers add up to {total[worst]:.3g}; "
                "their squares are too large for float64 energies",
                code="too-wide", hint="let it be rounded to smaller numbers: --rounding outward --largest 4096",
            )  # fmt: skip


def with_offsets(rows: Sequence[Proposal]) -> list[tuple[int, Proposal]]:
    """Each proposal with the number of rows before it."""
    sizes = np.cumsum([0, *(len(row.rhs) for row in rows)])
    return list(zip(sizes.tolist(), rows, strict=False))


def penalty_model(problem: Problem, rows: Sequence[Proposal], products: Sequence[Proposal]) -> PenaltyModel:
    """The arrays that the weight rules reason about."""
    lower, upper = problem.stack_bounds()
    objective = stacked_poly(problem, problem.objective)
    none = np.zeros(0)
    matrices = [row.matrix[row.keep] for row in rows if row.matrix is not None]
    matrix = sparse.csr_array(sparse.vstack(matrices, format="csr")) if matrices else None
    if matrix is not None:
        matrix.sum_duplicates()
    sizes = [len(row.keep) for row in rows]
    triples = [product_table(problem, product) for product in products]
    triple = np.concatenate([np.zeros((0, 3), np.int64), *triples])
    count = len(triple)
    touch = sparse.coo_array(
        (np.ones(3 * count), (np.repeat(np.arange(count), 3), triple.ravel())), (count, problem.size)
    )
    other = sparse.csr_array(touch)
    other.sum_duplicates()
    return PenaltyModel.of(
        lower, upper, objective.linear, objective.quadratic, constant=objective.constant,
        coefficients=objective.coefficients, factors=objective.factors,
        matrix=matrix,
        rhs=np.concatenate([none, *(row.rhs[row.keep] for row in rows)]),
        equality=np.repeat([row.equality for row in rows], sizes).astype(np.bool_),
        least=np.concatenate([none, *(row.floor[row.keep] for row in rows)]),
        gap=np.repeat([row.gap for row in rows], sizes).astype(np.float64),
        slope=np.repeat([row.slope for row in rows], sizes).astype(np.float64),
        convex=np.ones(sum(sizes), np.bool_),
        other=other, other_gap=np.ones(count), products=triple,
    )  # fmt: skip


def product_table(problem: Problem, product: Proposal) -> IntArray:
    """Columns (z, x, y) of every product in a block."""
    columns = [problem.starts[name] + index for name, index in product.triple]
    return np.stack(columns, axis=1).astype(np.int64)


def split(proof: Proof, rows: Sequence[Proposal], products: Sequence[Proposal]) -> list[Penalty]:
    """The proof cut up by block, in the form that the IR keeps."""
    names = tuple(dict.fromkeys([*proof.rule, *proof.other_rule]))
    found: list[Penalty] = []
    for proposals, part in ((rows, arrays(proof, names)), (products, other_arrays(proof, names))):
        start = 0
        for proposal in proposals:
            size = len(proposal.keep)
            cut: dict[str, Any] = {key: value[start : start + size] for key, value in part.items()}
            floor = np.full(size, proposal.least_cost)
            found.append(Penalty(floor=floor, source=proposal.source, row=proposal.keep, rules=names, **cut))
            start += size
    return found


def arrays(proof: Proof, names: tuple[str, ...]) -> dict[str, Any]:
    rule = np.array([names.index(name) for name in proof.rule], dtype=np.int64)
    return {"weight": proof.weight, "gap": proof.gap, "rule": rule, "needed": proof.needed, "per": proof.per,
            "base": np.maximum(proof.base, -1.0), "tied": proof.tied}  # fmt: skip


def other_arrays(proof: Proof, names: tuple[str, ...]) -> dict[str, Any]:
    rule = np.array([names.index(name) for name in proof.other_rule], dtype=np.int64)
    size = len(rule)
    return {"weight": proof.other_weight, "gap": proof.other_gap, "rule": rule, "needed": proof.other_needed,
            "per": proof.other_gap, "base": np.full(size, -1.0), "tied": np.full(size, -1, np.int64)}  # fmt: skip


def stated(rows: Sequence[Proposal], products: Sequence[Proposal], weight: float) -> Weights:
    """One stated weight for everything; nothing is proved."""
    if not weight > 0 or not np.isfinite(weight):
        raise Refused(f"a penalty weight must be positive and finite, not {weight}")
    found = [
        Penalty(
            np.full(len(row.keep), weight), np.full(len(row.keep), row.gap), np.full(len(row.keep), row.least_cost),
            row.source, row.keep, ("stated",), np.full(len(row.keep), -1, np.int64),
        )
        for row in [*rows, *products]
    ]  # fmt: skip
    count = sum(len(row.keep) for row in [*rows, *products])
    note = Note("penalize", "weight stated, not proved", "", count, weight, "weight", True)
    return Weights(tuple(found), Guarantee("any", "any"), (note,))


def still_proved(penalties: Sequence[Penalty]) -> BoolArray:
    """Which penalties [all rows, in order] keep their proof at their present weights.

    A proof covers every weight with weight * per > needed and weight * gap > base, where rows with the same ``tied``
    number share one weight * gap (``compiler/weights/_prove.py``). When one row falls short, the proofs of all rows
    that lean on each other fall with it: so anything short of all is reported row by row, and only all of them
    together prove the whole.
    """
    if not penalties:
        return np.zeros(0, dtype=bool)

    def all_of(field: str) -> FloatArray:
        return np.concatenate([np.asarray(getattr(p, field), dtype=np.float64) for p in penalties])

    weight, gap, tied = all_of("weight"), all_of("gap"), all_of("tied")
    proved = np.concatenate([p.proved & (len(p.needed) == len(p.weight)) for p in penalties])
    enough = proved & (weight * all_of("per") > all_of("needed")) & (weight * gap > all_of("base"))
    for number in np.unique(tied[tied >= 0]):
        group = tied == number
        enough[group] &= bool((weight[group] * gap[group] == (weight * gap)[group][0]).all())
    return np.asarray(enough)


def noted(proof: Proof) -> Ledger:
    """One note per rule that proved something."""
    notes = []
    for rule in dict.fromkeys([*proof.rule, *proof.other_rule]):
        hit = np.array([r == rule for r in [*proof.rule, *proof.other_rule]])
        weight = np.concatenate([proof.weight, proof.other_weight])[hit]
        notes.append(
            Note("penalize", f"weights proved by {rule}", "", int(hit.sum()), float(weight.max()), "largest weight")
        )
    return tuple(notes)
