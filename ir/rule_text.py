"""Rules from their text: ``name`` or ``name{option=value,...}``, options being dataclass fields."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from typing import Any

from .errors import Diagnostic, UsageError, nearest
from .registry import Registry

TEXT = re.compile(r"\s*([\w-]+)\s*(?:\{(.*)\})?\s*", re.DOTALL)
NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?|inf")


Special = Callable[[str], Any]
"""What a value ``@name`` stands for."""


def make(registry: Registry, text: str, special: Special | None = None) -> tuple[Any, str]:
    """The rule with its options set, and its text as :func:`show` gives it, which makes the same rule again.

    Raises :class:`UsageError` naming every wrong option at once.
    """
    found = TEXT.fullmatch(text)
    if found is None:
        raise UsageError(f"{registry.what} {text!r} not understood", hint="write: name or name{option=value,...}")
    key = found[1].replace("_", "-")
    given, wrong = {}, []
    for part in filter(None, map(str.strip, (found[2] or "").split(","))):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals:
            wrong.append(
                Diagnostic("option", f"{registry.what} {key}: option {part!r} has no value", None, "write a=1")
            )
        given[name.replace("-", "_")] = value
    if wrong:
        raise UsageError(wrong)
    rule = with_options(registry, key, given, special)
    return rule, show(key, rule)


def show(key: str, rule: Any) -> str:
    """``key{option=value,...}``; options at their defaults are left out."""
    shown = []
    for spec in dataclasses.fields(rule):
        value = getattr(rule, spec.name)
        if value != spec.default:
            shown.append(f"{spec.name.replace('_', '-')}={str(value).lower() if isinstance(value, bool) else value}")
    return key + (f"{{{','.join(shown)}}}" if shown else "")


def with_options(registry: Registry, key: str, options: Mapping[str, Any], special: Special | None = None) -> Any:
    """The rule ``key`` with options given as texts or values. Raises as :func:`make`."""
    cls = registry[key]
    known = {spec.name: spec for spec in dataclasses.fields(cls)}
    values, wrong = {}, []
    for name, value in options.items():
        where = f"{registry.what} {key}"
        if name not in known:
            wrong.append(Diagnostic("option", f"{where} has no option {name!r}", None, nearest(name, known)))
            continue
        if special is not None and isinstance(value, str) and value.startswith("@"):
            values[name] = special(value[1:])
            continue
        values[name] = read_value(value, str(known[name].type)) if isinstance(value, str) else value
        if values[name] is None:
            kind = str(known[name].type)
            wrong.append(Diagnostic("option", f"{where}: {name} = {value!r} is not of type {kind}"))
    if wrong:
        raise UsageError(wrong)
    return cls(**values)


def read_value(text: str, kind: str) -> Any:
    """A value of the declared type; None where the text is none."""
    if "bool" in kind and text in ("true", "false"):
        return text == "true"
    if "int" in kind and re.fullmatch(r"[-+]?\d+", text):
        return int(text)
    if "float" in kind and NUMBER.fullmatch(text):
        return float(text)
    return text if "str" in kind or "Any" in kind else None
