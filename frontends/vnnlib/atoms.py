"""Comparisons as arrays: what bounds one input, what is a row over several variables, what is true or false anyway.

Bounds are compared by *keys*: the rank of their exact value among all of them, doubled, one more (lower) or one less
(upper) where strict. A lower and an upper bound contradict each other exactly where the first key is the greater.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import gcd, inf, lcm, nextafter

import numpy as np
from scipy import sparse

from ...ir.types import BoolArray, FloatArray, IntArray
from ..decimals import Numbers, nearest_float, read_numbers
from ..networks.box import enclose
from .declarations import Names
from .parser import GE, GT, LT, Parser, is_number

NONE_LOW, NONE_HIGH = -1, 2**62
"""Keys of bounds that are not there."""
WIDE = 2**53


@dataclass(frozen=True, eq=False)
class Sides:
    """Bound values by rank: neighbouring floats ``below`` and ``above`` [K] each, equal where it is a float itself."""

    below: FloatArray
    above: FloatArray

    def lower(self, key: IntArray) -> tuple[FloatArray, FloatArray]:
        """Outer and inner lower side for keys; -inf without a bound."""
        there, rank = key != NONE_LOW, np.where(key == NONE_LOW, 0, key // 2)
        outer, inner = self._looked_up(rank)
        inner = np.where((key % 2 == 1) & (outer == inner), np.nextafter(inner, inf), inner)
        return np.where(there, outer, -inf), np.where(there, inner, -inf)

    def upper(self, key: IntArray) -> tuple[FloatArray, FloatArray]:
        """Outer and inner upper side for keys; inf without a bound."""
        there, rank = key != NONE_HIGH, np.where(key == NONE_HIGH, 0, (key + 1) // 2)
        inner, outer = self._looked_up(rank)
        inner = np.where((key % 2 == 1) & (outer == inner), np.nextafter(inner, -inf), inner)
        return np.where(there, outer, inf), np.where(there, inner, inf)

    def _looked_up(self, rank: IntArray) -> tuple[FloatArray, FloatArray]:
        if not self.below.size:
            return np.zeros(rank.shape), np.zeros(rank.shape)
        return self.below[rank], self.above[rank]


@dataclass(frozen=True, eq=False)
class Table:
    """What atom k [A] says. ``truth``: 1 always true, 0 never, -1 it depends.

    ``variable``: the input it bounds (-1: none); ``is_lower``, ``key``: which side, and how tightly; ``row``: its
    linear part among ``matrix`` [L, inputs + outputs] (-1: none), to which ``constant`` is added: >= 0, > 0 where
    ``strict``. ``negated`` [L]: the part with all signs changed, -1 where there is none. ``rounded``: how many
    constants had more digits than a float64 tells; they were rounded so that the set of points grows.
    """

    truth: IntArray
    variable: IntArray
    is_lower: BoolArray
    key: IntArray
    sides: Sides
    row: IntArray
    constant: FloatArray
    strict: BoolArray
    matrix: sparse.csr_array
    negated: IntArray
    rounded: int


@dataclass
class _Work:
    """Arrays under construction, and the numbers found on the way."""

    truth: IntArray
    variable: IntArray
    is_lower: BoolArray
    value: IntArray
    first: IntArray
    second: IntArray
    constant: FloatArray
    strict: BoolArray
    values: list[tuple[float, Fraction | None]]
    long_rows: dict[int, dict[int, float]]
    rounded: int = 0

    @classmethod
    def empty(cls, count: int) -> _Work:
        def ints() -> IntArray:
            return np.full(count, -1, dtype=np.int64)

        return cls(ints(), ints(), np.zeros(count, np.bool_), ints(), ints(), ints(), np.zeros(count),
                   np.zeros(count, np.bool_), [], {})  # fmt: skip


def table_of(parser: Parser, names: Names, inputs: int, outputs: int) -> Table | None:
    """The table of all atoms; None where an operand is wrong (said in the source)."""
    found = operands_of(parser, names, inputs)
    if found is None:
        return None
    code, numbers = found
    atoms = parser.atoms
    sign, left, right = (np.array(part, dtype=np.int64) for part in (atoms.sign, atoms.left, atoms.right))
    work = _Work.empty(len(sign))
    work.strict = (sign == GT) | (sign == LT)
    plain_atoms(work, sign, left, right, code, numbers, inputs)
    for k in np.flatnonzero(left < 0).tolist():
        sum_atom(work, k, parser, code, inputs)
    rank, sides = ranked(work.values)
    key = np.where(work.value < 0, 0, 2 * rank[np.maximum(work.value, 0)] if rank.size else 0)
    key = key + np.where(work.is_lower, work.strict, -work.strict.astype(np.int64))
    row, matrix, negated = linear_parts(work, inputs + outputs)
    return Table(work.truth, work.variable, work.is_lower, key, sides, row, work.constant, work.strict, matrix,
                 negated, work.rounded)  # fmt: skip


def operands_of(parser: Parser, names: Names, inputs: int) -> tuple[IntArray, Numbers] | None:
    """Column of each operand (inputs, then outputs; -1: a number) and the numbers; None after mistakes."""
    texts = list(parser.operands)
    numeric = [is_number(text) for text in texts]
    numbers, faults = read_numbers([text if one else "0" for text, one in zip(texts, numeric, strict=True)])
    code = np.full(len(texts), -1, dtype=np.int64)
    wrong = dict(faults)
    for k, text in enumerate(texts):
        if not numeric[k]:
            found = names.find(text)
            if isinstance(found, str):
                wrong[k] = found
            else:
                code[k] = found[1] + (inputs if found[0] == "output" else 0)
    for k, fault in wrong.items():
        text = texts[k]
        hint = "write numbers like -0.5 or 1.5e-3" if numeric[k] else "check the name and the declarations"
        parser.wrong(first_place(parser.text, text), f"{text[:40]!r} {fault}", hint, min(len(text), 40))
    return None if wrong else (code, numbers)


def first_place(text: str, operand: str) -> int:
    """Where an operand stands first as a token of its own, after the declarations."""
    at = text.find("(assert")
    while (at := text.find(operand, at + 1)) >= 0:
        if text[at - 1] in " \t\n(" and text[at + len(operand) : at + len(operand) + 1] in (" ", "\t", "\n", ")", ""):
            return at
    return max(text.find(operand), 0)


def plain_atoms(
    work: _Work, sign: IntArray, left: IntArray, right: IntArray, code: IntArray, numbers: Numbers, inputs: int
) -> None:
    """Fill in all comparisons of two operands."""
    plain = np.flatnonzero(left >= 0)
    up = np.isin(sign[plain], (GE, GT))
    more, less = np.where(up, left[plain], right[plain]), np.where(up, right[plain], left[plain])
    plus, minus = code[more], code[less]
    same = plus == minus
    work.truth[plain[same & (plus >= 0)]] = ~work.strict[plain[same & (plus >= 0)]]
    for k in np.flatnonzero(same & (plus < 0)).tolist():
        high, low = numbers.fraction(int(more[k])), numbers.fraction(int(less[k]))
        work.truth[plain[k]] = high > low or (high == low and not work.strict[plain[k]])
    column, number = np.where(plus >= 0, plus, minus), np.where(plus >= 0, less, more)
    one = (plus < 0) != (minus < 0)
    bound = one & (column < inputs)
    work.variable[plain[bound]], work.is_lower[plain[bound]] = column[bound], plus[bound] >= 0
    used, where = np.unique(number[bound], return_inverse=True)
    work.value[plain[bound]] = where
    exact = {int(k): numbers.fraction(int(k)) for k in used.tolist() if k in numbers.exact}
    found = zip(used.tolist(), numbers.values[used].tolist(), strict=True)
    work.values += [(value, exact.get(k)) for k, value in found]
    row = ~same & ~bound
    work.first[plain[row]], work.second[plain[row]] = plus[row], minus[row]
    only = row & one
    signs = np.where(plus[only] >= 0, -1.0, 1.0)
    work.constant[plain[only]] = signs * numbers.values[number[only]] + 0.0
    for k in np.flatnonzero(only & np.isin(number, list(numbers.exact))).tolist() if numbers.exact else ():
        exact_value = numbers.fraction(int(number[k])) * (-1 if plus[k] >= 0 else 1)
        work.constant[plain[k]] = grown(work, exact_value)


def grown(work: _Work, exact: Fraction) -> float:
    """The least float64 whose decimal is not below a constant, so that ``form + constant >= 0`` loses no point."""
    value = nearest_float(exact)
    if np.isfinite(value) and Fraction(repr(value)) != exact:
        work.rounded += 1
        if Fraction(repr(value)) < exact:
            value = nextafter(value, inf)
    return value


def sum_atom(work: _Work, k: int, parser: Parser, code: IntArray, inputs: int) -> None:
    """Fill in a comparison of a sum with 0."""
    form = parser.atoms.sums[-1 - parser.atoms.left[k]]
    flip = 1 if parser.atoms.sign[k] in (GE, GT) else -1
    terms: dict[int, Fraction] = {}
    for operand, value in form.coefficients().items():
        column = int(code[operand])
        terms[column] = terms.get(column, Fraction(0)) + flip * value
    terms = {column: terms[column] for column in sorted(terms) if terms[column]}
    constant = flip * form.value
    if not terms:
        work.truth[k] = constant > 0 or (constant == 0 and not work.strict[k])
        return
    (column, slope), *more = terms.items()
    if not more and column < inputs:
        side = -constant / slope
        work.variable[k], work.is_lower[k], work.value[k] = column, slope > 0, len(work.values)
        near = nearest_float(side)
        if not np.isfinite(near):
            out_of_range(parser, k)
            near, side = 0.0, Fraction(0)
        work.values.append((near, None if Fraction(repr(near)) == side else side))
        return
    scale = common_scale(list(terms.values()))
    if scale is None:
        parser.refuse(parser.atoms.at[k], "a coefficient has more digits than a float64 tells",
                      "round the coefficients to 15 digits")  # fmt: skip
        scale = Fraction(1)
    floats = {column: nearest_float(value * scale) for column, value in terms.items()}
    work.constant[k] = grown(work, constant * scale)
    if not np.isfinite([work.constant[k], *floats.values()]).all():
        out_of_range(parser, k)
        floats, work.constant[k] = dict.fromkeys(floats, 1.0), 0.0
    unit = list(floats.items())
    if len(unit) <= 2 and sorted(size for _, size in unit) in ([1.0], [-1.0], [-1.0, 1.0]):
        for column, size in unit:
            if size > 0:
                work.first[k] = column
            else:
                work.second[k] = column
    else:
        work.long_rows[k] = floats


def out_of_range(parser: Parser, k: int) -> None:
    parser.wrong(parser.atoms.at[k], "a number of this comparison is too large for a float64", "rescale it")


def common_scale(values: Sequence[Fraction]) -> Fraction | None:
    """A positive factor after which all coefficients are decimals that float64 tells; None where there is none."""
    if all(Fraction(repr(near)) == v for v in values if np.isfinite(near := nearest_float(v))):
        return Fraction(1)
    scale = Fraction(lcm(*(v.denominator for v in values)), gcd(*(v.numerator for v in values)))
    return scale if all(abs(v * scale) < WIDE for v in values) else None


def ranked(values: list[tuple[float, Fraction | None]]) -> tuple[IntArray, Sides]:
    """Rank [K] of each value by size, equal ones alike, and the floats around each rank."""
    near = np.array([value for value, _ in values], dtype=np.float64) + 0.0
    if all(exact is None for _, exact in values):
        distinct, rank = np.unique(near, return_inverse=True)
        below, above = enclose(distinct, "decimal")
        return rank, Sides(below + 0.0, above + 0.0)
    exacts = [exact if exact is not None else Fraction(repr(value)) for value, exact in values]
    order = sorted(set(exacts))
    place = {exact: k for k, exact in enumerate(order)}
    floats = [neighbours(exact) for exact in order]
    sides = Sides(np.array([low for low, _ in floats]) + 0.0, np.array([high for _, high in floats]) + 0.0)
    return np.array([place[exact] for exact in exacts], dtype=np.int64), sides


def neighbours(exact: Fraction) -> tuple[float, float]:
    """The floats next to a number, below and above; both itself where it is one."""
    near = nearest_float(exact)
    own = Fraction(near)
    return nextafter(near, -inf) if own > exact else near, nextafter(near, inf) if own < exact else near


def linear_parts(work: _Work, columns: int) -> tuple[IntArray, sparse.csr_array, IntArray]:
    """Row of each atom among the distinct linear parts, these as a matrix, and which is the negative of which."""
    short = np.flatnonzero((work.first >= 0) | (work.second >= 0))
    width = columns + 1
    codes, where = np.unique((work.first[short] + 1) * width + work.second[short] + 1, return_inverse=True)
    row = np.full(len(work.truth), -1, dtype=np.int64)
    row[short] = where
    first, second = codes // width - 1, codes % width - 1
    lines, cols = [np.flatnonzero(first >= 0), np.flatnonzero(second >= 0)], [first[first >= 0], second[second >= 0]]
    data = [np.ones(len(lines[0])), -np.ones(len(lines[1]))]
    known: dict[tuple[tuple[int, float], ...], int] = {}
    for k, terms in work.long_rows.items():
        row[k] = len(codes) + known.setdefault(tuple(terms.items()), len(known))
    for terms_, number in known.items():
        lines.append(np.full(len(terms_), len(codes) + number))
        cols.append(np.array([column for column, _ in terms_], dtype=np.int64))
        data.append(np.array([value for _, value in terms_]))
    shape = (len(codes) + len(known), columns)
    matrix = sparse.csr_array((np.concatenate(data), (np.concatenate(lines), np.concatenate(cols))), shape=shape)
    opposite = (second + 1) * width + first + 1
    at = np.searchsorted(codes, opposite)
    at = np.minimum(at, max(len(codes) - 1, 0))
    negated = np.where(codes[at] == opposite, at, -1) if len(codes) else np.zeros(0, np.int64)
    long_negated = [known.get(tuple((c, -v) for c, v in terms_), -len(codes) - 1) + len(codes) for terms_ in known]
    return row, matrix, np.concatenate([negated, np.array(long_negated, dtype=np.int64)])
