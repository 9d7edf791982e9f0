"""How each verifier answers one question: the code of ``verify_peers.py`` that runs in the tool's own environment.

    python verify_peer_cells.py TOOL NET PROP SECONDS   one question; the answer is a line of JSON
    python verify_peer_cells.py TOOL                    questions `NET <tab> PROP <tab> SECONDS` on stdin

Needs nothing but the tool and the standard library; what a tool lacks (OMLT reads no VNN-LIB) is written here plainly.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

Row = tuple[dict[str, float], float]
"""Coefficients by name and a constant; the row holds where the sum is >= 0."""


def ours(network: str, property: str, seconds: float) -> str:
    import isinglass

    return str(isinglass.verify(network, property, timeout=seconds).status)


def marabou(network: str, property: str, seconds: float) -> str:
    """Marabou's own command in a fork of this process (it keeps its options for good); its summary has the verdict."""
    from maraboupy.MarabouCore import maraboupyMain

    with tempfile.TemporaryDirectory() as folder:
        summary = os.path.join(folder, "summary")
        told = (f"--timeout={int(seconds)}", "--verbosity=0", f"--summary-file={summary}")
        child = os.fork()
        if not child:
            maraboupyMain(["Marabou", network, property, *told])
            os._exit(0)
        os.waitpid(child, 0)
        with open(summary) as file:
            words = file.read().split()
    return {"sat": "sat", "unsat": "unsat", "TIMEOUT": "timeout"}.get(words[0] if words else "", "unknown")


# -- OMLT: big-M rows over its interval bounds, one MILP per disjunct -------------------------------------------------


def omlt(network: str, property: str, seconds: float) -> str:
    from time import monotonic

    end = monotonic() + seconds
    box, cases = question(property)
    layers = dense_layers(network)
    left = False
    for case in cases:
        found = omlt_case(layers, box, case, end - monotonic())
        if found == "sat":
            return "sat"
        left |= found != "unsat"
    return "timeout" if left else "unsat"


def omlt_case(layers: list[Any], box: list[tuple[float, float]], case: list[Row], seconds: float) -> str:
    """One disjunct: is there a point of the box where all of its rows hold?"""
    if seconds <= 0:
        return "timeout"
    import pyomo.environ as pyo
    from omlt import OmltBlock
    from omlt.neuralnet import NetworkDefinition, ReluBigMFormulation
    from omlt.neuralnet.layer import DenseLayer, InputLayer
    from pyomo.contrib.appsi.solvers import Highs

    net = NetworkDefinition(scaled_input_bounds=dict(enumerate(box)))
    last: Any = InputLayer([len(box)])
    net.add_layer(last)
    for weight, bias, activation in layers:
        made = DenseLayer([weight.shape[0]], [weight.shape[1]], weight, bias, activation=activation)
        net.add_layer(made)
        net.add_edge(last, made)
        last = made
    model = pyo.ConcreteModel()
    model.nn = OmltBlock()
    model.nn.build_formulation(ReluBigMFormulation(net))
    block = {"X": model.nn.inputs, "Y": model.nn.outputs}
    model.rows = pyo.ConstraintList()
    for terms, constant in case:
        total = sum(value * block[name[0]][int(name[2:])] for name, value in terms.items())
        model.rows.add(total + constant >= 0)
    model.objective = pyo.Objective(expr=0.0)
    solver = Highs()
    solver.config.time_limit = seconds
    solver.config.load_solution = False
    solver.highs_options = {"threads": 1}
    told = str(solver.solve(model).termination_condition)
    return "sat" if told.endswith("optimal") else "unsat" if told.endswith("infeasible") else "timeout"


def dense_layers(network: str) -> list[Any]:
    """(weight [in, out], bias, activation) of a chain of Gemm, MatMul, Add, Sub, Flatten and Relu."""
    import numpy as np
    import onnx
    from onnx import numpy_helper

    graph = onnx.load(network).graph
    known = {tensor.name: numpy_helper.to_array(tensor).astype(float) for tensor in graph.initializer}
    first = next(item for item in graph.input if item.name not in known)
    size = int(np.prod([d.dim_value or 1 for d in first.type.tensor_type.shape.dim]))
    layers: list[Any] = []
    weight, bias = np.eye(size), np.zeros(size)
    for node in graph.node:
        args = [known[name] for name in node.input if name in known]
        option = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        if node.op_type == "Constant":
            known[node.output[0]] = numpy_helper.to_array(option["value"]).astype(float)
        elif node.op_type == "Gemm":
            matrix = args[0].T if option.get("transB") else args[0]
            weight, bias = weight @ matrix, bias @ matrix + (args[1] if len(args) > 1 else 0.0)
        elif node.op_type == "MatMul":
            weight, bias = weight @ args[0], bias @ args[0]
        elif node.op_type in ("Add", "Sub"):
            bias = bias + (1 if node.op_type == "Add" else -1) * args[0].ravel()
        elif node.op_type == "Relu":
            layers.append((weight, bias, "relu"))
            weight, bias = np.eye(len(bias)), np.zeros(len(bias))
        elif node.op_type not in ("Flatten", "Reshape", "Identity"):
            raise ValueError(f"no rule for {node.op_type}")
    return [*layers, (weight, bias, "linear")]


def question(property: str) -> tuple[list[tuple[float, float]], list[list[Row]]]:
    """The box and the disjuncts of a VNN-LIB 1.0 file whose bounds of inputs stand outside of disjunctions."""
    with open(property) as file:
        text = re.sub(r";.*", "", file.read())
    tokens = iter(re.findall(r"[()]|[^\s()]+", text))
    lower: dict[str, float] = {}
    upper: dict[str, float] = {}
    cases: list[list[Row]] = [[]]
    for item in nested(tokens):
        if item[0] != "assert":
            continue
        for case in (found := disjuncts(item[1])):
            for row in list(case):
                name = next(iter(row[0]))
                if len(found) == 1 and len(row[0]) == 1 and name.startswith("X"):
                    case.remove(row)
                    side = upper if row[0][name] < 0 else lower
                    side[name] = -row[1] / row[0][name]
        cases = [first + second for first, second in itertools.product(cases, found)]
    names = sorted(lower, key=lambda name: int(name[2:]))
    return [(lower[name], upper[name]) for name in names], cases


def nested(tokens: Iterator[str]) -> list[Any]:
    """Lists in lists."""
    found: list[Any] = []
    for token in tokens:
        if token == ")":
            return found
        found.append(nested(tokens) if token == "(" else token)
    return found


def disjuncts(item: list[Any]) -> list[list[Row]]:
    """The disjunctive normal form of a formula."""
    head, *rest = item
    if head == "or":
        return [case for inner in rest for case in disjuncts(inner)]
    if head == "and":
        return [list(itertools.chain(*parts)) for parts in itertools.product(*(disjuncts(inner) for inner in rest))]
    left, right = rest if head == ">=" else reversed(rest)
    terms: dict[str, float] = {}
    constant = 0.0
    for operand, sign in ((left, 1.0), (right, -1.0)):
        if operand[0] in "XY":
            terms[operand] = terms.get(operand, 0.0) + sign
        else:
            constant += sign * float(operand)
    return [[(terms, constant)]]


TOOLS: dict[str, Callable[[str, str, float], str]] = {"ours": ours, "marabou": marabou, "omlt": omlt}


def main() -> None:
    tool = TOOLS[sys.argv[1]]
    orders = iter([sys.argv[2:]]) if len(sys.argv) > 2 else (line.rstrip("\n").split("\t") for line in sys.stdin)
    results = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the tools print is no result
    for network, property, seconds in orders:
        try:
            found = {"verdict": tool(network, property, float(seconds))}
        except Exception as error:
            found = {"verdict": "error", "error": f"{type(error).__name__}: {error}"}
        print(json.dumps(found), file=results, flush=True)


if __name__ == "__main__":
    main()
