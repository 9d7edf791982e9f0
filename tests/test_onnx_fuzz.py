"""Random graphs of ONNX operators give what onnxruntime gives, exactly where whole numbers stay whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
from hypothesis import given
from hypothesis import strategies as st
from onnx_models import Case, case_agrees, node

Array = Any
MOST = 48
"""Elements of a tensor."""


@dataclass
class Draft:
    """A graph in the making: all ``tensors`` are computed from the input and have ``shape`` by name."""

    draw: Callable[..., Any]
    shapes: dict[str, tuple[int, ...]]
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: dict[str, Array] = field(default_factory=dict)
    products: int = 0

    def pick(self) -> tuple[str, tuple[int, ...]]:
        name = self.draw(st.sampled_from(list(self.shapes)))
        return name, self.shapes[name]

    def number(self, least: int, most: int) -> int:
        return int(self.draw(st.integers(least, most)))

    def whole(self, shape: tuple[int, ...], values: tuple[float, ...] = (-3, -2, -1, 0, 1, 2, 4)) -> str:
        """A constant."""
        rng = np.random.default_rng(self.number(0, 10**6))
        return self.constant(rng.choice(np.array(values, np.float64), shape))

    def constant(self, array: Array) -> str:
        name = f"c{len(self.constants)}"
        self.constants[name] = np.asarray(array)
        return name

    def add(self, kind: str, inputs: str, shape: tuple[int, ...], **attributes: Any) -> None:
        if 0 < np.prod(shape) <= MOST:
            name = f"t{len(self.nodes)}"
            self.nodes.append(node(kind, inputs, name, **attributes))
            self.shapes[name] = shape

    def narrowed(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """A shape that broadcasts to another, or that makes it wider."""
        kept = [n if self.number(0, 2) else 1 for n in shape][self.number(0, len(shape)) :]
        return (2, *kept) if not self.number(0, 5) and len(kept) == len(shape) else tuple(kept)


def arithmetic(draft: Draft) -> None:
    name, shape = draft.pick()
    kind = draft.draw(st.sampled_from(["Add", "Sub", "Mul", "Div", "Sum"]))
    other = draft.narrowed(shape)
    constant = draft.whole(other, (1, -1, 2, -4, 0.5)) if kind == "Div" else draft.whole(other)
    left = f"{constant} {name}" if kind != "Div" and draft.number(0, 1) else f"{name} {constant}"
    draft.add(kind, left, np.broadcast_shapes(shape, other))


def pairs(draft: Draft) -> None:
    (left, shape), (right, other) = draft.pick(), draft.pick()
    kinds = ["Add", "Sub", "Sum"] + ["Mul"] * (draft.products < 2)
    kind = draft.draw(st.sampled_from(kinds))
    draft.products += kind == "Mul"
    try:
        draft.add(kind, f"{left} {right}", np.broadcast_shapes(shape, other))
    except ValueError:
        draft.add("Neg", left, shape)


def concat(draft: Draft) -> None:
    name, shape = draft.pick()
    axis = draft.number(-len(shape), len(shape) - 1) if shape else 0
    fits = [other for other in draft.shapes if draft.shapes[other] == shape]
    other = draft.draw(st.sampled_from([*fits, draft.whole(shape)]))
    if shape:
        grown = list(shape)
        grown[axis] *= 3
        draft.add("Concat", f"{name} {other} {name}", tuple(grown), axis=axis)


def moved(draft: Draft) -> None:
    name, shape = draft.pick()
    order = draft.draw(st.permutations(range(len(shape))))
    draft.add("Transpose", name, tuple(shape[k] for k in order), perm=list(order))


def taken(draft: Draft) -> None:
    name, shape = draft.pick()
    if shape:
        axis = draft.number(0, len(shape) - 1)
        index = np.array(draft.draw(st.lists(st.integers(-shape[axis], shape[axis] - 1), min_size=1, max_size=3)))
        picked = (*shape[:axis], len(index), *shape[axis + 1 :])
        draft.add("Gather", f"{name} {draft.constant(index)}", picked, axis=axis)


def sliced(draft: Draft) -> None:
    name, shape = draft.pick()
    if shape:
        axis, step = draft.number(0, len(shape) - 1), draft.draw(st.sampled_from([1, 2, -1, -2]))
        start, end = draft.number(-6, 6), draft.number(-6, 6)
        if -shape[axis] <= start < shape[axis]:
            kept = len(np.arange(shape[axis])[slice(start, end, step)])
            given = " ".join(draft.constant(np.array([k])) for k in (start, end, axis, step))
            draft.add("Slice", f"{name} {given}", (*shape[:axis], kept, *shape[axis + 1 :]))


def reshaped(draft: Draft) -> None:
    name, shape = draft.pick()
    size = int(np.prod(shape))
    first = draft.draw(st.sampled_from([n for n in range(1, size + 1) if size % n == 0]))
    wanted = draft.draw(st.sampled_from([(first, size // first), (size,), (1, first, size // first)]))
    draft.add("Reshape", f"{name} {draft.constant(np.array([*wanted[:-1], -1]))}", wanted)


def padded(draft: Draft) -> None:
    name, shape = draft.pick()
    before, after = ([draft.number(0, 1) for _ in shape] for _ in "ab")
    if shape:
        grown = tuple(n + a + b for n, a, b in zip(shape, before, after, strict=True))
        draft.add("Pad", f"{name} {draft.constant(np.array(before + after))} {draft.whole(())}", grown)


def summed(draft: Draft) -> None:
    name, shape = draft.pick()
    if shape:
        axis, keep = draft.number(0, len(shape) - 1), draft.number(0, 1)
        kept = (*shape[:axis], *([1] if keep else []), *shape[axis + 1 :])
        if shape[axis] in (1, 2, 4) and draft.number(0, 1):
            draft.add("ReduceMean", name, kept, axes=[axis], keepdims=keep)
        else:
            draft.add("ReduceSum", f"{name} {draft.constant(np.array([axis]))}", kept, keepdims=keep)


def multiplied(draft: Draft) -> None:
    name, shape = draft.pick()
    if shape:
        batch = (2,) * (len(shape) == 2 and not draft.number(0, 3))
        width = draft.number(1, 3)
        if draft.number(0, 1) and len(shape) > 1:
            weights = draft.whole((*batch, width, shape[-2]))
            draft.add("MatMul", f"{weights} {name}", (*batch, *shape[:-2], width, shape[-1]))
        else:
            weights = draft.whole((*batch, shape[-1], width))
            draft.add("MatMul", f"{name} {weights}", (*batch, *shape[:-1], width))


def normalised(draft: Draft) -> None:
    name, shape = draft.pick()
    if len(shape) > 1:
        numbers = [draft.whole((shape[1],)) for _ in range(3)] + [draft.whole((shape[1],), (0.75, 3.75, 15.75))]
        draft.add("BatchNormalization", " ".join([name, *numbers]), shape, epsilon=0.25)


def activated(draft: Draft) -> None:
    name, shape = draft.pick()
    draft.add(draft.draw(st.sampled_from(["Relu", "Relu", "Abs"])), name, shape)


def chosen(draft: Draft) -> None:
    (name, shape), (other, wide) = draft.pick(), draft.pick()
    if wide != shape:
        other, wide = draft.whole(shape), shape
    last = shape[-1] if shape else 1
    holds = np.array([True, *draft.draw(st.lists(st.booleans(), min_size=last - 1, max_size=last - 1))])
    draft.add("Where", f"{draft.constant(holds if shape else np.array(True))} {name} {other}", wide)


def tiled(draft: Draft) -> None:
    name, shape = draft.pick()
    repeats = [draft.number(1, 2) for _ in shape]
    if shape:
        grown = tuple(n * times for n, times in zip(shape, repeats, strict=True))
        draft.add("Tile", f"{name} {draft.constant(np.array(repeats))}", grown)


MOVES = (
    arithmetic, pairs, concat, moved, taken, sliced, reshaped, padded, summed, multiplied, normalised, activated,
    chosen, tiled,
)  # fmt: skip


@st.composite
def cases(draw: Callable[..., Any]) -> Case:
    shape = draw(st.sampled_from([(1, 4), (2, 3), (1, 2, 2), (1, 3, 1, 2)]))
    draft = Draft(draw, {"input": shape})
    for _ in range(draw(st.integers(1, 8))):
        draw(st.sampled_from(MOVES))(draft)
    draft.add("Identity", list(draft.shapes)[-1], list(draft.shapes.values())[-1])
    return Case(draft.nodes, draft.constants, shape)


@given(cases())
def test_same_function_as_onnxruntime(case: Case) -> None:
    with TemporaryDirectory() as folder:
        case_agrees(Path(folder) / "net.onnx", case)
