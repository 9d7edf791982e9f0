"""The registries of the IR's own rule folders, and the table of constructors that the text form knows."""

from __future__ import annotations

from functools import cache
from typing import Any

from .registry import Registry

OPERATORS = Registry("isinglass.ir.operators", "operator")
FUNCTIONS = Registry("isinglass.ir.functions", "function")
TERMS = Registry("isinglass.ir.terms", "term")
LIFTS = Registry("isinglass.ir.lift", "lift record")
FOLDERS = (OPERATORS, FUNCTIONS, TERMS)


@cache
def fixed() -> dict[str, Any]:
    """Constructors that are not rules: the data classes of the IR itself."""
    from . import affine, blocks, definition, guarantee, ledger, lifting, problem, tasks, unsafe

    classes = [
        affine.Affine, blocks.Guard, blocks.Arg, blocks.Penalty, definition.Sum, definition.Quotient,
        definition.Apply, definition.Conjunction,
        guarantee.Guarantee, ledger.Note, lifting.Lift, problem.Problem,
        blocks.Var, blocks.Lin, blocks.Fn, blocks.Poly, *tasks.TASKS,
        unsafe.UnsafeSet,
    ]  # fmt: skip
    table = {cls.__name__.lower(): cls for cls in classes}
    # lift records share short names with operators and blocks, so their text says what they are
    return table | {f"lift_{key.replace('-', '_')}": LIFTS[key] for key in LIFTS}


@cache
def constructor(key: str) -> Any:
    """The class that a name in the text form stands for; None where there is none."""
    if key in fixed():
        return fixed()[key]
    name = key.replace("_", "-")
    return next((folder[name] for folder in FOLDERS if name in folder), None)


@cache
def name_of(cls: type) -> str:
    """The inverse of :func:`constructor`."""
    known = next((name for name, other in fixed().items() if other is cls), None)
    if known is not None:
        return known
    key = cls.__module__.rpartition(".")[2]
    if constructor(key) is not cls:
        raise TypeError(f"{cls.__name__} has no name in the text form")
    return key
