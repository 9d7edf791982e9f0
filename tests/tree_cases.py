"""Certificates that nobody searched for: grids of boxes, all phases of a layer; and how they are tampered with."""

from __future__ import annotations

import base64
import copy
import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import verification_cases as cases
from scipy.optimize import linprog

from isinglass.ir.arrays_text import packed
from isinglass.ir.case_tree import CaseTree, Forest
from isinglass.ir.tasks import Prove

Array = Any


def complete(depth: int) -> Array:
    """The depths of the nodes of a complete tree, in preorder."""
    found = np.array([depth])
    for level in range(depth - 1, -1, -1):
        found = np.concatenate([[level], found, found])
    return found


def grid(task: Prove, depth: int, **changes: Any) -> Forest:
    """Every region halved ``depth`` times, one input after the other."""
    unsafe = task.unsafe
    regions = np.unique(unsafe.region)
    mine = [np.flatnonzero(unsafe.region == region) for region in regions]
    levels = np.tile(complete(depth), len(regions))
    inner = levels < depth
    element = np.where(inner, levels % unsafe.lower.shape[1], 0)
    fields = {
        "cases": np.concatenate(mine), "start": np.cumsum([0, *map(len, mine)]), "blocks": (task.inputs,),
        "block": np.where(inner, 0, -1), "element": element,
    }  # fmt: skip
    return Forest(**{**fields, **changes})


def phases(asked: cases.Question, block: str, case: int) -> Forest:
    """All phases of one relu layer, a leaf for each pattern with the dual solution of its LP as multipliers."""
    task, layer = asked.task, asked.net.layers[0]
    units, unsafe = layer.size, task.unsafe
    low, high = (side[unsafe.region[case]] for side in (unsafe.lower, unsafe.upper))
    rows = asked.rows[unsafe.start[case] : unsafe.start[case + 1]]
    levels = complete(units)
    inner = levels < units
    weights, multipliers = [], []
    for pattern in range(2**units):
        on = (pattern >> np.arange(units)[::-1]) & 1
        last = asked.net.layers[1]
        matrix, shift = last.weights @ (on[:, None] * layer.weights), last.weights @ (on * layer.shift) + last.shift
        n = len(low)
        slope, constant = rows[:, :n] + rows[:, n:-1] @ matrix, rows[:, n:-1] @ shift + rows[:, -1]
        sign = 2 * on - 1
        table = np.vstack([np.hstack([-slope, np.ones((len(rows), 1))]),
                           np.hstack([-sign[:, None] * layer.weights, np.zeros((units, 1))])])  # fmt: skip
        found = linprog(np.append(np.zeros(n), -1.0), table, np.concatenate([constant, sign * layer.shift]),
                        bounds=[*zip(low, high, strict=True), (-1e3, None)])  # fmt: skip
        dual = np.zeros(len(table)) if found.status else np.maximum(-found.ineqlin.marginals, 0.0)
        weights.append(dual[: len(rows)])
        multipliers.append(dual[len(rows) :])
    return Forest(
        np.array([case]), np.array([0, 1]), (block,), np.where(inner, 0, -1), np.where(inner, levels, 0),
        np.where(inner, 0.0, np.nan), "kept", weights=np.concatenate(weights).astype(np.float32),
        multipliers=np.concatenate(multipliers).astype(np.float32),
    )  # fmt: skip


def saved(*forests: Forest) -> dict[str, Any]:
    """A certificate as it comes out of a file."""
    found: dict[str, Any] = json.loads(json.dumps(CaseTree(forests).to_plain()))
    return found


def exact_task(
    layers: list[tuple[Array, Array]], rows: Array, lower: Array, upper: Array, folder: Path, strict: bool = False
) -> Prove:
    """Relu layers (weights [outputs, inputs], shift), the last one linear; one case: all ``rows`` [M, m + 1] >= 0."""
    net = cases.Net(len(lower), tuple(
        cases.Layer((k,), np.asarray(w, float), np.asarray(b, float), "relu" if k + 1 < len(layers) else "linear")
        for k, (w, b) in enumerate(layers)
    ))  # fmt: skip
    path = cases.write(net, folder / "exact.onnx")
    table = np.hstack([np.zeros((len(rows), len(lower))), rows])
    box = np.array([lower], float), np.array([upper], float)
    flags, start = np.full(len(rows), strict), np.array([0, len(rows)])
    return cases.question(net, path, table[:, :-1], table[:, -1], flags, start, np.array([0]), box).task


def hat_task(folder: Path, limit: float = 2.25) -> Prove:
    """y = relu(x) + relu(-x) on [-1, 2]; unsafe: y >= limit."""
    return exact_task([([[1], [-1]], [0, 0]), ([[1, 1]], [0])], np.array([[1, -limit]]), [-1], [2], folder)


def arrays(forest: dict[str, Any]) -> dict[str, Any]:
    """The arrays of a forest by name, unpacked."""
    found = {}
    for name, entry in forest.items():
        if isinstance(entry, dict) and "dtype" in entry:
            raw = zlib.decompress(base64.b64decode(entry["data"]))
            found[name] = np.frombuffer(raw, entry["dtype"]).reshape(entry["shape"]).copy()
    return found


def tampered(certificate: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The first forest with other arrays or fields; None takes one out."""
    found = copy.deepcopy(certificate)
    for name, value in changes.items():
        if value is None:
            del found["forests"][0][name]
        else:
            found["forests"][0][name] = packed(value) if isinstance(value, np.ndarray) else value
    return found
