"""``compile { key = value; ... }``: options of a task, checked against the one table of known keys."""

from __future__ import annotations

from typing import Any

from ...ir.errors import Diagnostic, nearest
from . import ast as ast

OPTIONS = {
    "method": "word",
    "master": "word",
    "solver": "word",
    "target": "word",
    "via": "word",
    "code": "word",
    "weights": "word",
    "pipeline": "word",
    "quadratize": "word",
    "cutoff": "word or number",
    "timeout": "positive number",
    "bits": "positive whole number",
    "reads": "positive whole number",
    "seed": "whole number",
}


def read_options(block: ast.Compile) -> tuple[dict[str, Any], list[Diagnostic]]:
    """Options by key, and what is wrong with them."""
    found: dict[str, Any] = {}
    errors = []
    for option in block.options:
        key = option.key.name
        if key not in OPTIONS:
            errors.append(option.key.at.error("option", f"unknown option {key!r}", nearest(key, OPTIONS)))
        elif key in found:
            errors.append(option.key.at.error("option", f"option {key!r} is given twice", "keep one of them"))
        elif not fits(option.value, OPTIONS[key]):
            message = f"option {key!r} takes a {OPTIONS[key]}, not {option.value!r}"
            errors.append(
                option.at.error(
                    "option", message, "texts with other characters go in quotes" if "word" in OPTIONS[key] else ""
                )
            )
        else:
            found[key] = option.value
    return found, errors


def fits(value: Any, kind: str) -> bool:
    if isinstance(value, str):
        return "word" in kind
    if kind == "word":
        return False
    return (not kind.startswith("positive") or value > 0) and ("whole" not in kind or isinstance(value, int))
