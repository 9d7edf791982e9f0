"""Networks for tests of bounds: random ones of every activation and shape of graph, and points of boxes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from isinglass.ir.blocks import Arg, Block, Fn, Lin, Var
from isinglass.ir.function import Function
from isinglass.ir.functions.hardtanh import Hardtanh
from isinglass.ir.functions.leaky_relu import LeakyRelu
from isinglass.ir.functions.max import Max
from isinglass.ir.functions.product import Product
from isinglass.ir.functions.relu import Relu
from isinglass.ir.functions.sigmoid import Sigmoid
from isinglass.ir.functions.sign import Sign
from isinglass.ir.functions.step import Step
from isinglass.ir.functions.tanh import Tanh
from isinglass.ir.operator import Operator
from isinglass.ir.operators.csr import Csr
from isinglass.ir.operators.dense import Dense
from isinglass.ir.operators.identity import Identity
from isinglass.ir.problem import Problem

Rng = np.random.Generator
Array = NDArray[np.float64]
Box = Mapping[str, tuple[Array, Array]]

UNARY: Sequence[Function] = (
    Relu(), LeakyRelu(0.1), Hardtanh(), Hardtanh(0.0, 6.0), Sigmoid(), Tanh(), Sign(), Step(),
)  # fmt: skip
FUNCTIONS: Sequence[Function] = (*UNARY, Max(), Product())


def layer(name: str, parts: Mapping[str, Operator], shift: Array, divisor: Array | None = None) -> list[Block]:
    """``name`` = (sum of parts + shift) / divisor."""
    size = len(shift)
    own: Operator = Identity(size, -1.0) if divisor is None else Csr.of(np.diag(-divisor))
    rows = Lin(f"{name}.def", {**parts, name: own}, "==", -shift, "dyadic", defines=name)
    return [Var.of(name, "real", (size,)), rows]


def apply(name: str, function: Function, *args: Arg, size: int) -> list[Block]:
    return [Var.of(name, "real", (size,)), Fn(f"{name}.def", name, function, args)]


def weights(rng: Rng, m: int, n: int) -> Operator:
    """Float32 numbers, every other time sparse."""
    matrix = (rng.normal(size=(m, n)) / np.sqrt(n)).astype(np.float32).astype(np.float64)
    return Dense(matrix) if rng.random() < 0.5 else Csr.of(np.where(rng.random((m, n)) < 0.7, matrix, 0.0))


def random_network(rng: Rng, functions: Sequence[Function] = FUNCTIONS, depth: int = 3, width: int = 7) -> Problem:
    """Layers that read one or two earlier blocks, each followed by a function of one or two picks of its elements."""
    n = int(rng.integers(2, 5))
    centre = rng.normal(size=n)
    radius = rng.choice([0.05, 0.5, 2.0])
    blocks: list[Block] = [Var.of("x", "real", (n,), centre - radius, centre + radius)]
    sizes = {"x": n}
    for k in range(depth):
        read = [str(name) for name in rng.permutation(list(sizes))[: rng.integers(1, 3)]]
        if k and f"h{k - 1}" not in read:
            read[0] = f"h{k - 1}"
        m = int(rng.integers(2, width + 1))
        parts = {name: weights(rng, m, sizes[name]) for name in read}
        divisor = rng.uniform(0.5, 2.0, m) if rng.random() < 0.2 else None
        blocks += layer(f"z{k}", parts, rng.normal(size=m), divisor)
        sizes[f"z{k}"] = m
        function = functions[int(rng.integers(len(functions)))]
        size, args = m, [Arg(f"z{k}")]
        if function.arity(2):
            size = int(rng.integers(1, m + 1))
            args = [Arg(f"z{k}", rng.integers(0, m, size)) for _ in range(2 if isinstance(function, Product) else 3)]
        elif rng.random() < 0.3:
            size = int(rng.integers(1, m + 1))
            args = [Arg(f"z{k}", rng.integers(0, m, size))]
        blocks += apply(f"h{k}", function, *args, size=size)
        sizes[f"h{k}"] = size
    blocks += layer("y", {f"h{depth - 1}": weights(rng, 3, sizes[f"h{depth - 1}"])}, rng.normal(size=3))
    return Problem("random", tuple(blocks))


def sub_boxes(rng: Rng, box: Box, batch: int) -> dict[str, tuple[Array, Array]]:
    """Random boxes inside a box, the first one the box itself."""
    found = {}
    for name, (low, high) in box.items():
        ends = np.sort(low + (high - low) * rng.random((2, batch, low.shape[1])), axis=0)
        ends[:, 0] = low[0], high[0]
        found[name] = np.clip(ends[0], low, high), np.clip(ends[1], low, high)
    return found


def points(rng: Rng, box: Box, count: int) -> dict[str, Array]:
    """``count`` points of each box, [B * count, n], a third of them corners."""
    found = {}
    for name, (low, high) in box.items():
        share = rng.random((len(low), count, low.shape[1]))
        share[:, ::3] = np.rint(share[:, ::3])
        inside = np.clip(low[:, None] + share * (high - low)[:, None], low[:, None], high[:, None])
        found[name] = inside.reshape(-1, low.shape[1])
    return found
