"""From lark's parse tree of one statement to the syntax tree, without recursion."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

from lark import Lark, Token, Tree

from . import ast as ast
from .ast import Node, Place, Source


@cache
def parser() -> Lark:
    """The parser of one statement, or of one expression (start ``sum``)."""
    grammar = files(__package__).joinpath("glass.lark").read_text(encoding="utf-8")
    return Lark(grammar, start=["statement", "sum"], parser="lalr", propagate_positions=True, maybe_placeholders=False)


def build(tree: Tree[Token], source: Source, base: int) -> Any:
    """The node of a tree that was parsed from a text starting at character ``base`` of the source."""
    order: list[Tree[Token] | Token] = []
    open_: list[Tree[Token] | Token] = [tree]
    while open_:
        item = open_.pop()
        order.append(item)
        if isinstance(item, Tree):
            open_ += item.children
    maker = Maker(source, base)
    stack: list[Any] = []
    for item in reversed(order):
        if isinstance(item, Tree):
            count = len(item.children)
            children = stack[len(stack) - count :]
            del stack[len(stack) - count :]
            stack.append(maker.make(item, children))
        else:
            stack.append(item)
    return stack[0]


class Maker:
    """One method for each rule of the grammar; places count from the start of the source."""

    def __init__(self, source: Source, base: int) -> None:
        self.source, self.base = source, base

    def make(self, tree: Tree[Token], children: list[Any]) -> Any:
        start, end = getattr(tree.meta, "start_pos", 0), getattr(tree.meta, "end_pos", 0)
        at = Place(self.source, self.base + start, self.base + end)
        return getattr(self, f"on_{tree.data}")(at, children)

    def name_of(self, token: Token) -> ast.Name:
        start, end = token.start_pos or 0, token.end_pos or 0
        return ast.Name(Place(self.source, self.base + start, self.base + end), str(token))

    # -- expressions ------------------------------------------------------------------------------------------------

    def on_number(self, at: Place, children: list[Any]) -> Node:
        return ast.Number(at, str(children[0]))

    def on_numbers(self, at: Place, children: list[Any]) -> Node:
        return ast.Numbers(at, tuple(part.strip() for part in children[0][1:-1].split(",")))

    def on_string(self, at: Place, children: list[Any]) -> Node:
        return ast.String(at, str(children[0][1:-1]))

    def on_name(self, at: Place, children: list[Any]) -> Node:
        return ast.Name(at, str(children[0]))

    def on_array(self, at: Place, children: list[Any]) -> Node:
        return ast.Array(at, tuple(children))

    def on_group(self, at: Place, children: list[Any]) -> Node:
        return children[0]  # type: ignore[no-any-return]

    def on_slice(self, at: Place, children: list[Any]) -> Node:
        dots = next(place for place, child in enumerate(children) if isinstance(child, Token))
        low, high = children[:dots], children[dots + 1 :]
        return ast.Slice(at, low[0] if low else None, high[0] if high else None)

    def on_index(self, at: Place, children: list[Any]) -> Node:
        return ast.Index(at, children[0], tuple(children[1:]))

    def on_keyword(self, at: Place, children: list[Any]) -> tuple[ast.Name, Node]:
        return self.name_of(children[0]), children[1]

    def on_call(self, at: Place, children: list[Any]) -> Node:
        args = tuple(child for child in children[1:] if isinstance(child, Node))
        keywords = tuple(child for child in children[1:] if not isinstance(child, Node))
        return ast.Call(at, str(children[0]), args, keywords)

    def on_total(self, at: Place, children: list[Any]) -> Node:
        return ast.Total(at, str(children[0]), children[1], children[2])

    def on_target(self, at: Place, children: list[Any]) -> tuple[ast.Name, ...]:
        return tuple(map(self.name_of, children))

    def on_binder(self, at: Place, children: list[Any]) -> Node:
        names, _, low, *rest = children
        return ast.Binder(at, names, low, rest[1] if rest else None)

    def on_over(self, at: Place, children: list[Any]) -> Node:
        binders = tuple(child for child in children if isinstance(child, ast.Binder))
        last = children[-1]
        return ast.Over(at, binders, None if isinstance(last, ast.Binder) else last)

    def on_sum(self, at: Place, children: list[Any]) -> Node:
        return ast.Sum(at, tuple(zip(["+", *map(str, children[1::2])], children[::2], strict=True)))

    def on_product(self, at: Place, children: list[Any]) -> Node:
        return ast.Product(at, tuple(zip(["*", *map(str, children[1::2])], children[::2], strict=True)))

    def on_sign(self, at: Place, children: list[Any]) -> Node:
        return ast.Negation(at, children[1]) if children[0] == "-" else children[1]

    def on_power(self, at: Place, children: list[Any]) -> Node:
        return ast.Power(at, children[0], children[1])

    def on_comparison(self, at: Place, children: list[Any]) -> Node:
        return ast.Comparison(at, tuple(children[::2]), tuple(map(str, children[1::2])))

    def on_not_(self, at: Place, children: list[Any]) -> Node:
        return ast.Not(at, children[1])

    def on_conjunction(self, at: Place, children: list[Any]) -> Node:
        return ast.And(at, tuple(children[::2]))

    def on_disjunction(self, at: Place, children: list[Any]) -> Node:
        return ast.Or(at, tuple(children[::2]))

    # -- statements -------------------------------------------------------------------------------------------------

    def on_param(self, at: Place, children: list[Any]) -> Node:
        return ast.Param(at, self.name_of(children[1]), children[2] if len(children) > 2 else None)

    def on_let(self, at: Place, children: list[Any]) -> Node:
        return ast.Let(at, self.name_of(children[1]), children[2])

    def on_shape(self, at: Place, children: list[Any]) -> list[Node]:
        return children

    def on_range(self, at: Place, children: list[Any]) -> Node:
        return children[0] if len(children) == 1 else ast.Range(at, children[0], children[2])

    def on_var(self, at: Place, children: list[Any]) -> Node:
        words = [self.name_of(child) for child in children[1:] if isinstance(child, Token) and child.type == "NAME"]
        shape = next((child for child in children if isinstance(child, list)), [])
        sets = tuple(child for child in children if isinstance(child, Node))
        return ast.Var(at, tuple(words[:-1]), words[-1], tuple(shape), sets)  # type: ignore[arg-type]

    def on_network(self, at: Place, children: list[Any]) -> Node:
        return ast.Network(at, self.name_of(children[1]), children[2])

    def on_minimize(self, at: Place, children: list[Any]) -> Node:
        return ast.Objective(at, False, children[1])

    def on_maximize(self, at: Place, children: list[Any]) -> Node:
        return ast.Objective(at, True, children[1])

    def on_row(self, at: Place, children: list[Any]) -> tuple[Node | None, Node]:
        return (None, children[0]) if len(children) == 1 else (children[1], children[3])

    def on_cost(self, at: Place, children: list[Any]) -> list[Node]:
        return [children[2]]

    def on_require(self, at: Place, children: list[Any]) -> Node:
        name = self.name_of(children[1]) if isinstance(children[1], Token) else None
        guard, row = next(child for child in children if isinstance(child, tuple))
        costs = tuple(child[0] for child in children if isinstance(child, list))
        overs = tuple(child for child in children if isinstance(child, ast.Over))
        return ast.Require(at, name, guard, row, costs, overs)

    def on_prove(self, at: Place, children: list[Any]) -> Node:
        return ast.Prove(at, children[1], children[2] if len(children) > 2 else None)

    def on_goal(self, at: Place, children: list[Any]) -> Node:
        return ast.Goal(at, str(children[0]), children[1])

    def on_signed(self, at: Place, children: list[Any]) -> int | float:
        text = "".join(children)
        whole = text.lstrip("+-").isdigit() and len(text) < 19
        return int(text) if whole else float(text)

    def on_option(self, at: Place, children: list[Any]) -> Node:
        value = children[1]
        if isinstance(value, Token):
            value = str(value[1:-1] if value.type == "STRING" else value)
        return ast.Option(at, self.name_of(children[0]), value)

    def on_compile(self, at: Place, children: list[Any]) -> Node:
        return ast.Compile(at, tuple(child for child in children if isinstance(child, ast.Option)))
