"""isinglass: discrete problems and questions about neural networks, compiled for QUBO, Ising and MILP solvers.

The names below are loaded on first use, so that ``import isinglass`` stays cheap.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from .api import Compiled as Compiled
    from .api import compile as compile
    from .api import from_sympy as from_sympy
    from .api import read as read
    from .api import run as run
    from .api import solve as solve
    from .facade.checks import check as check
    from .facade.coarsening import coarsened as coarsened
    from .facade.export import Bundle as Bundle
    from .facade.export import load as load
    from .facade.inspection import explain as explain
    from .facade.lipschitz import lipschitz as lipschitz
    from .facade.verification import verify as verify
    from .ir.answer_text import answer_text as answer_text
    from .ir.answers import Answer as Answer
    from .ir.builder import Builder as Builder
    from .ir.problem import Problem as Problem
    from .ir.samples import Samples as Samples

_HOMES = {
    "Compiled": "api", "compile": "api", "from_sympy": "api", "read": "api", "run": "api", "solve": "api",
    "Bundle": "facade.export", "load": "facade.export", "check": "facade.checks", "coarsened": "facade.coarsening",
    "explain": "facade.inspection", "lipschitz": "facade.lipschitz", "verify": "facade.verification",
    "answer_text": "ir.answer_text",
    "Answer": "ir.answers", "Builder": "ir.builder", "Problem": "ir.problem", "Samples": "ir.samples",
}  # fmt: skip
__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
