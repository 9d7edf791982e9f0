"""Names that LP and MPS readers accept, in place of labels such as ``x[1,2]``."""

from __future__ import annotations

import re
from collections.abc import Sequence

ODD = re.compile(r"[^A-Za-z0-9_]+")
LIKE_NUMBER = re.compile(r"[eE]\d|[^A-Za-z]")
KEYWORDS = """
st subject to such that s t bounds bound free inf infinity min max minimize maximize minimise maximise minimum maximum
bin binary binaries gen general generals int integer integers semi semis sec sin sos sos1 sos2 end obj
rows columns rhs ranges name endata objsense marker intorg intend quadobj qmatrix
"""
RESERVED = frozenset(KEYWORDS.split())
LONGEST = 200


def plain_names(labels: Sequence[str], prefix: str) -> list[str]:
    """One name per label: letters, digits and underscores, starting with a letter, never a keyword or the start of a
    number; all different, also without regard to case. ``x[1,2]`` becomes ``x_1_2``; clashes get a number."""
    used: set[str] = set()
    names = []
    for label in labels:
        name = ODD.sub("_", label).strip("_")[:LONGEST]
        if not name or LIKE_NUMBER.match(name) or name.lower() in RESERVED:
            name = f"{prefix}_{name}"
        name = _unused(name, used)
        used.add(name.lower())
        names.append(name)
    return names


def _unused(name: str, used: set[str]) -> str:
    if name.lower() not in used:
        return name
    number = 2
    while f"{name}__{number}".lower() in used:
        number += 1
    return f"{name}__{number}"
