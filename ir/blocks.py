"""The four kinds of block a problem is made of. Each says where it came from (``origin``).

``origin`` is a short text: a span in a spec (``model.glass:3:1``), an ONNX node (``onnx:Gemm_0``), or what a pass made
it from (``slack:cap``, ``bits:spare``). The part before the first colon is its kind, used in listings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from .affine import Affine, batch_of
from .errors import InputError
from .function import Function
from .operator import Operator
from .term import Term
from .types import BoolArray, FloatArray, IntArray

DOMAINS = ("real", "int", "bin", "spin")


@dataclass(frozen=True, eq=False)
class Var:
    """A tensor of variables. ``lower`` and ``upper`` are float64 [size], flattened in C order, maybe infinite.

    ``names``: what the source calls each element, in C order; empty where indices say it all.
    """

    name: str
    domain: str
    shape: tuple[int, ...]
    lower: FloatArray
    upper: FloatArray
    origin: str = ""
    names: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        name: str,
        domain: str,
        shape: tuple[int, ...] = (),
        lower: FloatArray | float | None = None,
        upper: FloatArray | float | None = None,
        origin: str = "",
        names: tuple[str, ...] = (),
    ) -> Var:
        """With the natural bounds of the domain where none are given, and scalars broadcast."""
        natural = {"bin": (0.0, 1.0), "spin": (-1.0, 1.0)}.get(domain, (-np.inf, np.inf))
        size = int(np.prod(shape, dtype=np.int64))

        def full(bound: FloatArray | float | None, default: float) -> FloatArray:
            array = np.asarray(default if bound is None else bound, dtype=np.float64)
            if array.size == size:
                return np.array(array.reshape(size))
            try:
                return np.array(np.broadcast_to(array, shape).reshape(size))
            except ValueError:
                text = f"bounds of shape {array.shape} do not fit variable {name!r} of shape {shape}"
                raise InputError(text, hint="give one number, or one for each element") from None

        sides = full(lower, natural[0]), full(upper, natural[1])
        return cls(name, domain, tuple(int(n) for n in shape), *sides, origin, names)

    @property
    def size(self) -> int:
        """Number of scalar variables."""
        return len(self.lower)

    @property
    def discrete(self) -> bool:
        return self.domain != "real"

    def labels(self) -> list[str]:
        """The source's names; else ``name`` for a scalar and ``name[i,j]`` for each element in C order."""
        if self.names:
            return list(self.names)
        if not self.shape:
            return [self.name]
        index = np.indices(self.shape).reshape(len(self.shape), -1).T
        return [f"{self.name}[{','.join(map(str, i))}]" for i in index.tolist()]


@dataclass(frozen=True, eq=False)
class Guard:
    """Rows that bind only where a binary has a value: ``index`` [m] into ``variable`` (-1: always), ``value`` [m]."""

    variable: str
    index: IntArray
    value: FloatArray


@dataclass(frozen=True, eq=False)
class Lin:
    """Rows ``sum_k parts[k] x_k (== or <=) rhs``.

    ``reading`` says what a float64 coefficient means exactly: ``decimal`` (the exact decimal of its shortest text),
    ``simplest`` (the simplest rational that rounds to it), ``dyadic`` (itself). ``least`` [m], where given, is a lower
    end of the row's activity that must hold too (-inf: none). ``defines`` names the block that these equalities
    compute from the others (an affine layer). ``pattern`` is a checked structure such as ``one-hot``. ``names``: what
    the source calls each row, used while there are as many as rows (a pass that picks rows may leave them behind).
    """

    name: str
    parts: Mapping[str, Operator]
    sense: str
    rhs: FloatArray
    reading: str = "simplest"
    guard: Guard | None = None
    least: FloatArray | None = None
    defines: str | None = None
    pattern: str | None = None
    origin: str = ""
    names: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Number of rows m."""
        return len(self.rhs)

    @property
    def variables(self) -> tuple[str, ...]:
        extra = (self.guard.variable,) if self.guard and self.guard.variable not in self.parts else ()
        return tuple(self.parts) + extra

    @property
    def activity(self) -> Affine:
        """The left-hand side as an affine map."""
        return Affine(np.zeros(self.size), self.parts)

    def labels(self) -> list[str]:
        """One name per row."""
        if self.names and len(self.names) == self.size:
            return list(self.names)
        return [self.name] if self.size == 1 else [f"{self.name}[{i}]" for i in range(self.size)]


@dataclass(frozen=True, eq=False)
class Arg:
    """One argument of a function block: block ``variable``, elements ``index`` [k] (None: all, in order)."""

    variable: str
    index: IntArray | None = None

    def pick(self, values: FloatArray) -> FloatArray:
        """[B, k] from the block's [B, n]."""
        return values if self.index is None else values[:, self.index]


@dataclass(frozen=True, eq=False)
class Fn:
    """``output[k] = function(args[0][k], args[1][k], ...)``; ``output`` names a variable block of k elements."""

    name: str
    output: str
    function: Function
    args: tuple[Arg, ...]
    origin: str = ""

    @property
    def variables(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys([arg.variable for arg in self.args] + [self.output]))


@dataclass(frozen=True, eq=False)
class Penalty:
    """What a penalty polynomial stands for, row by row (all arrays [m]).

    ``weight``: factor in the energy. ``gap``: a proved lower bound of the polynomial wherever its row is violated and
    slacks are at their best. ``floor``: what a satisfied row costs before the constant is taken off (1/4 with half-step
    slack). ``source``: name of the row block it came from, ``row`` the row in it. ``rule`` [m]: index into ``rules``,
    the names of the rules that proved the weights; -1 where nothing is proved. The proof covers every weight with
    ``weight * per > needed`` and ``weight * gap > base``, where rows with the same number ``tied`` >= 0 share one
    weight * gap.
    """

    weight: FloatArray
    gap: FloatArray
    floor: FloatArray
    source: str
    row: IntArray
    rules: tuple[str, ...] = ()
    rule: IntArray = field(default_factory=lambda: np.zeros(0, np.int64))
    needed: FloatArray = field(default_factory=lambda: np.zeros(0))
    per: FloatArray = field(default_factory=lambda: np.zeros(0))
    base: FloatArray = field(default_factory=lambda: np.zeros(0))
    tied: IntArray = field(default_factory=lambda: np.zeros(0, np.int64))

    @cached_property
    def proved(self) -> BoolArray:
        return self.rule >= 0


@dataclass(frozen=True, eq=False)
class Poly:
    """A vector of m polynomials: ``constant`` [m] plus the sum of ``terms``.

    ``role`` is ``objective`` (m = 1, minimised), ``constraint`` (``sense`` and ``rhs`` [m] given; reading, guard and
    names as in :class:`Lin`) or ``penalty`` (``penalty`` given; the energy adds weight * polynomial).
    """

    name: str
    role: str
    terms: tuple[Term, ...]
    constant: FloatArray
    sense: str | None = None
    rhs: FloatArray | None = None
    reading: str = "simplest"
    guard: Guard | None = None
    penalty: Penalty | None = None
    origin: str = ""
    names: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        return len(self.constant)

    @property
    def variables(self) -> tuple[str, ...]:
        names = dict.fromkeys(name for term in self.terms for name in term.variables)
        return tuple(names) + ((self.guard.variable,) if self.guard and self.guard.variable not in names else ())

    @property
    def degree(self) -> int:
        return max((term.degree for term in self.terms), default=0)

    def labels(self) -> list[str]:
        """One name per polynomial."""
        if self.names and len(self.names) == self.size:
            return list(self.names)
        return [self.name] if self.size == 1 else [f"{self.name}[{i}]" for i in range(self.size)]

    def value(self, values: Mapping[str, FloatArray]) -> FloatArray:
        """Values [B, m]."""
        total = np.tile(self.constant, (batch_of(values), 1))
        for term in self.terms:
            total += term.value(values)
        return total


Block = Var | Lin | Fn | Poly
