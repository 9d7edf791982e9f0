"""``compile { key = value; ... }``: options of a task, checked against the one table of known keys."""

from __future__ import annotations

from typing import Any

from ...ir.errors import Diagnostic, nearest
from . import ast as ast

OPTIONS = {
    "method": "word",
    "master": "word",
    "via": "word",
    "goal": "word",
    "bounds": "word",
    "solver": "word",
    "target": "word",
    "code": "word",
    "limit": "positive whole number",
    "rounding": "word",
    "largest": "positive number",
    "slack": "word",
    "weight": "positive number",
    "pipeline": "word",
    "quadratize": "word",
    "bits": "positive whole number",
    "tight": "true or false",
    "cutoff": "true or false",
    "exact": "true or false",
    "tolerance": "positive number",
    "budget": "positive whole number",
    "calls": "positive whole number",
    "timeout": "positive number",
    "reads": "positive whole number",
    "seed": "whole number",
}
SWITCH = {"true": True, "false": False}


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
            found[key] = SWITCH[str(option.value)] if OPTIONS[key] == "true or false" else option.value
    return found, errors


def fits(value: Any, kind: str) -> bool:
    if kind == "true or false":
        return value in SWITCH
    if isinstance(value, str):
        return "word" in kind
    if kind == "word":
        return False
    return (not kind.startswith("positive") or value > 0) and ("whole" not in kind or isinstance(value, int))
