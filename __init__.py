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
    from .checks import check as check
    from .coarsening import coarsened as coarsened
    from .export import Bundle as Bundle
    from .export import load as load
    from .inspection import explain as explain
    from .ir.answer_text import answer_text as answer_text
    from .ir.answers import Answer as Answer
    from .ir.builder import Builder as Builder
    from .ir.problem import Problem as Problem
    from .ir.samples import Samples as Samples
    from .lipschitz_constants import lipschitz as lipschitz
    from .verification import verify as verify

_HOMES = {
    "Bundle": "export", "Compiled": "api", "check": "checks", "coarsened": "coarsening", "compile": "api",
    "explain": "inspection", "from_sympy": "api", "lipschitz": "lipschitz_constants", "load": "export", "read": "api",
    "run": "api", "solve": "api", "verify": "verification",
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
