"""Solution files of MILP solvers: HiGHS, Gurobi, SCIP, CBC, CPLEX, and plain ``name value`` lines.

A point by the names that the model file has, and the solver's status. HiGHS lists every column; the others may leave
out zeros. What a status means is the solver's word.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import takewhile
from xml.etree import ElementTree

import numpy as np

from ..ir.errors import InputError, nearest
from .sample_table import Table

HEADS = ("model status", "solution status", "# solution for", "# objective value", "<?xml", "<cplexsolution")
CBC = re.compile(r"(optimal|infeasible|integer infeasible|unbounded|stopped on \w+)\b.*objective value", re.IGNORECASE)
NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
LINE = re.compile(rf"(?:\*\*\s+)?(?:\d+\s+)?(\S+)\s+({NUMBER})(?:\s+\(obj:{NUMBER}\)|\s+{NUMBER})?")
"""SCIP adds ``(obj:1)``; CBC a number in front, the reduced cost behind, and ``**`` where a value is out of bounds."""
WHOLE = 1e-5
"""Distance from a whole number, or a bound, that these solvers may leave."""


def is_solution(text: str, suffix: str) -> bool:
    """Whether a file is one of these."""
    head = text.lstrip()[:200].lower()
    return suffix.lower() == ".sol" or head.startswith(HEADS) or CBC.match(head) is not None


def solution_table(text: str, names: Sequence[str], file: str) -> Table:
    """One row over the columns ``names`` [n]; none where the solver found no point. ``info["status"]``: optimal,
    infeasible, unbounded, or as it stands."""
    if text.lstrip().lower().startswith(("<?xml", "<cplexsolution")):
        status, found = _xml(text, file)
    elif text.lstrip().lower().startswith("model status"):
        status, found = _highs(text, file)
    else:
        status, found = _lines(text, file)
    columns = list(names)
    unknown = found.keys() - set(columns)
    if unknown:
        first = sorted(unknown)[0]
        message = f"{file}: {first} is no variable of this problem"
        hint = f"{nearest(first, columns)[:200]} Else the solution is for another file"
        raise InputError(message, code="samples", hint=hint)
    values = np.array([[found.get(name, 0.0) for name in columns]]) if found else np.zeros((0, len(columns)))
    return Table(values, columns, file=file, info={"status": status} if status else {}, whole=WHOLE)


def _status(words: str) -> str:
    """A status in our words where it is one that means something here."""
    lower = words.strip().lower()
    if "unbounded" in lower:
        return "unbounded-or-infeasible" if "infeasible" in lower else "unbounded"
    if "infeasible" in lower:
        return "infeasible"
    return "optimal" if lower.startswith(("optimal", "integer optimal", "mip_optimal")) else lower


def _highs(text: str, file: str) -> tuple[str, dict[str, float]]:
    lines = text.splitlines()
    status = next(iter(line for line in lines[1:] if line.strip()), "")
    start = next((k for k, line in enumerate(lines) if line.startswith("# Columns")), None)
    if start is None:
        return _status(status), {}
    feasible = next((line.strip() for line in lines[:start] if line.strip() in ("Feasible", "Infeasible")), "")
    count = int(lines[start].split()[-1]) if lines[start].split()[-1].isdecimal() else 0
    rows = list(takewhile(lambda line: not line.startswith("#"), lines[start + 1 : start + 1 + count]))
    found = _points(rows, file, start + 2)
    if len(found) != count:
        message = f"{file}: {len(found)} of {count} columns"
        raise InputError(message, code="samples", hint="was the file cut off? is a name used twice?")
    return _status(status), found if feasible == "Feasible" else {}


def _lines(text: str, file: str) -> tuple[str, dict[str, float]]:
    """``name value``, one a line, behind what tells the status."""
    status, kept, first = "", [], 1
    for number, line in enumerate(text.splitlines(), 1):
        words = line.strip().lower()
        if not words or words.startswith(("#", "objective value", "no solution")):
            kept.append("")
        elif number == 1 and CBC.match(words):
            status = _status(words.replace("integer infeasible", "infeasible"))
            kept.append("")
        elif words.startswith(("solution status", "=obj=")):
            status = _status(words.partition(":")[2]) if ":" in words else status
            kept.append("")
        else:
            kept.append(line)
    return status, _points(kept, file, first)


def _points(lines: Sequence[str], file: str, first: int) -> dict[str, float]:
    found: dict[str, float] = {}
    for number, line in enumerate(lines, first):
        if not line.strip():
            continue
        match = LINE.fullmatch(line.strip())
        if match is None:
            raise InputError(f"{file}:{number}: {line.strip()[:40]!r} is no name and number", code="samples")
        found[match[1]] = float(match[2])
    return found


def _xml(text: str, file: str) -> tuple[str, dict[str, float]]:
    """CPLEX."""
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise InputError(f"{file}: a solution file declares no entities", code="samples")
    try:
        root = ElementTree.fromstring(text)
        header = root.find("header")
        values: dict[str, float] = {
            str(one.attrib["name"]): float(one.attrib["value"]) for one in root.iterfind("variables/variable")
        }
    except (ElementTree.ParseError, KeyError, ValueError) as error:
        raise InputError(f"{file}: not a CPLEX solution ({error})", code="samples", hint="was it cut off?") from error
    attributes: Mapping[str, str] = {} if header is None else header.attrib
    return _status(attributes.get("solutionStatusString", "")), values
