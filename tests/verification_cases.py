"""Small random networks, claims about them that are nearly true or nearly false, and points that come near the truth.

Piecewise linear networks are enumerated phase by phase with an LP each (HiGHS in scipy); of the others many points are
tried and the best improved. Either gives points only: whether one is unsafe is decided exactly, by the caller.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from onnx import NodeProto
from onnx_models import node, save
from scipy.optimize import linprog, minimize
from scipy.special import expit

from isinglass.frontends.networks.network import network_blocks
from isinglass.frontends.networks.reader import read_network
from isinglass.ir.affine import Affine
from isinglass.ir.blocks import Var
from isinglass.ir.counterexample import unsafe_in_reals
from isinglass.ir.operators.dense import Dense
from isinglass.ir.problem import Problem
from isinglass.ir.tasks import Prove
from isinglass.ir.unsafe import UnsafeSet

Array = Any
Rng = np.random.Generator
LINEAR = ("relu", "leaky", "hardtanh", "clip", "max")
JUMPS = ("sign",)
SMOOTH = ("sigmoid", "tanh")
LPS = 1500
"""Most LPs for one network before it is sampled only."""
PIECES = {  # (from, to, slope, value at 0) of each piece
    "relu": [(-np.inf, 0.0, 0.0, 0.0), (0.0, np.inf, 1.0, 0.0)],
    "leaky": [(-np.inf, 0.0, 0.25, 0.0), (0.0, np.inf, 1.0, 0.0)],
    "hardtanh": [(-np.inf, -1.0, 0.0, -1.0), (-1.0, 1.0, 1.0, 0.0), (1.0, np.inf, 0.0, 1.0)],
    "clip": [(-np.inf, 0.0, 0.0, 0.0), (0.0, 6.0, 1.0, 0.0), (6.0, np.inf, 0.0, 6.0)],
    "sign": [(-np.inf, 0.0, 0.0, -1.0), (0.0, np.inf, 0.0, 1.0)],
    "max": [(-np.inf, 0.0, 0.0, 0.0), (0.0, np.inf, 1.0, 0.0)],  # max(a, b) = b + relu(a - b)
}


@dataclass(frozen=True, eq=False)
class Layer:
    """``kind``(W s + b), s the tensors ``sources`` one after the other (0: inputs, k: layer k); max halves its rows."""

    sources: tuple[int, ...]
    weights: Array
    shift: Array
    kind: str

    @property
    def size(self) -> int:
        return len(self.shift) // (2 if self.kind == "max" else 1)


@dataclass(frozen=True, eq=False)
class Net:
    """Layers in order; the last one is the output."""

    inputs: int
    layers: tuple[Layer, ...]

    @property
    def kinds(self) -> set[str]:
        return {layer.kind for layer in self.layers} - {"linear"}

    def forward(self, x: Array) -> Array:
        """[B, n] to [B, m] in float64."""
        found = [x]
        for layer in self.layers:
            z = np.concatenate([found[k] for k in layer.sources], axis=1) @ layer.weights.T + layer.shift
            found.append(activate(layer.kind, z))
        return found[-1]


def activate(kind: str, z: Array) -> Array:
    half = z.shape[1] // 2
    done = {
        "linear": lambda: z, "relu": lambda: np.maximum(z, 0), "leaky": lambda: np.where(z >= 0, z, 0.25 * z),
        "hardtanh": lambda: np.clip(z, -1, 1), "clip": lambda: np.clip(z, 0, 6), "sign": lambda: np.sign(z),
        "sigmoid": lambda: expit(z), "tanh": lambda: np.tanh(z), "max": lambda: np.maximum(z[:, :half], z[:, half:]),
    }  # fmt: skip
    return done[kind]()


def random_net(rng: Rng, kinds: Sequence[str], units: int = 12) -> Net:
    """1 to 3 layers of functions, ``units`` in all at the most, then perhaps a linear one; some skip layers."""
    n = int(rng.integers(1, 4))
    sizes, layers = [n], []
    left = units
    for _ in range(int(rng.integers(1, 4))):
        if left < 1:
            break
        width = int(rng.integers(1, min(left, 6) + 1))
        left -= width
        layers.append(random_layer(rng, sizes, width, str(rng.choice(kinds))))
        sizes.append(width)
    if rng.random() < 0.9:
        layers.append(random_layer(rng, sizes, int(rng.integers(1, 4)), "linear"))
    return Net(n, tuple(layers))


def random_layer(rng: Rng, sizes: list[int], width: int, kind: str) -> Layer:
    sources = [len(sizes) - 1]
    if len(sizes) > 1 and rng.random() < 0.25:
        sources.append(int(rng.integers(0, len(sizes) - 1)))
    rows, columns = width * (2 if kind == "max" else 1), sum(sizes[k] for k in sources)
    weights, shift = rng.normal(size=(rows, columns)), rng.normal(size=rows)
    if rng.random() < 0.3:  # whole numbers: ties and exact zeros
        weights, shift = np.rint(2 * weights), np.rint(shift)
    return Layer(tuple(sources), *(a.astype(np.float32).astype(np.float64) for a in (weights, shift)), kind)


def write(net: Net, path: Path) -> Path:
    """The net as an ONNX file."""
    nodes: list[NodeProto] = []
    constants: dict[str, Any] = {"zero": 0.0, "one": 1.0, "minus": -1.0, "six": 6.0}
    names = ["input"]
    for k, layer in enumerate(net.layers):
        source = names[layer.sources[0]]
        if len(layer.sources) > 1:
            nodes.append(node("Concat", " ".join(names[s] for s in layer.sources), source := f"c{k}", axis=1))
        halves = [(layer.weights, layer.shift)]
        if layer.kind == "max":
            halves = list(zip(np.split(layer.weights, 2), np.split(layer.shift, 2), strict=True))
        for part, (weights, shift) in enumerate(halves):
            constants |= {f"w{k}{part}": weights.T, f"b{k}{part}": shift}
            nodes.append(node("Gemm", f"{source} w{k}{part} b{k}{part}", f"z{k}{part}"))
        names.append(f"h{k}")
        match layer.kind:
            case "linear":
                nodes.append(node("Identity", f"z{k}0", f"h{k}"))
            case "max":
                nodes.append(node("Max", f"z{k}0 z{k}1", f"h{k}"))
            case "leaky":
                nodes.append(node("LeakyRelu", f"z{k}0", f"h{k}", alpha=0.25))
            case "hardtanh" | "clip":
                ends = "minus one" if layer.kind == "hardtanh" else "zero six"
                nodes.append(node("Clip", f"z{k}0 {ends}", f"h{k}"))
            case kind:
                nodes.append(node(kind.capitalize(), f"z{k}0", f"h{k}"))
    used = {name for one in nodes for name in one.input}
    return save(path, nodes, {name: v for name, v in constants.items() if name in used}, (1, net.inputs))


# -- claims ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Question:
    """A net, its file as read, and the boxes and rows (over inputs and outputs) of the unsafe set."""

    net: Net
    task: Prove
    rows: Array = field(repr=False)

    @property
    def linear(self) -> bool:
        """Whether all functions are piecewise linear."""
        return not self.net.kinds & set(SMOOTH)


def random_question(rng: Rng, folder: Path, kinds: Sequence[str], units: int = 12) -> Question:
    """A claim whose greatest margin is about ``delta``, between -1 and 1 and often tiny."""
    net = random_net(rng, kinds, units)
    path = write(net, folder / "net.onnx")
    regions = int(rng.integers(1, 4)) if rng.random() < 0.3 else 1
    centre, radius = rng.normal(size=(regions, net.inputs)), np.abs(rng.normal(size=(regions, net.inputs)))
    scale = 2.0 ** rng.integers(-3, 2)
    lower, upper = (np.round(a, 3) for a in (centre - scale * radius, centre + scale * radius))
    matrix, start, region = random_rows(rng, net, regions)
    strict = rng.random(len(matrix)) < 0.3
    draft = question(net, path, matrix, np.zeros(len(matrix)), strict, start, region, (lower, upper))
    shift, side = np.zeros(len(matrix)), float(rng.choice([-1.0, -1.0, 1.0]))
    for case in range(len(region)):
        points = near_points(draft, case, rng)
        rows = draft.rows[start[case] : start[case + 1]]
        best = float(values(net, rows, points).min(axis=1).max())
        delta = min(side, float(rng.choice([-1.0, 1.0]))) * float(10.0 ** rng.choice([0, -1, -2, -3, -5, -7, -9, -12]))
        shift[start[case] : start[case + 1]] = delta - best
    return question(net, path, matrix, shift, strict, start, region, (lower, upper))


def random_rows(rng: Rng, net: Net, regions: int) -> tuple[Array, Array, Array]:
    """Coefficients [M, n + m] over inputs and outputs, starts of cases, their regions."""
    outputs = net.layers[-1].size
    if outputs > 1 and rng.random() < 0.4:  # another output is greater
        label = int(rng.integers(0, outputs))
        other = [k for k in range(outputs) if k != label]
        out = np.eye(outputs)[other] - np.eye(outputs)[label]
        start, region = np.arange(len(other) + 1), rng.integers(0, regions, len(other))
        return np.hstack([np.zeros((len(other), net.inputs)), out]), start, region
    sizes = rng.integers(1, 4, int(rng.integers(1, 4)))
    out, mixed = rng.normal(size=(int(sizes.sum()), outputs)), rng.normal(size=(int(sizes.sum()), net.inputs))
    if rng.random() < 0.5:
        out, mixed = np.rint(out), 0 * mixed
    return np.hstack([mixed, out]), np.concatenate([[0], np.cumsum(sizes)]), rng.integers(0, regions, len(sizes))


def question(
    net: Net, path: Path, matrix: Array, shift: Array, strict: Array, start: Array, region: Array,
    box: tuple[Array, Array],
) -> Question:  # fmt: skip
    """The claim as a task on the network as it is read from ``path``."""
    lower, upper = box
    network = read_network(path)
    parts = {"x": Dense(matrix[:, : net.inputs]), "f.y": Dense(matrix[:, net.inputs :])}
    texts = [f"case {k}" for k in range(len(region))]
    unsafe = UnsafeSet(
        Affine(shift, parts), strict, np.asarray(start), np.asarray(region), lower, upper, lower, upper, "dyadic", texts
    )
    x = Var.of("x", "real", network.input_shape, lower.min(axis=0), upper.max(axis=0))
    problem = Problem("claim", (x, *network_blocks(network, "f.", "x")))
    task = Prove(problem, unsafe, "no case holds", "x", "f.y", network.path)
    return Question(net, task, np.hstack([matrix, shift[:, None]]))


def unsafe_points(asked: Question, rng: Rng, samples: int = 400) -> Array:
    """Points at which some case is proved to hold, in real arithmetic: [P, n]."""
    unsafe, found = asked.task.unsafe, []
    for case in range(unsafe.count):
        points = near_points(asked, case, rng, samples)
        rows = asked.rows[unsafe.start[case] : unsafe.start[case + 1]]
        best = points[np.argsort(-values(asked.net, rows, points).min(axis=1), kind="stable")[:30]]
        found.append(best[(unsafe_in_reals(asked.task, best)[:, case] > 0)])
    return np.concatenate(found)


def unsafe_cases(asked: Question, rng: Rng, samples: int = 200) -> Array:
    """Which cases [C] are proved to hold somewhere, in real arithmetic."""
    found = np.zeros(asked.task.unsafe.count, np.bool_)
    points = unsafe_points(asked, rng, samples)
    if len(points):
        found |= (unsafe_in_reals(asked.task, points) > 0).any(axis=0)
    return found


def values(net: Net, rows: Array, points: Array) -> Array:
    """Rows at points, [B, M], in float64."""
    return np.hstack([points, net.forward(points), np.ones((len(points), 1))]) @ rows.T


# -- points near the greatest margin -----------------------------------------------------------------------------------


def near_points(asked: Question, case: int, rng: Rng, samples: int = 400) -> Array:
    """Points [P, n] of the case's box, some of them where the case's margin is greatest or nearly so."""
    unsafe, net = asked.task.unsafe, asked.net
    low, high = unsafe.lower[unsafe.region[case]], unsafe.upper[unsafe.region[case]]
    rows = asked.rows[unsafe.start[case] : unsafe.start[case + 1]]
    corners = np.array(np.meshgrid(*zip(low, high, strict=True), indexing="ij")).reshape(len(low), -1).T
    found = [rng.uniform(low, high, (samples, len(low))), corners, (low / 2 + high / 2)[None]]
    if asked.linear:
        vertices = list(by_phases(net, low, high, rows))
        found += [np.array(vertices).reshape(-1, len(low))]
    found.append(improved(net, rows, np.concatenate(found), low, high))
    points = np.clip(np.concatenate(found), low, high)
    inside = points[np.argsort(-values(net, rows, points).min(axis=1))[:20]]
    nudged = inside[:, None] + (rng.uniform(low, high, (4, len(low))) - inside[:, None]) * 1e-9
    return np.clip(np.concatenate([points, nudged.reshape(-1, len(low))]), low, high)


def improved(net: Net, rows: Array, points: Array, low: Array, high: Array) -> Array:
    """The best few points after a local search."""
    best = points[np.argsort(-values(net, rows, points).min(axis=1))[:3]]
    if (low == high).all():
        return best

    def cost(x: Array) -> float:
        return -float(values(net, rows, x[None]).min())

    with np.errstate(all="ignore"):
        options = {"maxfev": 200, "xatol": 1e-14, "fatol": 1e-14}
        return np.array([minimize(cost, x, method="Nelder-Mead", bounds=list(zip(low, high, strict=True)),
                                  options=options).x for x in best])  # fmt: skip


def by_phases(net: Net, low: Array, high: Array, rows: Array) -> Iterator[Array]:
    """A maximiser of the least row in every phase pattern that some point of the box has."""
    n = len(low)
    count = 0
    stack: list[tuple[list[tuple[Array, Array]], Array, Array]]
    stack = [([(np.eye(n), np.zeros(n))], np.zeros((0, n)), np.zeros(0))]
    while stack and count < LPS:
        known, left, right = stack.pop()
        if len(known) > len(net.layers):
            (matrix, constant) = known[-1]
            slope = rows[:, :n] + rows[:, n:-1] @ matrix
            count += 1
            yield from maximin(slope, rows[:, n:-1] @ constant + rows[:, -1], left, right, low, high)
            continue
        branches, used = layer_pieces(net.layers[len(known) - 1], known, left, right, low, high)
        count += used
        stack += [([*known, affine], a, b) for affine, a, b in branches]


def layer_pieces(
    layer: Layer, known: list[tuple[Array, Array]], left: Array, right: Array, low: Array, high: Array
) -> tuple[list[tuple[tuple[Array, Array], Array, Array]], int]:
    """All phase patterns of one layer within a polytope ``left x <= right``; the number of LPs that it took."""
    slope = layer.weights @ np.concatenate([known[k][0] for k in layer.sources])
    constant = layer.weights @ np.concatenate([known[k][1] for k in layer.sources]) + layer.shift
    if layer.kind == "linear":
        return [((slope, constant), left, right)], 0
    half = layer.size
    base, shift = (slope[half:], constant[half:]) if layer.kind == "max" else (0 * slope, 0 * constant)
    slope, constant = (slope[:half] - base, constant[:half] - shift) if layer.kind == "max" else (slope, constant)
    states = [(np.zeros((0, len(low))), np.zeros(0), left, right)]
    used = 0
    for unit in range(layer.size):
        grown = []
        for a, c, lefts, rights in states:
            least, most, lps = span(slope[unit], constant[unit], lefts, rights, low, high)
            used += lps
            for begin, end, factor, value in PIECES[layer.kind]:
                if most < begin - 1e-9 or least > end + 1e-9:
                    continue
                cut = [(-slope[unit], constant[unit] - begin)] * bool(least < begin) + [
                    (slope[unit], end - constant[unit])] * bool(most > end)  # fmt: skip
                grown.append((
                    np.vstack([a, factor * slope[unit] + base[unit]]),
                    np.append(c, factor * constant[unit] + value + shift[unit]),
                    np.vstack([lefts, *(row for row, _ in cut)]), np.append(rights, [side for _, side in cut]),
                ))  # fmt: skip
        states = grown
    return [((a, c), lefts, rights) for a, c, lefts, rights in states], used


def span(slope: Array, constant: float, left: Array, right: Array, low: Array, high: Array) -> tuple[float, float, int]:
    """Least and greatest value over a polytope (nan-free; the box's where an LP fails), and the LPs used."""
    least = constant + float(np.minimum(slope * low, slope * high).sum())
    most = constant + float(np.maximum(slope * low, slope * high).sum())
    if not len(left) or not (least < 1 and most > -1):
        return least, most, 0
    ends = [linprog(sign * slope, left, right, bounds=list(zip(low, high, strict=True))) for sign in (1, -1)]
    if any(end.status == 2 for end in ends):
        return np.inf, -np.inf, 2
    return (
        constant + ends[0].fun if ends[0].status == 0 else least,
        constant - ends[1].fun if ends[1].status == 0 else most, 2,
    )  # fmt: skip


def maximin(slope: Array, constant: Array, left: Array, right: Array, low: Array, high: Array) -> Iterator[Array]:
    """A point of the polytope where the least of ``slope x + constant`` is greatest."""
    rows = np.hstack([-slope, np.ones((len(slope), 1))])
    table = np.vstack([rows, np.hstack([left, np.zeros((len(left), 1))])])
    cost = np.append(np.zeros(len(low)), -1.0)
    bounds = [*zip(low, high, strict=True), (None, None)]
    found = linprog(cost, table, np.concatenate([constant, right]), bounds=bounds)
    if found.status == 0:
        yield found.x[:-1]
