"""What several tests of networks share: a MILP solver that is not ours, network files, random weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

from isinglass.ir.problem import Problem
from isinglass.ir.protocols import Limits
from isinglass.ir.samples import Samples
from isinglass.ir.terms.linear import Linear

Array = Any
Layers = Sequence[tuple[Array, Array]]


@dataclass(frozen=True)
class ScipyMilp:
    """HiGHS as scipy ships it."""

    complete: bool = False

    def solve(self, problem: Problem, limits: Limits) -> Samples:
        variables = list(problem.vars.values())
        matrices, least, most = [], [], []
        for lin in problem.lins.values():
            known = {name: operator.to_csr() for name, operator in lin.parts.items()}
            matrices.append(sparse.hstack([known.get(v.name, sparse.csr_array((lin.size, v.size))) for v in variables]))
            most.append(lin.rhs)
            least.append(lin.rhs if lin.sense == "==" else np.full(lin.size, -np.inf))
        cost = np.zeros(problem.size)
        for term in problem.objective.terms:
            assert isinstance(term, Linear)
            cost[problem.starts[term.variable] :][: problem.vars[term.variable].size] = term.operator.to_dense()[0]
        lower, upper = (np.concatenate([getattr(v, end) for v in variables]) for end in ("lower", "upper"))
        rows = LinearConstraint(sparse.csr_array(sparse.vstack(matrices)), np.concatenate(least), np.concatenate(most))
        whole = np.concatenate([np.full(v.size, v.discrete) for v in variables])
        found = milp(cost, integrality=whole, bounds=Bounds(lower, upper), constraints=rows)
        status = {0: "optimal", 2: "infeasible"}.get(found.status, "other")
        values = {} if found.x is None else problem.unstack(found.x[None])
        bound = found.mip_dual_bound if status == "optimal" else None
        return Samples(values, claimed_bound=bound, info={"status": status})


def save(path: Path, layers: Layers) -> Path:
    """Gemm layers (weights [inputs, outputs], shift) with relu between, as a file."""
    nodes, constants, last = [], [], "in"
    for k, (weights, shift) in enumerate(layers):
        arrays = {f"w{k}": weights, f"b{k}": shift}
        constants += [numpy_helper.from_array(np.asarray(a, np.float32), name) for name, a in arrays.items()]
        nodes.append(helper.make_node("Gemm", [last, f"w{k}", f"b{k}"], [f"z{k}"]))
        nodes.append(helper.make_node("Relu", [f"z{k}"], [last := f"h{k}"]))
    nodes.pop()
    n = np.shape(layers[0][0])[0]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("in", TensorProto.FLOAT, [1, n])],
        [helper.make_tensor_value_info(nodes[-1].output[0], TensorProto.FLOAT, None)],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


def single(array: Array) -> Array:
    """Rounded to float32 numbers."""
    return array.astype(np.float32).astype(np.float64)
