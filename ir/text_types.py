"""Whether values read from a text have the types that the fields of a dataclass declare.

An edited text that puts a word where an array belongs is refused where it stands, instead of failing far away.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np


@cache
def field_types(cls: type) -> dict[str, Any]:
    """Declared types of a dataclass's fields; nothing where they can't be resolved."""
    try:
        return get_type_hints(cls)
    except NameError:
        return {}


def fits(value: Any, hint: Any) -> bool:
    """Whether a value has a declared type; unknown kinds of declaration accept everything."""
    origin, inside = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return any(fits(value, part) for part in inside)
    if origin is np.ndarray:
        return isinstance(value, np.ndarray) and fits_array(value, inside)
    if origin is tuple:
        return isinstance(value, tuple) and fits_tuple(value, inside)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        known = isinstance(value, Mapping)
        return known and all(fits(k, inside[0]) and fits(v, inside[1]) for k, v in value.items())
    return fits_class(value, hint)


def fits_array(value: np.ndarray[Any, Any], inside: tuple[Any, ...]) -> bool:
    """An array whose numbers have the declared kind; arrays of the text form are float64, int64 or bool."""
    kind = (get_args(inside[1]) or (Any,))[0] if len(inside) > 1 else Any
    kind = get_origin(kind) or kind
    return not isinstance(kind, type) or bool(np.issubdtype(value.dtype, kind))


def fits_tuple(value: tuple[Any, ...], inside: tuple[Any, ...]) -> bool:
    if len(inside) == 2 and inside[1] is Ellipsis:
        return all(fits(item, inside[0]) for item in value)
    return len(value) == len(inside) and all(fits(item, part) for item, part in zip(value, inside, strict=True))


def fits_class(value: Any, hint: Any) -> bool:
    if hint is Any:
        return True
    if hint is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if hint is None or hint is NoneType:
        return value is None
    if getattr(hint, "_is_protocol", False):
        wanted = [name for name in vars(hint) if not name.startswith("_")]
        return is_dataclass(value) and all(hasattr(type(value), name) for name in wanted)
    return not isinstance(hint, type) or isinstance(value, hint)


def shown(value: Any) -> str:
    """A value in a few words."""
    if isinstance(value, np.ndarray):
        return f"an array of {value.dtype} {value.shape}"
    kind = type(value).__name__.lower()
    return f"{kind} {value!r}"[:60] if isinstance(value, (str, int, float)) else kind
