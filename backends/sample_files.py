"""Samples from outside: dimod sample sets, their JSON, CSV tables, bit strings, arrays, MILP solutions."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..ir.errors import InputError
from ..ir.problem import Problem
from ..ir.quadratic.form import QuadraticForm
from ..ir.samples import Samples
from ..ir.types import FloatArray
from .files import read_text
from .sample_table import Shift, Table, to_samples
from .solution_files import is_solution, solution_table

ENERGY = ("energy",)
OCCURRENCES = ("occurrences", "num_oc.", "num_occurrences")
BESIDES = ("", "chain_break_fraction", "chain_b.", "num_restarts", "num_re.", "num_steps", "num_st.", "is_feasible")
"""Columns of CSV files and sample sets that are no variables and tell nothing needed here."""
COMMA = re.compile(r",(?![^\[]*\])")


def read_samples(
    path: str | Path,
    problem: Problem,
    *,
    names: Sequence[str] | None = None,
    offset: float = 0.0,
    scale: float = 1.0,
    form: QuadraticForm | None = None,
) -> Samples:
    """Samples of ``problem`` from a file: dimod's JSON, CSV with labels or indices in its header, bit strings, or the
    solution file of a MILP solver (``backends/solution_files.py``).

    ``names``: what the target wrote in place of labels; ``offset``, ``scale``: what it dropped (all from the bundle's
    manifest). Bit strings stand one a line, ``0110``, ``+--+`` or ``1 -1 -1 1``; after an unbroken string may follow
    its energy and its occurrences. Raises :class:`InputError` naming file, line and remedy.
    """
    text, file = read_text(path), str(path)
    if not text.strip():
        raise InputError(f"{file}: no samples", hint="was the file cut off?")
    if text.lstrip()[0] in "{[":
        table = _json_table(text, file)
    elif is_solution(text, Path(path).suffix):
        table = solution_table(text, names or problem.labels(), file)
    elif _is_csv(text, Path(path).suffix):
        table = _csv_table(text, problem, file)
    else:
        table = _bit_table(text, problem.size, file)
    return to_samples(table, problem, names, Shift(offset, scale), form)


def from_table(problem: Problem, samples: Any, form: QuadraticForm | None = None) -> Samples:
    """Samples from objects: a dimod SampleSet, an array [B, n] of rows (or one row), a mapping label -> value or a
    list of such, or :class:`Samples` themselves. Raises as :func:`read_samples`."""
    if isinstance(samples, Samples):
        return samples
    if all(hasattr(samples, name) for name in ("record", "variables", "vartype")):
        return to_samples(sample_set_table(samples), problem, form=form)
    if isinstance(samples, Mapping):
        samples = [samples]
    if isinstance(samples, Sequence) and samples and isinstance(samples[0], Mapping):
        return to_samples(_dict_table(samples, "samples"), problem, form=form)
    try:
        array = np.atleast_2d(np.asarray(samples, dtype=np.float64))
    except (TypeError, ValueError) as error:
        message = f"samples of type {type(samples).__name__} are not understood ({error})"
        raise InputError(message, hint="give a dimod SampleSet, an array of 0/1 rows, or dicts by label") from error
    return to_samples(Table(array), problem, form=form)


def sample_set_table(sample_set: Any, file: str = "sample set") -> Table:
    """The table of a dimod SampleSet."""
    vartype = getattr(sample_set.vartype, "name", str(sample_set.vartype))
    record = sample_set.record
    energy = np.asarray(record.energy, dtype=np.float64)
    occurrences = np.asarray(record.num_occurrences, dtype=np.int64)
    return Table(
        np.asarray(record.sample, dtype=np.float64).reshape(len(record), len(sample_set.variables)),
        list(sample_set.variables),
        None if np.isnan(energy).all() else energy,
        occurrences,
        vartype if vartype in ("BINARY", "SPIN") else "",
        file,
    )


# -- JSON -----------------------------------------------------------------------------------------------------------


def _json_table(text: str, file: str) -> Table:
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        message = f"{file}:{error.lineno}:{error.colno}: not JSON ({error.msg})"
        raise InputError(message, hint="was the file cut off?") from error
    try:
        if isinstance(data, dict) and data.get("type") == "SampleSet":
            return sample_set_table(_dimod_set(data), file)
        if isinstance(data, dict) and isinstance(data.get("samples"), list):
            return _plain_json(data, file)
        if isinstance(data, list):
            return _plain_json({"samples": data}, file)
    except (TypeError, ValueError, KeyError, IndexError, AttributeError) as error:
        raise InputError(f"{file}: samples not understood ({error})", hint="was the file cut off or edited?") from error
    hint = 'dimod writes json.dumps(sampleset.to_serializable()); {"samples": [{"x[0]": 1, ...}, ...]} is read too'
    raise InputError(f"{file}: JSON without samples", hint=hint)


def _dimod_set(data: Mapping[str, Any]) -> Any:
    import dimod

    sample_set: Any = dimod.SampleSet
    return sample_set.from_serializable(data)


def _plain_json(data: Mapping[str, Any], file: str) -> Table:
    """``samples``: rows or mappings; ``labels``, ``energy``, ``occurrences`` where given."""
    samples = data["samples"]
    if not samples:
        raise InputError(f"{file}: no samples")
    energy, occurrences = data.get("energy"), data.get("occurrences")
    table = _dict_table(samples, file) if isinstance(samples[0], dict) else Table(_rectangle(samples, file))
    return Table(
        table.values,
        data.get("labels") if table.columns is None else table.columns,
        None if energy is None else np.array(energy, dtype=np.float64).reshape(len(samples)),
        None if occurrences is None else np.array(occurrences, dtype=np.int64).reshape(len(samples)),
        str(data.get("vartype", "")),
        file,
    )


def _rectangle(rows: Sequence[Any], file: str) -> FloatArray:
    lengths = {len(row) for row in rows}
    if len(lengths) > 1:
        raise InputError(f"{file}: samples of lengths {min(lengths)} to {max(lengths)}", hint="was the file cut off?")
    return np.array(rows, dtype=np.float64).reshape(len(rows), -1)


def _dict_table(rows: Sequence[Mapping[Any, Any]], file: str) -> Table:
    columns = list(rows[0])
    for number, row in enumerate(rows):
        if row.keys() != rows[0].keys():
            other = sorted(map(str, row.keys() ^ rows[0].keys()))[0]
            raise InputError(f"{file}: sample {number + 1} has other variables than the first, e.g. {other}")
    return Table(_rectangle([[row[c] for c in columns] for row in rows], file), columns, file=file)


# -- CSV --------------------------------------------------------------------------------------------------------------


def _is_csv(text: str, suffix: str) -> bool:
    first = text.lstrip().partition("\n")[0]
    return suffix.lower() == ".csv" or ("," in first and bool(re.search(r"[A-Za-z_\"]", first)))


def _csv_table(text: str, problem: Problem, file: str) -> Table:
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    (_, head), rows = lines[0], lines[1:]
    header = [cell.strip() for cell in (next(csv.reader([head])) if '"' in head else COMMA.split(head))]
    labels = set(problem.labels())
    cells = list(csv.reader(line for _, line in rows))
    numbers = [number for number, _ in rows]
    for number, row in zip(numbers, cells, strict=True):
        if len(row) != len(header):
            message = f"{file}:{number}: {len(row)} values under {len(header)} columns"
            raise InputError(message, code="samples", hint="was the file cut off? labels with commas need quotes")
    taken: dict[str, list[int]] = {"variable": [], "energy": [], "occurrences": []}
    for place, name in enumerate(header):
        kind = _kind_of(name, labels)
        if kind:
            taken[kind].append(place)

    def column(place: int) -> FloatArray:
        return _column([row[place] for row in cells], numbers, header[place], file)

    if not cells:
        raise InputError(f"{file}: a header, but no samples", hint="was the file cut off?")
    variables = [column(place) for place in taken["variable"]]
    values = np.stack(variables, axis=1) if variables else np.zeros((len(cells), 0))
    energy = column(taken["energy"][0]) if taken["energy"] else None
    occurrences = column(taken["occurrences"][0]).astype(np.int64) if taken["occurrences"] else None
    columns = [header[place] for place in taken["variable"]]
    return Table(values, columns, energy, occurrences, "", file, lambda row: f"line {numbers[row]}")


def _kind_of(name: str, labels: set[str]) -> str:
    """variable, energy, occurrences, or nothing of interest. A variable may be called energy."""
    lower = name.lower()
    if name in labels or lower not in (*ENERGY, *OCCURRENCES, *BESIDES):
        return "variable"
    return "energy" if lower in ENERGY else "occurrences" if lower in OCCURRENCES else ""


def _column(texts: Sequence[str], numbers: Sequence[int], name: str, file: str) -> FloatArray:
    try:
        values = np.array(texts, dtype=np.float64)
        if np.isfinite(values).all():
            return values
    except ValueError:
        pass
    for number, text in zip(numbers, texts, strict=True):
        if not re.fullmatch(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*", text):
            raise InputError(f"{file}:{number}: {name or 'a value'} = {text!r} is no finite number", code="samples")
    raise InputError(f"{file}: a value of {name} is too large for a float64", code="samples")


# -- bit strings ----------------------------------------------------------------------------------------------------


def _bit_table(text: str, size: int, file: str) -> Table:
    values, energies, occurrences, numbers = [], [], [], []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.replace(",", " ").split()
        if not words or words[0].startswith("#"):
            continue
        bits, rest = _bits(words, size)
        if bits is None or len(bits) != size or len(rest) > 2:
            found = len(bits) if bits is not None else 0
            what = (
                f"{found} bits for {size} variables" if bits is not None else f"{line.strip()[:40]!r} is no bit string"
            )
            hint = "bit strings for this problem have one 0 or 1 (or + or -) per variable; else CSV or dimod's JSON"
            raise InputError(f"{file}:{number}: {what}", code="samples", hint=hint)
        values.append(bits)
        energies.append(rest[0] if rest else "")
        occurrences.append(rest[1] if len(rest) > 1 else "1")
        numbers.append(number)
    if not values:
        raise InputError(f"{file}: no samples", hint="was the file cut off?")
    if len({bool(energy) for energy in energies}) > 1:
        raise InputError(f"{file}:{numbers[energies.index('')]}: no energy, but other lines have one", code="samples")
    energy = _column(energies, numbers, "energy", file) if energies[0] else None
    counts = _column(occurrences, numbers, "occurrences", file).astype(np.int64)
    table = np.array(values, dtype=np.float64).reshape(len(values), size)
    return Table(table, None, energy, counts, "", file, lambda row: f"line {numbers[row]}")


def _bits(words: Sequence[str], size: int) -> tuple[list[float] | None, Sequence[str]]:
    """The bits of a line and what follows; None where it is no bit string."""
    if re.fullmatch(r"[01]+", words[0]) and (len(words[0]) == size or len(words[0]) > 1):
        return [float(bit) for bit in words[0]], words[1:]
    if all(word in ("+", "-") for word in words):
        words = ["".join(words)]
    if re.fullmatch(r"[-+]+", words[0]):
        return [1.0 if sign == "+" else -1.0 for sign in words[0]], words[1:]
    if all(re.fullmatch(r"[-+]?1|0", word) for word in words):
        return [float(word) for word in words], ()
    return None, ()
