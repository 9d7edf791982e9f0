"""Replacing a block of variables by an affine map of other blocks: the one mechanism behind every encoding.

Codes of integers, spin to binary, fixed variables, shifts and grids are all substitutions; a pass only says by what.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..ir.affine import Affine
from ..ir.blocks import Arg, Block, Fn, Guard, Lin, Poly, Var
from ..ir.errors import Refused
from ..ir.operators.code import Code
from ..ir.operators.identity import Identity
from ..ir.problem import Problem
from ..ir.term import Term
from ..ir.terms.linear import Linear
from ..ir.types import FloatArray, IntArray

EXACT = 2.0**53


def substitute(problem: Problem, name: str, by: Affine, fresh: Sequence[Var]) -> Problem:
    """The problem with block ``name`` = ``by`` everywhere, and the variables ``fresh`` in the block's place.

    Rows must be read as dyadic (integer after ``normalize-rows``), because decimal readings don't survive products;
    a right-hand side that would have to be rounded raises :class:`Refused`. Function blocks and guards follow where
    the map only renames or selects variables (factor one, no offset on the elements they use).
    """
    blocks: list[Block] = []
    for block in problem.blocks:
        match block:
            case Var() if block.name == name:
                blocks.extend(fresh)
            case Lin():
                blocks.append(in_rows(block, name, by))
            case Poly():
                blocks.append(in_poly(block, name, by))
            case Fn():
                blocks.append(in_function(block, name, by))
            case _:
                blocks.append(block)
    return problem.with_blocks(blocks)


def in_rows(block: Lin, name: str, by: Affine) -> Lin:
    """Rows with the block replaced; constants move to the right-hand side, which must stay exact."""
    if name not in block.variables:
        return block
    guard = in_guard(block.guard, name, by)
    if name not in block.parts:
        return replace(block, guard=guard)
    if block.reading != "dyadic":
        raise Refused(
            f"rows {block.name!r} are read as {block.reading}; replacing {name!r} in them would not be exact",
            hint="run normalize-rows first",
        )
    new = block.activity.substitute(name, by)
    check_exact(block, name, by, new)
    rhs = block.rhs - new.offset
    least = None if block.least is None else block.least - new.offset
    defines = None if block.defines == name else block.defines
    return replace(block, parts=new.parts, rhs=rhs, least=least, guard=guard, defines=defines, pattern=None)


def check_exact(block: Lin, name: str, by: Affine, new: Affine) -> None:
    """Refuse when a new coefficient or right-hand side could be rounded.

    All numbers are whole multiples of one power of two; sums of such numbers are exact while they stay below 2^52 of
    it.
    """
    operator = block.parts[name]
    grid = finest(entries(operator.to_csr().data))
    grid *= finest(np.concatenate([entries(by.offset), *(entries(op.to_csr().data) for op in by.parts.values())]))
    grid = min(
        grid, finest(np.concatenate([entries(block.rhs), *(entries(op.to_csr().data) for op in block.parts.values())]))
    )
    size = operator.absolute(np.abs(by.offset)[None])[0] + np.abs(block.rhs)
    greatest = max(
        float(size.max(initial=0.0)),
        *(float(np.abs(op.to_csr().data).max(initial=0.0)) for op in new.parts.values()),
        0.0,
    )
    if greatest >= EXACT / 2 * grid:
        raise Refused(
            f"replacing {name!r} in rows {block.name!r} would round their numbers", hint="run normalize-rows first"
        )


def entries(values: FloatArray) -> FloatArray:
    """The nonzero numbers."""
    return np.asarray(np.abs(values[values != 0]))


def finest(values: FloatArray) -> float:
    """A power of two, at most one, of which all values are multiples."""
    if not len(values):
        return 1.0
    mantissa, exponent = np.frexp(values)
    whole = (mantissa * EXACT).astype(np.int64)
    trailing = np.log2((whole & -whole).astype(np.float64)).astype(np.int64)
    return float(min(1.0, np.ldexp(1.0, int((exponent - 53 + trailing).min()))))


def in_poly(block: Poly, name: str, by: Affine) -> Poly:
    """Polynomials with the block replaced in every term."""
    guard = in_guard(block.guard, name, by)
    terms: list[Term] = []
    constant = block.constant
    for term in block.terms:
        if name not in term.variables:
            terms.append(term)
            continue
        new, shift = term.substitute(name, by)
        terms += new
        constant = constant + shift
    return replace(block, terms=merge_linear(terms), constant=constant, guard=guard)


def merge_linear(terms: Sequence[Term]) -> tuple[Term, ...]:
    """Linear terms of the same block added up, in order of first occurrence."""
    merged: dict[str, Linear] = {}
    rest: list[Term] = []
    for term in terms:
        if isinstance(term, Linear):
            old = merged.get(term.variable)
            merged[term.variable] = Linear(term.variable, old.operator.plus(term.operator)) if old else term
        else:
            rest.append(term)
    return (*merged.values(), *rest)


def renaming(name: str, by: Affine, used: IntArray) -> tuple[str, IntArray]:
    """The block and elements that the used elements of ``name`` become, when they are plain copies."""
    if len(by.parts) == 1 and not by.offset[used].any():
        (target, operator), *_ = by.parts.items()
        if isinstance(operator, Identity) and operator.factor == 1.0:
            return target, used
        if isinstance(operator, Code):
            csr = operator.to_csr()
            counts = np.diff(csr.indptr)[used]
            if (counts == 1).all() and (csr.data[csr.indptr[used]] == 1.0).all():
                return target, csr.indices[csr.indptr[used]].astype(np.int64)
    raise Refused(
        f"a function block or guard reads {name!r}, which can't be re-encoded there",
        hint="remove function blocks and guards first (guards-to-big-m, linearize-constraints, encode-products)",
    )


def in_guard(guard: Guard | None, name: str, by: Affine) -> Guard | None:
    if guard is None or guard.variable != name:
        return guard
    used = guard.index >= 0
    target, index = renaming(name, by, guard.index[used])
    moved = guard.index.copy()
    moved[used] = index
    return Guard(target, moved, guard.value)


def in_function(block: Fn, name: str, by: Affine) -> Fn:
    if name not in block.variables:
        return block
    if block.output == name:
        target, index = renaming(name, by, np.arange(by.size))
        if (index != np.arange(len(index))).any() or len(index) != by.size:
            raise Refused(f"function block {block.name!r} computes {name!r}, which is split or re-ordered")
        return replace(block, output=target)
    return replace(block, args=tuple(in_arg(arg, name, by) for arg in block.args))


def in_arg(arg: Arg, name: str, by: Affine) -> Arg:
    if arg.variable != name:
        return arg
    target, index = renaming(name, by, np.arange(by.size) if arg.index is None else arg.index)
    return Arg(target, index)
