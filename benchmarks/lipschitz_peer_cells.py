"""The semidefinite bound of one network as cvxpy users write it: the part of ``lipschitz_peers.py`` in its environment.

    python lipschitz_peer_cells.py natural-scs NET.onnx OUTPUT SECONDS      GeoLip's natural form, PSD of n + m + 1
    python lipschitz_peer_cells.py eliminated-clarabel NET.onnx OUTPUT SECONDS   x eliminated, PSD of m + 1

Prints one line of JSON: what the solver returns as the optimal value, its status, seconds to build and to solve. Needs
cvxpy, scs, clarabel, onnx.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import cvxpy as cp
import numpy as np
import onnx
from onnx import numpy_helper


def matrix(path: str, output: int) -> np.ndarray:
    """B = [A 1 | A] / 2 [n, 1 + m] of a network Gemm, Relu, Gemm; A = W1^T diag(W2[output])."""
    model = onnx.load(path)
    stored = {one.name: numpy_helper.to_array(one).astype(float) for one in model.graph.initializer}
    weights = []
    for node in model.graph.node:
        if node.op_type == "Gemm":
            flags = {a.name: a.i for a in node.attribute}
            weights.append(stored[node.input[1]] if flags.get("transB") else stored[node.input[1]].T)
    first, last = weights
    a = first.T * last[output]
    return np.column_stack([a.sum(axis=1), a]) / 2


def natural(b: np.ndarray) -> Any:
    """max sum B_ij X_i,n+j over X >= 0 with ones on the diagonal."""
    n, columns = b.shape
    x = cp.Variable((n + columns, n + columns), PSD=True)
    return cp.Problem(cp.Maximize(cp.sum(cp.multiply(b, x[:n, n:]))), [cp.diag(x) == 1])


def eliminated(b: np.ndarray) -> Any:
    """max sum_i sqrt(b_i Y b_i) over Y >= 0 with ones on the diagonal."""
    y = cp.Variable((b.shape[1], b.shape[1]), PSD=True)
    return cp.Problem(cp.Maximize(cp.sum(cp.sqrt(cp.sum(cp.multiply(b @ y, b), axis=1)))), [cp.diag(y) == 1])


TOOLS: dict[str, Any] = {
    "natural-scs": (natural, {"solver": "SCS"}, "time_limit_secs"),
    "eliminated-clarabel": (eliminated, {"solver": "CLARABEL"}, "time_limit"),
}


def main() -> None:
    tool, path, output, seconds = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
    make, options, limit = TOOLS[tool]
    b = matrix(path, output)
    start = time.perf_counter()
    problem = make(b)
    built = time.perf_counter()
    line: dict[str, Any] = {"tool": tool, "build": built - start}
    try:
        problem.solve(**options, **{limit: seconds})
        line |= {"value": None if problem.value is None else float(problem.value), "status": problem.status}
    except cp.SolverError as error:
        line |= {"value": None, "status": str(error).splitlines()[0]}
    print(json.dumps({**line, "seconds": time.perf_counter() - start}))


if __name__ == "__main__":
    main()
