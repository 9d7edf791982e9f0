"""Samples as a table of columns, matched to a problem's variables and checked before anything is decoded."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..ir.errors import InputError, nearest
from ..ir.evaluate import energy as energy_of
from ..ir.levels import BQM, violations
from ..ir.problem import Problem
from ..ir.quadratic.assembly import assemble
from ..ir.quadratic.form import QuadraticForm
from ..ir.quadratic.triplets import Triplets
from ..ir.samples import Samples
from ..ir.types import FloatArray, IntArray

OTHER = "these samples are for another bundle, or the file was edited"
WHOLE = 1e-6
"""Distance from a whole number that a floating-point solver may leave."""


def line_of(row: int) -> str:
    return f"sample {row + 1}"


@dataclass(frozen=True, eq=False)
class Table:
    """``values`` [B, k]; ``columns`` [k] labels or indices (None: all variables in order); what a solver said besides.

    ``vartype``: BINARY, SPIN, or empty where the file doesn't say. ``place`` names a row in messages. ``whole``:
    distance from whole numbers and bounds that is forgiven.
    """

    values: FloatArray
    columns: Sequence[Hashable] | None = None
    energy: FloatArray | None = None
    occurrences: IntArray | None = None
    vartype: str = ""
    file: str = "samples"
    place: Callable[[int], str] = line_of
    info: dict[str, Any] = field(default_factory=dict)
    whole: float = WHOLE


@dataclass(frozen=True)
class Shift:
    """What a file format does not hold: energy = ``scale`` * (the file's energy + ``offset``)."""

    offset: float = 0.0
    scale: float = 1.0


def to_samples(
    table: Table,
    problem: Problem,
    names: Sequence[str] | None = None,
    shift: Shift | None = None,
    form: QuadraticForm | None = None,
) -> Samples:
    """Samples of ``problem``. ``names`` [n]: what a target wrote for the labels. ``form``: the assembled energy.

    Spins are turned into binaries (and back) where the problem has the other. Raises :class:`InputError` for unknown,
    missing and repeated columns, wrong lengths, values outside a domain, and energies that are not this problem's
    (relative tolerance 1e-6; energies of the file format without its offset, ``shift``, are accepted too).
    """
    values = np.empty((len(table.values), problem.size))
    values[:, _positions(table, problem, names)] = table.values
    values = _in_domains(values, table, problem)
    samples = problem.unstack(values)
    if table.energy is not None:
        _check_energies(values, table, problem, shift or Shift(), form)
    if table.occurrences is not None and (table.occurrences < 0).any():
        row = int(np.flatnonzero(table.occurrences < 0)[0])
        raise InputError(f"{table.file}: {table.place(row)}: {table.occurrences[row]} occurrences")
    return Samples(samples, table.energy, table.occurrences, info=table.info)


def _positions(table: Table, problem: Problem, names: Sequence[str] | None) -> IntArray:
    """Variable of each column [k], every variable once."""
    width, n = table.values.shape[1], problem.size
    if table.columns is None:
        if width != n:
            raise InputError(f"{table.file}: {width} values a sample for {n} variables", code="samples", hint=OTHER)
        return np.arange(n)
    known = {label: i for i, label in enumerate(problem.labels())}
    columns = [str(column) for column in table.columns]
    if names is not None and not known.keys() >= set(columns):
        known = {name: i for i, name in enumerate(names)}
    if not known.keys() >= set(columns) and all(column.isdecimal() for column in columns):
        known = {str(i): i for i in range(n)}
    unknown = [column for column in columns if column not in known]
    if unknown:
        text = f"{table.file}: {_listed(unknown, 'column')} of no variable"
        raise InputError(text, code="samples", hint=f"{nearest(unknown[0], known)[:200]} Else {OTHER}")
    positions = np.array([known[column] for column in columns], dtype=np.int64)
    if len(set(columns)) < len(columns):
        twice = next(column for column in columns if columns.count(column) > 1)
        raise InputError(f"{table.file}: column {twice} occurs twice", code="samples", hint="rename or remove one")
    if width < n:
        labels = np.array(problem.labels(), dtype=object)
        missing = np.delete(labels, positions).tolist()
        raise InputError(f"{table.file}: no {_listed(missing, 'column')}", code="samples", hint=OTHER)
    return positions


def _listed(names: Sequence[str], what: str) -> str:
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return f"{what}{'s' if len(names) > 1 else ''} {shown}"


def _in_domains(values: FloatArray, table: Table, problem: Problem) -> FloatArray:
    """Converted between spins and binaries where needed, whole numbers rounded; everything inside its domain."""
    kinds = np.array([var.domain for var in problem.vars.values() for _ in range(var.size)], dtype=object)
    for domain, wanted in (("bin", "SPIN"), ("spin", "BINARY")):
        chosen = kinds == domain
        part = np.rint(values[:, chosen])
        if part.size and _vartype(part, table) == wanted:
            _check_values(values, chosen, (-1.0, 1.0) if wanted == "SPIN" else (0.0, 1.0), table, problem)
            values[:, chosen] = (part + 1) / 2 if wanted == "SPIN" else 2 * part - 1
    for domain, allowed in (("bin", (0.0, 1.0)), ("spin", (-1.0, 1.0)), ("int", None), ("real", None)):
        chosen = kinds == domain
        if chosen.any():
            _check_values(values, chosen, allowed, table, problem)
            values[:, chosen] = values[:, chosen] if domain == "real" else np.rint(values[:, chosen])
    return values


def _vartype(part: FloatArray, table: Table) -> str:
    """What the values are: as stated, else spins where -1 occurs, binaries where 0 does."""
    if table.vartype in ("SPIN", "BINARY"):
        return table.vartype
    if (part == -1).any():
        return "SPIN"
    return "BINARY" if (part == 0).any() else ""


def _check_values(
    values: FloatArray, chosen: Any, allowed: tuple[float, float] | None, table: Table, problem: Problem
) -> None:
    part = values[:, chosen]
    whole = np.rint(part)
    if allowed is not None:
        good = ((whole == allowed[0]) | (whole == allowed[1])) & (np.abs(part - whole) <= table.whole)
    else:
        low, high = (np.concatenate([b[i] for b in problem.box.values()])[chosen] for i in (0, 1))
        slack = table.whole * (1 + np.abs(part))
        good = np.isfinite(part) & (part >= low - slack) & (part <= high + slack)
        discrete = np.concatenate([np.full(v.size, v.discrete) for v in problem.vars.values()])[chosen]
        good &= ~discrete | (np.abs(part - whole) <= table.whole)
    if not good.all():
        row, column = (int(i) for i in np.argwhere(~good)[0])
        label = np.array(problem.labels(), dtype=object)[chosen][column]
        what = f"{allowed[0]:g} or {allowed[1]:g}" if allowed else "a value of that variable"
        message = f"{table.file}: {table.place(row)}: {label} = {part[row, column]:g} is not {what}"
        raise InputError(message, code="samples", hint=OTHER)


def _check_energies(
    values: FloatArray, table: Table, problem: Problem, shift: Shift, form: QuadraticForm | None
) -> None:
    assert table.energy is not None
    if len(table.energy) != len(values):
        raise InputError(f"{table.file}: {len(table.energy)} energies for {len(values)} samples", code="samples")
    if form is None and not violations(problem, BQM):
        form = assemble(problem)
    if form is not None:
        own, size = form.energies(values), _magnitude(form, values)
        accepted = [own, own / shift.scale - shift.offset]
    else:
        own = energy_of(problem, problem.unstack(values))
        size, accepted = np.zeros(len(values)), [own, problem.source.value(own)]
    wrong = [_differs(table.energy, wanted, size) for wanted in accepted]
    best = min(wrong, key=lambda mask: int(mask.sum()))
    if best.any():
        row = int(np.flatnonzero(best)[0])
        message = f"{table.file}: {table.place(row)}: energy {table.energy[row]:.10g} given, but it is {own[row]:.10g}"
        raise InputError(message, code="samples", hint=OTHER)


def _differs(given: FloatArray, wanted: FloatArray, size: FloatArray) -> Any:
    """1e-6 of the energies, and what a single-precision solver loses on the terms that it adds up."""
    with np.errstate(invalid="ignore"):
        return ~(np.abs(given - wanted) <= 1e-6 * np.maximum(np.abs(given), np.abs(wanted)) + 1e-7 * size)


def _magnitude(form: QuadraticForm, values: FloatArray) -> FloatArray:
    """Sum of the sizes of all terms that are on, per sample [B]."""
    couplers: Any = form.couplers
    if isinstance(couplers, Triplets):
        couplers = Triplets(couplers.row, couplers.column, np.abs(couplers.value))
    else:
        couplers = np.abs(couplers)
    return QuadraticForm(abs(form.offset), np.abs(form.linear), couplers).energies(values)
