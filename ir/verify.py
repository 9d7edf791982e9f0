"""The verifier: whether the blocks of a problem fit together. Everything wrong is told at once.

It costs a few passes over the stored numbers; structured operators stay structured.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from graphlib import CycleError, TopologicalSorter

import numpy as np

from .affine import shape_faults
from .blocks import DOMAINS, Arg, Block, Fn, Guard, Lin, Penalty, Poly, Var
from .errors import Diagnostic, InputError, nearest
from .operator import Operator, index_faults
from .order import diagonal_of
from .problem import Problem
from .rational import READINGS
from .types import AnyArray, BoolArray

SENSES = ("==", "<=")
ROLES = ("objective", "constraint", "penalty")
SHOWN = 3
"""Elements named in one message before the rest is only counted."""


def verify(problem: Problem) -> None:
    """Raise one :class:`InputError` with all that is wrong in a problem; nothing where it is sound.

    Names, shapes, index ranges, bounds, finite coefficients, definitions without repeats or circles, one objective.
    """
    checker = Checker(problem)
    checker.run()
    if checker.found:
        raise InputError(checker.found)


@dataclass
class Checker:
    """``found`` grows as the blocks are looked at."""

    problem: Problem
    found: list[Diagnostic] = field(default_factory=list)
    block: Block | None = None

    @cached_property
    def sizes(self) -> dict[str, int]:
        return {name: var.size for name, var in self.problem.vars.items()}

    def say(self, code: str, message: str, hint: str = "") -> None:
        """Note a mistake in the current block."""
        where = ""
        if self.block is not None:
            origin = f" ({self.block.origin})" if self.block.origin else ""
            where = f"{type(self.block).__name__.lower()} {self.block.name!r}{origin}: "
        self.found.append(Diagnostic(code, where + message, hint=hint))

    def run(self) -> None:
        self.names()
        for block in self.problem.blocks:
            self.block = block
            match block:
                case Var():
                    self.var(block)
                case Lin():
                    self.lin(block)
                case Fn():
                    self.fn(block)
                case Poly():
                    self.poly(block)
        self.block = None
        self.whole()
        self.definitions()

    def names(self) -> None:
        seen: set[str] = set()
        for block in self.problem.blocks:
            self.block = block
            if block.name in seen:
                self.say("name", "the name is used twice", "give every block its own name")
            seen.add(block.name)

    # -- variables ----------------------------------------------------------------------------------------------------

    def var(self, var: Var) -> None:
        if var.domain not in DOMAINS:
            return self.say("domain", f"unknown domain {var.domain!r}", nearest(var.domain, DOMAINS))
        size = int(np.prod(var.shape, dtype=np.int64))
        if var.lower.shape != (size,) or var.upper.shape != (size,) or min(var.shape, default=0) < 0:
            return self.say("shape", f"shape {var.shape} with bounds {var.lower.shape} and {var.upper.shape}")
        self.element_names(var)
        lower, upper = var.lower, var.upper
        self.elements(var, np.isnan(lower) | np.isnan(upper), "bounds", "a bound is NaN")
        self.elements(var, (lower > upper) | (lower == np.inf) | (upper == -np.inf), "bounds", "no value lies within")
        if var.domain == "real":
            return None
        for bound in (lower, upper):
            whole = ~np.isfinite(bound) | (bound == np.floor(bound))
            self.elements(var, ~whole, "bounds", "a bound is no whole number", "round lower bounds up, upper ones down")
        if var.domain == "bin":
            self.elements(var, (lower < 0) | (upper > 1), "bounds", "a binary lies in 0..1", "declare an int instead")
        elif var.domain == "spin":
            outside = (np.abs(lower) != 1) | (np.abs(upper) != 1)
            self.elements(var, outside, "bounds", "a spin is -1 or 1", "declare an int instead")
        return None

    def element_names(self, var: Var) -> None:
        if var.names and len(var.names) != var.size:
            self.say("names", f"{len(var.names)} names for {var.size} elements", "give every element a name, or none")
        elif len(set(var.names)) != len(var.names):
            self.say("names", "two elements have the same name", "give every element its own name")

    def elements(self, var: Var, wrong: BoolArray, code: str, message: str, hint: str = "") -> None:
        """Name the first elements of a block that are wrong, with their bounds."""
        where = np.flatnonzero(wrong)
        if not where.size:
            return
        index = np.stack(np.unravel_index(where[:SHOWN], var.shape or (1,)), axis=1).tolist()
        labels = [f"{var.name}[{','.join(map(str, i))}]" if var.shape else var.name for i in index]
        if len(var.names) == var.size:
            labels = [var.names[k] for k in where[:SHOWN].tolist()]
        shown = ", ".join(
            f"{label} in {var.lower[k]:.12g}..{var.upper[k]:.12g}" for label, k in zip(labels, where, strict=False)
        )
        more = f" and {where.size - SHOWN} more" if where.size > SHOWN else ""
        self.say(code, f"{message}: {shown}{more}", hint)

    # -- rows ---------------------------------------------------------------------------------------------------------

    def lin(self, lin: Lin) -> None:
        for name, operator in lin.parts.items():
            if self.known(name):
                self.operator(operator, lin.size, name)
        self.row(lin)
        if lin.least is not None and self.numbers(lin.least, lin.size, "least", infinite=-np.inf):
            if lin.sense != "<=":
                self.say("sense", "only a <= row can have a least activity")
            if lin.rhs.shape == lin.least.shape and (crossed := np.flatnonzero(lin.least > lin.rhs)).size:
                row = lin.labels()[crossed[0]]
                self.say("bounds", f"no activity of row {row} lies in {lin.least[crossed[0]]}..{lin.rhs[crossed[0]]}")
        if lin.defines is not None and self.known(lin.defines):
            self.defines(lin, lin.defines)

    def defines(self, lin: Lin, name: str) -> None:
        if lin.sense != "==" or lin.guard is not None or name not in lin.parts:
            self.say("definition", f"only unguarded equalities that read {name!r} can define it")
        elif not lin.parts[name].faults() and not diagonal(lin.parts[name]):
            self.say("definition", f"{name!r} must stand in the rows with one factor, not zero, per row")

    def row(self, block: Lin | Poly) -> None:
        """What linear and polynomial rows share: sense, right-hand side, reading, guard."""
        if block.sense not in SENSES:
            self.say("sense", f"unknown sense {block.sense!r}", "known: == and <=")
        if block.reading not in READINGS:
            self.say("reading", f"unknown reading {block.reading!r}", nearest(block.reading, READINGS))
        if block.rhs is None:
            self.say("shape", "a row needs a right-hand side")
        else:
            self.numbers(block.rhs, block.size, "rhs")
        if block.guard is not None and self.known(block.guard.variable):
            self.guard(block.guard, block.size)

    def guard(self, guard: Guard, rows: int) -> None:
        var = self.problem.vars[guard.variable]
        if var.domain != "bin":
            self.say("guard", f"{guard.variable!r} is no block of binaries", "guard rows by a binary")
        if guard.index.shape != (rows,) or guard.value.shape != (rows,):
            self.say("shape", f"{rows} rows with guard arrays {guard.index.shape} and {guard.value.shape}")
        for fault in index_faults(guard.index + 1, var.size + 1, "guard"):
            self.say("index", fault)
        if not np.isin(guard.value, (0.0, 1.0)).all():
            self.say("guard", "a guard's value is 0 or 1")

    def poly(self, poly: Poly) -> None:
        if poly.role not in ROLES:
            self.say("role", f"unknown role {poly.role!r}", nearest(poly.role, ROLES))
        self.numbers(poly.constant, poly.size, "constant")
        for term in poly.terms:
            if not all([self.known(name) for name in term.variables]):
                continue
            faults = term.faults(self.sizes)
            for fault in faults:
                self.say("operator", fault)
            if not faults and term.size != poly.size:
                self.say("shape", f"a term has {term.size} polynomials, the block {poly.size}")
        if poly.role == "constraint":
            self.row(poly)
        elif poly.sense is not None or poly.rhs is not None or poly.guard is not None:
            self.say("role", "only a constraint has a sense, a right-hand side or a guard")
        if poly.role == "objective" and poly.size != 1:
            self.say("shape", f"an objective is one polynomial, not {poly.size}", "sum it up")
        if poly.role == "penalty":
            self.penalty(poly.penalty, poly.size)

    def penalty(self, penalty: Penalty | None, rows: int) -> None:
        if penalty is None:
            return self.say("penalty", "a penalty needs its weights")
        for key in ("weight", "gap", "floor"):
            self.numbers(getattr(penalty, key), rows, key)
        for key in ("needed", "per", "base"):  # a proof where there is one
            if getattr(penalty, key).size:
                self.numbers(getattr(penalty, key), rows, key, infinite=np.inf)
        if (penalty.weight < 0).any():
            self.say("penalty", "a weight is negative")
        if penalty.row.shape != (rows,):
            self.say("shape", f"{rows} penalties with {penalty.row.size} source rows")
        if penalty.rule.size:
            for fault in index_faults(penalty.rule + 1, len(penalty.rules) + 1, "rule"):
                self.say("index", fault)
        return None

    # -- functions ----------------------------------------------------------------------------------------------------

    def fn(self, fn: Fn) -> None:
        size = self.sizes[fn.output] if self.known(fn.output) else None
        if not fn.function.arity(len(fn.args)):
            self.say("arity", f"{type(fn.function).__name__.lower()} does not take {len(fn.args)} arguments")
        for fault in fn.function.faults():
            self.say("function", fault)
        for arg in fn.args:
            if self.known(arg.variable):
                self.argument(arg, size)

    def argument(self, arg: Arg, size: int | None) -> None:
        limit = self.sizes[arg.variable]
        if arg.index is not None:
            for fault in index_faults(arg.index, limit, f"index into {arg.variable!r}"):
                self.say("index", fault)
        count = limit if arg.index is None else arg.index.size
        if size is not None and count != size:
            self.say("shape", f"argument {arg.variable!r} has {count} elements, the output {size}")

    # -- the whole ----------------------------------------------------------------------------------------------------

    def whole(self) -> None:
        objectives = [poly.name for poly in self.problem.polys.values() if poly.role == "objective"]
        if len(objectives) > 1:
            self.say("objective", f"more than one objective: {', '.join(map(repr, objectives))}", "add them up")
        source = self.problem.source
        if not (np.isfinite(source.scale) and np.isfinite(source.offset)) or source.scale == 0:
            self.say("objective", f"the source's objective has scale {source.scale} and offset {source.offset}")

    def definitions(self) -> None:
        """No block is computed twice, and none from itself."""
        reads: dict[str, list[str]] = {}
        for block in self.problem.blocks:
            name, used = defined_by(block)
            self.block = block
            if name in reads:
                self.say("definition", f"{name!r} is computed by another block too", "drop one of the two")
            if name is not None:
                reads.setdefault(name, []).extend(used)
        self.block = None
        try:
            TopologicalSorter(reads).prepare()
        except CycleError as error:
            self.say("definition", f"blocks are computed from themselves: {' -> '.join(error.args[1])}")

    # -- help ---------------------------------------------------------------------------------------------------------

    def known(self, name: str) -> bool:
        if name not in self.sizes:
            self.say("unknown-name", f"no variable block {name!r}", nearest(name, self.sizes))
        return name in self.sizes

    def operator(self, operator: Operator, rows: int, name: str) -> None:
        for fault in shape_faults(operator, rows, self.sizes[name], repr(name)):
            self.say("operator", fault)

    def numbers(self, array: AnyArray, rows: int, what: str, infinite: float = 0.0) -> bool:
        """Whether an array has one finite number (or ``infinite``) for each row."""
        if array.shape != (rows,):
            self.say("shape", f"{rows} rows with {what} of shape {array.shape}")
            return False
        values = np.asarray(array, dtype=np.float64)
        wrong = np.flatnonzero(~np.isfinite(values) & (values != infinite))
        if wrong.size:
            self.say("not-finite", f"{what} of row {wrong[0]} is {values[wrong[0]]}")
        return not wrong.size


def defined_by(block: Block) -> tuple[str | None, list[str]]:
    """The variable block that a block computes, and those that it reads to do so."""
    if isinstance(block, Fn):
        return block.output, [arg.variable for arg in block.args]
    if isinstance(block, Lin) and block.defines is not None:
        return block.defines, [name for name in block.parts if name != block.defines]
    return None, []


def diagonal(operator: Operator) -> bool:
    """Whether an operator only multiplies each element by a number that is not zero."""
    found = diagonal_of(operator)
    return found is not None and bool(found.all())
