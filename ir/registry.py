"""Rules found by their file name: ``Registry("isinglass.compiler.passes")["big-m"]`` is class ``BigM`` of ``big_m.py``.

There is no list to edit, so nothing to forget. Third-party packages add rules through the entry point group
``isinglass.<folder>`` (for example ``isinglass.compiler.passes``), the entry point's name being the key.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, distributions
from typing import Any

from .errors import UsageError, nearest


def class_name(key: str) -> str:
    """``big-m`` -> ``BigM``."""
    return "".join(part.capitalize() for part in key.replace("_", "-").split("-"))


@cache
def plugins() -> dict[str, dict[str, EntryPoint]]:
    """Package -> key -> the rule that an installed distribution adds. Asking the system once costs milliseconds."""
    found: dict[str, dict[str, EntryPoint]] = {}
    for entry in (entry for distribution in distributions() for entry in distribution.entry_points):
        if entry.group.startswith("isinglass."):
            found.setdefault(entry.group, {}).setdefault(entry.name, entry)  # the first on the path wins
    return found


def key_of(cls: type) -> str:
    """The registry key of a rule class: the name of its file, with hyphens."""
    return cls.__module__.rpartition(".")[2].replace("_", "-")


class Registry:
    """The rules of one folder. Modules are imported on first use; names are listed without importing them."""

    def __init__(self, package: str, what: str) -> None:
        self.package = package
        self.what = what

    @cache  # noqa: B019 - registries are module constants and live as long as the program
    def keys(self) -> tuple[str, ...]:
        """All known keys, sorted."""
        paths = import_module(self.package).__path__
        own = {m.name.replace("_", "-") for m in pkgutil.iter_modules(paths) if not m.name.startswith("_")}
        return tuple(sorted(own | plugins().get(self.package, {}).keys()))

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __contains__(self, key: str) -> bool:
        return key in self.keys()

    @cache  # noqa: B019
    def __getitem__(self, key: str) -> Any:
        if key not in self.keys():
            raise UsageError(f"unknown {self.what} {key!r}", code="unknown-name", hint=nearest(key, self.keys()))
        entry = plugins().get(self.package, {}).get(key)
        if entry is not None:
            return entry.load()
        module = import_module(f"{self.package}.{key.replace('-', '_')}")
        return getattr(module, class_name(key))

    def module(self, key: str) -> Any:
        """The module of a rule that is a set of functions rather than a class."""
        if key not in self.keys():
            raise UsageError(f"unknown {self.what} {key!r}", code="unknown-name", hint=nearest(key, self.keys()))
        return import_module(f"{self.package}.{key.replace('-', '_')}")

    def summary(self, key: str) -> str:
        """First line of the rule file's docstring, for listings."""
        doc = self.module(key).__doc__ or ""
        return doc.strip().partition("\n")[0]
