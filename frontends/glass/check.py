"""Names of a spec, before anything is computed: what is declared, used, unknown, and the order to evaluate it in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import singledispatchmethod

from ...ir.errors import Diagnostic, nearest
from . import ast as ast
from .ast import Node
from .messages import RESERVED, STATEMENTS
from .signatures import BOUNDS, CONSTANTS, FUNCTIONS, NETWORKS, Signature

Declaration = ast.Param | ast.Let | ast.Var | ast.Network


@dataclass(frozen=True)
class Use:
    """A declared name that something reads. ``mode``: ``exact`` or ``rounded`` in places that are so whatever surrounds
    them (a subscript, float(...)), else empty."""

    name: str
    mode: str


@dataclass
class Names:
    """``declared``: name -> statement. ``order``: so that everything comes after what it reads. ``needed``:
    (name, rounded) for each kind of value that something needs. ``wrong``: ids of calls that can't be evaluated."""

    declared: dict[str, Declaration] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)
    needed: set[tuple[str, bool]] = field(default_factory=set)
    wrong: set[int] = field(default_factory=set)
    errors: list[Diagnostic] = field(default_factory=list)


def check_names(spec: ast.Spec) -> Names:
    """Everything that is wrong with the names of a spec, and what evaluating it needs to know."""
    names = Names()
    for statement in spec.statements:
        if isinstance(statement, Declaration):
            declare(names, statement)
    walker = Walker(names, spec.broken)
    reads: dict[str, list[Use]] = {}
    for statement in spec.statements:
        walker.uses = []
        walker.statement(statement)
        if isinstance(statement, Declaration):
            for name in declared_by(statement):
                if names.declared.get(name.name) is statement:
                    reads[name.name] = walker.uses
    names.order = ordered(names, reads)
    names.needed = spread(walker.roots, names.declared, reads)
    unused = names.declared.keys() - {name for name, _ in names.needed}
    names.needed |= {(name, True) for name in unused}  # evaluated too, for their mistakes
    return names


def declared_by(statement: Node) -> tuple[ast.Name, ...]:
    return statement.names if isinstance(statement, ast.Var) else (statement.name,)  # type: ignore[attr-defined]


def declare(names: Names, statement: Declaration) -> None:
    for name in declared_by(statement):
        taken = names.declared.get(name.name)
        if name.name in {*STATEMENTS, *RESERVED, *FUNCTIONS, *CONSTANTS, "objective"}:
            message = f"{name.name!r} is a word of the language"
            names.errors.append(name.at.error("name", message, "choose another name"))
        elif taken is not None:
            line = next(other.at.span.line for other in declared_by(taken) if other.name == name.name)
            message = f"{name.name!r} is declared twice, first in line {line}"
            names.errors.append(name.at.error("name", message, "give every declaration a name of its own"))
        else:
            names.declared[name.name] = statement


def ordered(names: Names, reads: Mapping[str, list[Use]]) -> list[str]:
    """Variables in the order of the text, everything after what it reads; a circle is reported and cut."""
    first = [n for n, d in names.declared.items() if isinstance(d, ast.Var)]
    order: list[str] = []
    state: dict[str, str] = {}
    for root in [*first, *names.declared]:
        path: list[tuple[str, Iterator[Use]]] = []
        push(root, path, state, reads)
        while path:
            name, uses = path[-1]
            use = next(uses, None)
            if use is None:
                state[name] = "done"
                order.append(name)
                path.pop()
            elif state.get(use.name) == "open":
                circle = [n for n, _ in path]
                circle = [*circle[circle.index(use.name) :], use.name]
                at = declared_by(names.declared[use.name])[0].at
                names.errors.append(at.error("name", f"{use.name!r} is defined by itself: {' -> '.join(circle)}"))
            else:
                push(use.name, path, state, reads)
    return order


def push(
    name: str, path: list[tuple[str, Iterator[Use]]], state: dict[str, str], reads: Mapping[str, list[Use]]
) -> None:
    if name not in state:
        state[name] = "open"
        path.append((name, iter(reads.get(name, ()))))


def spread(
    roots: Iterable[tuple[str, bool]], declared: Mapping[str, object], reads: Mapping[str, list[Use]]
) -> set[tuple[str, bool]]:
    """The roots and all that they read, each (name, rounded)."""
    found: set[tuple[str, bool]] = set()
    left = list(roots)
    while left:
        name, rounded = left.pop()
        if name in declared and (name, rounded) not in found:
            found.add((name, rounded))
            left += [(use.name, use.mode == "rounded" if use.mode else rounded) for use in reads.get(name, ())]
    return found


class Walker:
    """Resolves every name of a statement; ``uses`` collects what the current one reads."""

    def __init__(self, names: Names, broken: frozenset[str]) -> None:
        self.names, self.broken = names, broken
        self.uses: list[Use] = []
        self.roots: set[tuple[str, bool]] = set()
        self.bound: dict[str, ast.Name] = {}
        self.mode = ""

    def needs(self, rounded: bool) -> None:
        """What the current uses need in a statement whose arithmetic is rounded or exact."""
        self.roots |= {(use.name, use.mode == "rounded" if use.mode else rounded) for use in self.uses}

    def statement(self, statement: Node) -> None:
        """Walk one statement; goals and rows say which names must be exact."""
        match statement:
            case ast.Goal():
                self.goal(statement)
            case ast.Network() | ast.Compile():
                return
            case ast.Objective():
                self.walk(statement.value)
                self.needs(True)
            case ast.Require():
                self.require(statement)
            case ast.Prove():
                self.scoped(statement.over, (statement.claim,))
                self.needs(False)
            case ast.Var():
                self.variable(statement)
                self.needs(False)
            case ast.Param() | ast.Let():
                if statement.value is not None:
                    self.walk(statement.value)

    def goal(self, goal: ast.Goal) -> None:
        """What a ``bound`` goal reads: constants, and the variable it is over; words like ``all`` mean themselves."""
        call, known = goal.value, BOUNDS.get(goal.value.function)
        if goal.kind != "bound" or known is None:
            return
        if not isinstance(call, ast.Call):
            self.names.errors.append(call.at.error("call", f"{call.function} goes over no index set", known.usage))
            return
        self.names.errors += arguments(call, call.args, tuple(key for key, _ in call.keywords), known)
        for place, (key, node) in enumerate(call.keywords):
            if key.name in (other.name for other, _ in call.keywords[:place]):
                self.names.errors.append(key.at.error("call", f"{key.name} is given twice", "keep one of them"))
            if key.name != "norm" and not (isinstance(node, ast.Name) and node.name == "all" and key.name != "over"):
                self.walk(node)
        self.needs(False)

    def require(self, row: ast.Require) -> None:
        for extra in (*row.overs[1:], *row.costs[1:]):
            what, once = ("for", "all index sets") if isinstance(extra, ast.Over) else ("else cost", "the cost")
            self.names.errors.append(
                extra.at.error(
                    "row",
                    f"a second {what!r} on one row",
                    f"state {once} once, separated by commas" if what == "for" else "state the cost once",
                )
            )
        over = row.overs[0] if row.overs else None
        inside = [node for node in (row.guard, row.row) if node is not None]
        self.scoped(over, inside)
        self.needs(False)
        if row.costs:
            self.uses = []
            self.scoped(over, row.costs[:1], quiet=True)
            self.needs(True)

    def variable(self, statement: ast.Var) -> None:
        for node in statement.shape:
            self.walk(node)
        for each in statement.sets:
            if isinstance(each, ast.Call):
                for arg in each.args[:2]:
                    self.walk(arg)
            else:
                self.walk(each.low)
                self.walk(each.high)

    def scoped(self, over: ast.Over | None, inside: Iterable[Node], quiet: bool = False) -> None:
        """Walk nodes under an index set; ``quiet``: its mistakes have been reported."""
        before, known = self.bound, len(self.names.errors)
        if over is not None:
            self.walk(over)
        if quiet:
            del self.names.errors[known:]
        for node in inside:
            self.walk(node)
        self.bound = before

    # -- nodes ------------------------------------------------------------------------------------------------------

    @singledispatchmethod
    def walk(self, node: Node) -> None:
        for item in fields(node):
            value = getattr(node, item.name)
            for child in value if isinstance(value, tuple) else (value,):
                child = child[1] if isinstance(child, tuple) else child
                if isinstance(child, Node):
                    self.walk(child)

    @walk.register
    def _(self, node: ast.Name) -> None:
        if node.name in self.bound or node.name in self.broken:
            return
        if isinstance(self.names.declared.get(node.name), ast.Network):
            message = f"{node.name!r} is a network"
            self.names.errors.append(node.at.error("name", message, f"apply it to a variable: {node.name}(x)"))
        elif node.name in self.names.declared:
            self.uses.append(Use(node.name, self.mode))
        elif node.name in FUNCTIONS:
            message = f"{node.name!r} is a function"
            self.names.errors.append(node.at.error("name", message, f"write {FUNCTIONS[node.name].usage}"))
        elif node.name not in CONSTANTS:
            hint = nearest(node.name, {*self.bound, *self.names.declared, *self.broken, *CONSTANTS})
            self.names.errors.append(node.at.error("unknown-name", f"unknown name {node.name!r}", hint))

    @walk.register
    def _(self, node: ast.Index) -> None:
        self.walk(node.base)
        self.forced("exact", node.subscripts)

    @walk.register
    def _(self, node: ast.Power) -> None:
        self.walk(node.base)
        self.forced("exact", [node.exponent])

    @walk.register
    def _(self, node: ast.Total) -> None:
        self.called(node, (node.body,), ())
        if node.function in FUNCTIONS and not FUNCTIONS[node.function].over:
            message = f"{node.function} does not go over an index set"
            self.names.errors.append(node.at.error("call", message, f"write {FUNCTIONS[node.function].usage}"))
        self.scoped(node.over, (node.body,))

    @walk.register
    def _(self, node: ast.Over) -> None:
        self.bound = dict(self.bound)
        for binder in node.binders:
            self.forced("exact", [part for part in (binder.low, binder.high) if part is not None])
            for name in binder.names:
                self.bind(binder, name)
        if node.condition is not None:
            self.forced("exact", [node.condition])

    @walk.register
    def _(self, node: ast.Call) -> None:
        self.called(node, node.args, tuple(key for key, _ in node.keywords))
        signature = FUNCTIONS.get(node.function)
        mode = signature.mode if signature is not None else ""
        self.forced(mode or self.mode, node.args)
        self.forced("exact", [value for _, value in node.keywords])

    def forced(self, mode: str, nodes: Iterable[Node]) -> None:
        """Walk nodes that are evaluated in one mode whatever surrounds them."""
        before, self.mode = self.mode, mode
        for node in nodes:
            self.walk(node)
        self.mode = before

    def bind(self, binder: ast.Binder, name: ast.Name) -> None:
        taken = name.name in self.names.declared or name.name in FUNCTIONS or name.name in CONSTANTS
        if taken or name.name in self.bound:
            reason = "hides another meaning of this name" if taken else "is bound twice"
            self.names.errors.append(name.at.error("name", f"the index {name.name!r} {reason}", "choose another name"))
            self.names.wrong.add(id(binder))
        self.bound[name.name] = name

    def called(self, node: ast.Call | ast.Total, args: tuple[Node, ...], keywords: tuple[ast.Name, ...]) -> None:
        """A call must be of a known function, with as many arguments and such keywords as it takes."""
        signature = FUNCTIONS.get(node.function)
        if signature is None:
            declared = self.names.declared.get(node.function)
            if isinstance(declared, ast.Network):
                self.uses.append(Use(node.function, "exact"))
                signature = NETWORKS
            elif node.function not in self.broken:
                hint = nearest(
                    node.function,
                    {*FUNCTIONS, *(n for n, d in self.names.declared.items() if isinstance(d, ast.Network))},
                )
                what = "is no function" if declared is not None or node.function in self.bound else "is unknown"
                self.names.errors.append(node.at.error("unknown-name", f"function {node.function!r} {what}", hint))
        found = [] if signature is None else arguments(node, args, keywords, signature)
        self.names.errors += found
        if found or signature is None:
            self.names.wrong.add(id(node))


def arguments(
    node: ast.Call | ast.Total, args: tuple[Node, ...], keywords: tuple[ast.Name, ...], known: Signature
) -> list[Diagnostic]:
    found = []
    if not known.least <= len(args) <= known.most:
        message = f"{node.function} takes {known.count}, not {len(args)}"
        found.append(node.at.error("call", message, f"write {known.usage}"))
    for key in keywords:
        if key.name not in known.keywords:
            hint = nearest(key.name, known.keywords)
            found.append(key.at.error("call", f"{node.function} has no option {key.name!r}", hint))
    return found
