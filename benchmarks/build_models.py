"""The models that ``build.py`` measures: their data, and how the numpy/scipy -> dimod floor and isinglass build them.

Four kinds. ``dense``: minimise x.Q.x, Q an upper triangle of integers in -9..9. ``qap``: quadratic assignment with flow
F and distance D, one-hot rows and columns. ``program``: minimise c.y, A y <= b, integers y in 0..upper. ``squares``:
minimise y.G.y + g.y + constant over integers of ``bits`` bits, from least squares on the grid
x_j = -1 + 2/(2^K - 1) y_j. Every builder takes the kind's data as keywords and returns a dimod BQM.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

CASES: dict[str, tuple[Any, ...]] = {
    "dense-1000": ("dense", 1000), "dense-2000": ("dense", 2000), "dense-3000": ("dense", 3000),
    "qap-20": ("qap",), "program-200": ("program",),
    "squares-64x10": ("squares", 64, 10), "squares-128x10": ("squares", 128, 10),
    "squares-256x10": ("squares", 256, 10), "squares-256x20": ("squares", 256, 20),
}  # fmt: skip

# -- data -----------------------------------------------------------------------------------------------------------


def dense_data(n: int) -> dict[str, Any]:
    rng = np.random.default_rng(n)
    upper = np.triu(rng.integers(-9, 10, (n, n)).astype(float), 1)
    np.fill_diagonal(upper, rng.integers(-9, 10, n))
    return {"Q": upper}


def qap_data(folder: Path) -> dict[str, Any]:
    found = np.load(folder / "models" / "qap20.npz")
    return {"F": found["F"].astype(float), "D": found["D"].astype(float), "weight": 900.0}


def program_data(folder: Path) -> dict[str, Any]:
    found = np.load(folder / "models" / "ip200.npz")
    A = sparse.csr_array((found["data"], found["indices"], found["indptr"]), shape=tuple(found["shape"]))
    b, c = found["b"].astype(float), found["c"].astype(float)
    upper = np.broadcast_to(found["upper"].astype(float), c.shape).copy()
    return {"A": A.astype(float), "b": b, "c": c, "upper": upper, "weight": 5.0}


def squares_data(d: int, bits: int) -> dict[str, Any]:
    rng = np.random.default_rng(d + bits)
    A = np.hstack([rng.standard_normal((4 * d, d)), np.ones((4 * d, 1))])
    b = rng.standard_normal(4 * d)
    step = 2 / (2.0**bits - 1)
    shift = np.full(d + 1, -1.0)
    gram = A.T @ A
    constant = float(shift @ gram @ shift - 2 * shift @ A.T @ b + b @ b)
    slope = 2 * step * (gram @ shift - A.T @ b)
    return {"G": gram * step**2, "g": slope, "top": 2.0**bits - 1, "bits": bits, "constant": constant}


def data_of(case: str, folder: Path) -> dict[str, Any]:
    kind, *rest = CASES[case]
    if kind == "dense":
        return dense_data(*rest)
    if kind == "squares":
        return squares_data(*rest)
    return qap_data(folder) if kind == "qap" else program_data(folder)


def tiny(kind: str) -> dict[str, Any]:
    """A model of a few variables: built once before the clock starts, so that lazy imports are not timed."""
    two = np.full(2, 3.0)
    return {
        "dense": {"Q": np.triu(np.ones((3, 3)))},
        "qap": {"F": np.ones((2, 2)), "D": np.ones((2, 2)), "weight": 1.0},
        "program": {"A": sparse.csr_array(np.ones((2, 2))), "b": two, "c": -np.ones(2), "upper": two, "weight": 1.0},
        "squares": {"G": np.eye(2), "g": np.ones(2), "top": 3.0, "bits": 2, "constant": 0.0},
    }[kind]


def energies_at_ones(kind: str, data: dict[str, Any]) -> dict[str, float]:
    """The energy where every binary is 1, in closed form, by the slack encoding ('' where there is none)."""
    match kind:
        case "dense":
            return {"": float(data["Q"].sum())}
        case "qap":
            n = len(data["F"])
            return {"": float(data["F"].sum() * data["D"].sum() + data["weight"] * 2 * n * (n - 1) ** 2)}
        case "squares":
            total = data["top"] ** 2 * data["G"].sum() + data["top"] * data["g"].sum() + data["constant"]
            return {"": float(total)}
    A, b, upper = data["A"], data["b"], data["upper"]
    activity, most = A @ upper, slack_range(A, b, upper)
    half_step = ((activity + 2 * (most // 2) + 0.5 - b) ** 2 - 0.25).sum()
    unit = ((activity + most - b) ** 2).sum()
    falling = ((activity - b) ** 2).sum()  # slack written as b less what it counts
    base, sums = float(data["c"] @ upper), {"half-step slack": half_step, "unit slack": unit, "falling slack": falling}
    return {slack: base + data["weight"] * float(total) for slack, total in sums.items()}


def slack_range(A: Any, b: Any, upper: Any) -> Any:
    """Greatest value of b - A y over 0 <= y <= upper, row by row [m]; at least 0."""
    least = sparse.csr_array((np.minimum(A.data, 0), A.indices, A.indptr), shape=A.shape) @ upper
    return np.maximum(b - least, 0)


def log_weights(top: float) -> list[float]:
    """Bounded binary code of 0..top: 1, 2, 4, ... and what is left."""
    length = int(top).bit_length()
    return [2.0**k for k in range(length - 1)] + [float(top - (2 ** (length - 1) - 1))] if top else []


# -- the floor ------------------------------------------------------------------------------------------------------


def floor_dense(Q: Any) -> Any:
    return from_square(Q.copy(), np.zeros(len(Q)), 0.0)


def floor_qap(F: Any, D: Any, weight: float) -> Any:
    n = len(F)
    ones = np.ones((1, n))
    rows = sparse.csr_array(sparse.vstack([sparse.kron(np.eye(n), ones), sparse.kron(ones, np.eye(n))]))
    Q = np.kron(F, D) + weight * (rows.T @ rows).toarray()
    return from_square(Q, np.full(n * n, -4.0 * weight), 2 * n * weight)


def from_square(Q: Any, linear: Any, offset: float) -> Any:
    """Any square array (which is written to) as a BQM through add_quadratic_from_dense."""
    import dimod

    bqm = dimod.BinaryQuadraticModel("BINARY")
    bqm.add_linear_from_array(linear + np.diag(Q))
    np.fill_diagonal(Q, 0)
    bqm.add_quadratic_from_dense(Q)
    bqm.offset = offset
    return bqm


def floor_program(A: Any, b: Any, c: Any, upper: Any, weight: float) -> Any:
    """scipy throughout: codes as block matrices, one sparse product, from_numpy_vectors (half-step slack as ours)."""
    import dimod

    def code(tops: Any) -> sparse.csr_array:
        return sparse.csr_array(sparse.block_diag([np.array([log_weights(t)]) for t in tops], format="csr"))

    E, S = code(upper), 2 * code(slack_range(A, b, upper) // 2)
    R = sparse.csr_array(sparse.hstack([A @ E, S], format="csr"))
    shift = 0.5 - b
    Q = sparse.csr_array(weight * (R.T @ R))
    linear = np.concatenate([E.T @ c, np.zeros(S.shape[1])]) + 2 * weight * (R.T @ shift) + Q.diagonal()
    pairs = sparse.triu(Q, 1).tocoo()
    offset = float(weight * (shift @ shift - len(b) / 4))
    vectors = pairs.row, pairs.col, 2 * pairs.data
    return dimod.BinaryQuadraticModel.from_numpy_vectors(linear, vectors, offset, "BINARY")


def floor_squares(G: Any, g: Any, top: float, bits: int, constant: float) -> Any:
    e = 2.0 ** np.arange(bits)
    return from_square(np.kron(G, np.outer(e, e)), np.kron(g, e), constant)


# -- isinglass ------------------------------------------------------------------------------------------------------


def ours_dense(Q: Any) -> Any:
    import isinglass

    b = isinglass.Builder("dense")
    x = b.binary("x", (len(Q),))
    b.minimize(x @ Q @ x)
    return isinglass.compile(b.build(), "bqm").bqm


def ours_qap(F: Any, D: Any, weight: float) -> Any:
    import isinglass

    n = len(F)
    b = isinglass.Builder("qap")
    x = b.binary("x", (n, n))
    flat = x.reshape(n * n)
    b.add("row", x.sum(axis=1) == 1)
    b.add("column", x.sum(axis=0) == 1)
    b.minimize(flat @ np.kron(F, D) @ flat)
    return isinglass.compile(b.build(), "bqm", weight=weight).bqm


def program(A: Any, b: Any, c: Any, upper: Any) -> Any:
    """The integer program as a problem of isinglass."""
    import isinglass

    m = isinglass.Builder("program")
    y = m.integer("y", (len(c),), 0, upper)
    m.add("rows", A @ y <= b)
    m.minimize(c @ y)
    return m.build()


def ours_program(A: Any, b: Any, c: Any, upper: Any, weight: float) -> Any:
    import isinglass

    return isinglass.compile(program(A, b, c, upper), "bqm", weight=weight).bqm


def ours_squares(G: Any, g: Any, top: float, bits: int, constant: float) -> Any:
    import isinglass

    b = isinglass.Builder("squares")
    y = b.integer("y", (len(g),), 0, top)
    b.minimize(y @ G @ y + g @ y + constant)
    return isinglass.compile(b.build(), "bqm").bqm


BUILDERS = {
    "floor": {"dense": floor_dense, "qap": floor_qap, "program": floor_program, "squares": floor_squares},
    "ours": {"dense": ours_dense, "qap": ours_qap, "program": ours_program, "squares": ours_squares},
}
