"""What is asked: frozen data that frontends make and drivers answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .problem import Problem
from .types import FloatArray
from .unsafe import UnsafeSet


@dataclass(frozen=True, eq=False)
class Optimize:
    """Find a best feasible point of ``problem``. ``options``: what a ``compile { }`` block of a spec asked for."""

    problem: Problem
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Prove:
    """Show that no point of ``problem`` (a network on a box that contains all regions) lies in the unsafe set.

    ``claim`` is the property in the user's words. ``inputs`` and ``outputs`` name the blocks that the network reads and
    writes, ``network`` the file it came from.
    """

    problem: Problem
    unsafe: UnsafeSet
    claim: str
    inputs: str
    outputs: str
    network: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Bound:
    """A two-sided bracket of how much outputs of a network can change per unit of change of its inputs.

    ``functionals`` [R, k] over the block ``outputs``: one quantity each, named by ``labels`` [R] (``y[8] - y[3]``).
    ``quantity``: lipschitz, or inf-to-one (the form of HiQ-Lip). ``norm`` of the inputs: linf or l2. Where all bounds
    of the block ``inputs`` are finite the constants are local to that box. ``network`` is the file it all came from.
    """

    problem: Problem
    functionals: FloatArray
    labels: tuple[str, ...]
    inputs: str
    outputs: str
    norm: str = "linf"
    quantity: str = "lipschitz"
    network: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Train:
    """Train part of a model on data."""

    what: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Quantize:
    """Choose few-bit weights or bit budgets."""

    what: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Attack:
    """Search for inputs that break a model; can only witness."""

    what: str
    options: Mapping[str, Any] = field(default_factory=dict)


TASKS = (Optimize, Prove, Bound, Train, Quantize, Attack)
Task = Optimize | Prove | Bound | Train | Quantize | Attack
