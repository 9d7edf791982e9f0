"""Random small networks and their formal Lipschitz constants by enumeration, in code of this file alone."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

import isinglass

Array = Any
ACTIVATIONS = ("relu", "leaky", "hardtanh")
FAMILIES = ("relu", "leaky", "hardtanh", "mixed")
ALPHA = 0.125
SLACK = 1e-9
"""Relative difference that float64 enumeration is not held to."""
CLOSED = 1e-6
ZERO = 1e-12
"""What an upper bound of the constant 0 may be, relatively to the sum of all paths through the network."""


@dataclass(frozen=True)
class Layer:
    """``act(h W + b)``, plus h itself where ``skip``."""

    weights: Array
    shift: Array
    act: str
    skip: bool


@dataclass(frozen=True)
class Net:
    layers: tuple[Layer, ...]
    last: Array
    inputs: int

    @property
    def units(self) -> int:
        return sum(len(layer.shift) for layer in self.layers)


@dataclass(frozen=True)
class Case:
    """What is asked about a network. ``functionals`` by label; ``box`` (low, high) [n] each or None."""

    net: Net
    asked: dict[str, Any]
    functionals: dict[str, Array]
    norm: str
    box: tuple[Array, Array] | None
    quantity: str


def random_net(rng: np.random.Generator, family: str) -> Net:
    """1 to 3 hidden layers, at most 9 units; some weights zero or small whole numbers, some columns equal."""
    inputs, depth = int(rng.integers(1, 5)), int(rng.integers(1, 4))
    most = {1: 9, 2: 4, 3: 3}[depth]
    whole, residual = rng.random() < 0.3, rng.random() < 0.4
    layers, width = [], inputs
    for _ in range(depth):
        size = width if residual and width <= most and rng.random() < 0.7 else int(rng.integers(1, most + 1))
        act = str(rng.choice(ACTIVATIONS)) if family == "mixed" else family
        weights, shift = numbers(rng, (width, size), whole), numbers(rng, (size,), whole)
        if size > 1 and rng.random() < 0.2:
            weights[:, 1] = weights[:, 0] * rng.choice([-1.0, 1.0])
        layers.append(Layer(weights, shift, act, residual and size == width))
        width = size
    return Net(tuple(layers), numbers(rng, (width, int(rng.integers(1, 4))), whole), inputs)


def numbers(rng: np.random.Generator, shape: tuple[int, ...], whole: bool) -> Array:
    """float32 values, as float64."""
    drawn = rng.integers(-3, 4, shape) if whole else rng.normal(size=shape) * rng.choice([0.1, 1.0, 30.0])
    return (drawn * (rng.random(shape) < rng.choice([0.7, 1.0]))).astype(np.float32).astype(np.float64)


def random_case(seed: int, number: int) -> Case:
    """A network and a question about it."""
    rng = np.random.default_rng([seed, number])
    net = random_net(rng, FAMILIES[number % len(FAMILIES)])
    outputs = net.last.shape[1]
    eye = np.eye(outputs)
    if outputs > 1 and rng.random() < 0.4:
        asked, functionals = {"difference": (1, 0)}, {"y[1] - y[0]": eye[1] - eye[0]}
    elif rng.random() < 0.3:
        asked, functionals = {"output": "all"}, {f"y[{k}]": eye[k] for k in range(outputs)}
    else:
        asked, functionals = {"output": outputs - 1}, {f"y[{outputs - 1}]": eye[-1]}
    norm, box, quantity = str(rng.choice(["linf", "linf", "l2"])), None, "lipschitz"
    plain = len(net.layers) == 1 and not net.layers[0].skip and net.layers[0].act != "leaky"
    if rng.random() < 0.4:
        centre = rng.normal(size=net.inputs).round(2)
        box = centre - rng.choice([0.125, 0.5, 2.0]), centre + rng.choice([0.125, 0.5, 2.0])
    elif plain and norm == "linf" and rng.random() < 0.4:
        quantity = "inf-to-one"
    return Case(net, asked, functionals, norm, box, quantity)


# -- enumeration -----------------------------------------------------------------------------------------------------


def slopes(act: str, low: float, high: float) -> list[float]:
    """The slopes that an activation has on an interval."""
    if act == "hardtanh":
        return [1.0] * int(high > -1 and low < 1) + [0.0] * int(low < -1 or high > 1)
    below = {"relu": 0.0, "leaky": ALPHA}[act]
    return [1.0] * int(high > 0) + [below] * int(low < 0)


def ranges(net: Net, box: tuple[Array, Array] | None, grow: float) -> list[tuple[Array, Array]]:
    """Intervals of the arguments, layer by layer, ``grow`` wider relatively."""
    if box is None:
        return [(np.full(len(one.shift), -np.inf), np.full(len(one.shift), np.inf)) for one in net.layers]
    low, high = box
    found = []
    for layer in net.layers:
        up, down = np.maximum(layer.weights, 0), np.minimum(layer.weights, 0)
        z = low @ up + high @ down + layer.shift, high @ up + low @ down + layer.shift
        room = grow * (1 + np.abs(z[0]) + np.abs(z[1]))
        z = z[0] - room, z[1] + room
        found.append(z)
        v = tuple(activation(layer.act, end) for end in z)
        low, high = (v[0] + low, v[1] + high) if layer.skip else v
    return found


def activation(act: str, z: Array) -> Array:
    if act == "hardtanh":
        return np.clip(z, -1, 1)
    return np.maximum(z, (ALPHA if act == "leaky" else 0.0) * z)


def gradients(net: Net, pattern: list[Array]) -> Array:
    """d outputs / d inputs [k, n] under slopes by layer."""
    jacobian = np.eye(net.inputs)
    for layer, slope in zip(net.layers, pattern, strict=True):
        new = slope[:, None] * (layer.weights.T @ jacobian)
        jacobian = new + jacobian if layer.skip else new
    return net.last.T @ jacobian


def paths(net: Net) -> float:
    """The sum of the magnitudes of all paths from inputs to outputs."""
    layers = tuple(Layer(np.abs(one.weights), one.shift, one.act, one.skip) for one in net.layers)
    whole = Net(layers, np.abs(net.last), net.inputs)
    return float(gradients(whole, [np.ones(len(one.shift)) for one in net.layers]).sum())


def size(gradient: Array, norm: str) -> float:
    return float(np.abs(gradient).sum() if norm == "linf" else np.sqrt((gradient**2).sum()))


def enumerated(case: Case, grow: float) -> dict[str, float]:
    """The formal constants with the slopes that the intervals allow; of ``inf-to-one`` the norm."""
    net = case.net
    limits = ranges(net, case.box, grow)
    choices = [slopes(one.act, float(a), float(b)) or [0.0]
               for one, (low, high) in zip(net.layers, limits, strict=True)
               for a, b in zip(low, high, strict=True)]  # fmt: skip
    if case.quantity == "inf-to-one":
        choices = [[-1.0, 1.0] for _ in choices]
    cuts = np.cumsum([len(layer.shift) for layer in net.layers])[:-1]
    found = dict.fromkeys(case.functionals, 0.0)
    for flat in product(*choices):
        jacobian = gradients(net, np.split(np.array(flat), cuts))
        for label, functional in case.functionals.items():
            found[label] = max(found[label], size(functional @ jacobian, case.norm))
    return found


def sampled(case: Case, rng: np.random.Generator, count: int = 300) -> dict[str, float]:
    """The greatest gradients at points of the box that are clear of kinks: at most the true constants."""
    net = case.net
    low, high = case.box if case.box is not None else (np.full(net.inputs, -3.0), np.full(net.inputs, 3.0))
    found = dict.fromkeys(case.functionals, 0.0)
    for point in low + (high - low) * rng.random((count, net.inputs)):
        pattern, clear, h = [], True, point
        for layer in net.layers:
            z = h @ layer.weights + layer.shift
            kinks = np.abs(np.abs(z) - 1) if layer.act == "hardtanh" else np.abs(z)
            clear &= bool((kinks > 1e-6 * (1 + np.abs(z))).all())
            pattern.append(np.array([(slopes(layer.act, v, v) or [0.0])[0] for v in z]))
            v = activation(layer.act, z)
            h = v + h if layer.skip else v
        if clear:
            jacobian = gradients(net, pattern)
            for label, functional in case.functionals.items():
                found[label] = max(found[label], size(functional @ jacobian, case.norm))
    return found


# -- the question put to isinglass ------------------------------------------------------------------------------------


def save(net: Net, path: Path) -> Path:
    """The network as an ONNX file."""
    nodes, constants, last = [], [], "in"
    ends = {"lo": np.array(-1.0), "hi": np.array(1.0)}
    constants += [numpy_helper.from_array(np.asarray(a, np.float32), name) for name, a in ends.items()]
    for k, layer in enumerate(net.layers):
        arrays = {f"w{k}": layer.weights, f"b{k}": layer.shift}
        constants += [numpy_helper.from_array(np.asarray(a, np.float32), name) for name, a in arrays.items()]
        nodes.append(helper.make_node("Gemm", [last, f"w{k}", f"b{k}"], [f"z{k}"]))
        kind = {"relu": "Relu", "leaky": "LeakyRelu", "hardtanh": "Clip"}[layer.act]
        more = {"alpha": ALPHA} if layer.act == "leaky" else {}
        given = [f"z{k}", "lo", "hi"] if layer.act == "hardtanh" else [f"z{k}"]
        nodes.append(helper.make_node(kind, given, [f"v{k}"], **more))
        if layer.skip:
            nodes.append(helper.make_node("Add", [f"v{k}", last], [f"h{k}"]))
        last = f"h{k}" if layer.skip else f"v{k}"
    constants.append(numpy_helper.from_array(np.asarray(net.last, np.float32), "w"))
    nodes.append(helper.make_node("MatMul", [last, "w"], ["out"]))
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("in", TensorProto.FLOAT, [1, net.inputs])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [1, net.last.shape[1]])], constants,
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


def faults(case: Case, answer: Any, rng: np.random.Generator, finished: bool) -> list[str]:
    """What is wrong with an answer, if anything."""
    most = enumerated(case, 1e-9)
    # with one layer, intervals are the exact ranges; deeper ones may be known better, so only samples are certain
    exact = case.box is None or len(case.net.layers) == 1
    least = enumerated(case, -1e-9) if exact else sampled(case, rng)
    found = []
    parts = dict(answer.parts) or {next(iter(case.functionals)): answer}
    if set(parts) != set(case.functionals):
        return [f"parts {sorted(parts)}"]
    for label, part in parts.items():
        if not part.lower <= most[label] * (1 + SLACK) + 1e-300:
            found.append("lower above the constant")
        if not part.upper >= least[label] * (1 - SLACK) - 1e-300:
            found.append("upper below the constant")
        if not part.lower <= part.upper:
            found.append("lower above upper")
        if finished and not part.upper - part.lower <= CLOSED * part.upper + ZERO * (1 + paths(case.net)):
            found.append("not closed")
        if exact and finished and not part.lower >= least[label] * (1 - CLOSED):
            found.append("the constant was not found")
    whole = max(part.lower for part in parts.values()), max(part.upper for part in parts.values())
    if (answer.lower, answer.upper) != whole:
        found.append("the whole is not the greatest part")
    return found


def sweep(count: int, seed: int, folder: Path) -> Counter[str]:
    """How many questions of each kind were answered, and everything that was wrong."""
    outcomes: Counter[str] = Counter()
    for number in range(count):
        case = random_case(seed, number)
        path = save(case.net, folder / "net.onnx")
        rng = np.random.default_rng([seed, number, 1])
        for finished in (True, False) if number % 4 == 0 else (True,):
            kind = f"{case.quantity} {case.norm}{' local' if case.box else ''}{'' if finished else ', cut short'}"
            outcomes[kind] += 1
            try:
                found = judged(case, path, number, rng, finished)
            except Exception as error:  # one case must not hide the others
                found = [f"WRONG {type(error).__name__}: {error}"]
            for text in found:
                outcomes[f"{text} (case {number}, {kind})" if "WRONG" in text else text] += 1
    return outcomes


def judged(case: Case, path: Path, number: int, rng: np.random.Generator, finished: bool) -> list[str]:
    """What there is to say about the answer to one question."""
    settings: dict[str, Any] = {"exact": True} if finished else {"timeout": 0.02}
    answer = isinglass.lipschitz(
        path, norm=case.norm, quantity=case.quantity, box=case.box, seed=number, **case.asked, **settings
    )
    found = [f"WRONG {text}" for text in faults(case, answer, rng, finished)]
    saved = path.with_name("answer.json")
    saved.write_text(answer.to_json())
    verdict = isinglass.check(saved)
    if verdict.verdict == "witness-only" and not finished:
        return [*found, "cut short before anything was proved"]
    return found if verdict.verdict == "accepted" else [*found, f"WRONG check: {verdict.verdict} {verdict.reasons}"]
