"""Model to BQM: ours, the plain numpy/scipy -> dimod floor, and installed peers, in one run.

    python benchmarks/build.py [--data ../shared/data] [--repeat 5] [--only qap] [--peers]

One fresh process per cell, cells interleaved, median of the repeats. Time and memory cover model -> BQM at given weights
after imports and after the data are in memory; memory is the growth of the peak resident set. Ratios are to the floor.
Peers that are not installed are left out; ``--peers`` runs those that are (they may take minutes at the largest sizes,
``--cap`` stops a cell).
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

HERE = Path(__file__).resolve().parent

# -- data -------------------------------------------------------------------------------------------------------------------


def dense_data(n: int) -> dict[str, Any]:
    rng = np.random.default_rng(n)
    return {"Q": np.triu(rng.integers(-9, 10, (n, n)).astype(float), 1) + np.diag(rng.integers(-9, 10, n).astype(float))}


def qap_data(folder: Path) -> dict[str, Any]:
    found = np.load(folder / "models" / "qap20.npz")
    return {"F": found["F"].astype(float), "D": found["D"].astype(float), "weight": 900.0}


def program_data(folder: Path) -> dict[str, Any]:
    found = np.load(folder / "models" / "ip200.npz")
    A = sparse.csr_array((found["data"], found["indices"], found["indptr"]), shape=tuple(found["shape"]))
    return {"A": A.astype(float), "b": found["b"].astype(float), "c": found["c"].astype(float), "upper": found["upper"].astype(float), "weight": 5.0}


def least_squares_data(d: int, bits: int) -> dict[str, Any]:
    rng = np.random.default_rng(d + bits)
    A = np.hstack([rng.standard_normal((4 * d, d)), np.ones((4 * d, 1))])
    b = rng.standard_normal(4 * d)
    step = 2 / (2.0**bits - 1)
    shift = np.full(d + 1, -1.0)
    gram = A.T @ A
    return {"G": gram * step**2, "g": 2 * step * (gram @ shift - A.T @ b), "top": 2.0**bits - 1, "bits": bits,
            "constant": float(shift @ gram @ shift - 2 * shift @ A.T @ b + b @ b)}  # fmt: skip


CASES: dict[str, tuple[Any, ...]] = {
    "dense-1000": ("dense", 1000), "dense-2000": ("dense", 2000), "dense-3000": ("dense", 3000),
    "qap-20": ("qap",), "program-200": ("program",),
    "squares-64x10": ("squares", 64, 10), "squares-128x10": ("squares", 128, 10),
    "squares-256x10": ("squares", 256, 10), "squares-256x20": ("squares", 256, 20),
}  # fmt: skip


def data_of(case: str, folder: Path) -> dict[str, Any]:
    kind, *rest = CASES[case]
    if kind == "dense":
        return dense_data(*rest)
    if kind == "squares":
        return least_squares_data(*rest)
    return qap_data(folder) if kind == "qap" else program_data(folder)


# -- builders: each returns a dimod BQM ----------------------------------------------------------------------------------------


def ours_dense(Q: np.ndarray) -> Any:
    import isinglass

    b = isinglass.Builder("dense")
    x = b.binary("x", (len(Q),))
    b.minimize(x @ Q @ x)
    return isinglass.compile(b.build(), "bqm").bqm


def floor_dense(Q: np.ndarray) -> Any:
    import dimod

    bqm = dimod.BinaryQuadraticModel("BINARY")
    bqm.add_linear_from_array(np.diag(Q))
    upper = Q.copy()
    np.fill_diagonal(upper, 0)
    bqm.add_quadratic_from_dense(upper)
    return bqm


def ours_qap(F: np.ndarray, D: np.ndarray, weight: float) -> Any:
    import isinglass

    n = len(F)
    b = isinglass.Builder("qap")
    x = b.binary("x", (n, n))
    flat = x.reshape(n * n)
    b.add("row", x.sum(axis=1) == 1)
    b.add("column", x.sum(axis=0) == 1)
    b.minimize(flat @ np.kron(F, D) @ flat)
    return isinglass.compile(b.build(), "bqm", weight=weight).bqm


def floor_qap(F: np.ndarray, D: np.ndarray, weight: float) -> Any:
    n = len(F)
    rows = sparse.vstack([sparse.kron(np.eye(n), np.ones(n)), sparse.kron(np.ones(n), np.eye(n))]).tocsr()
    Q = np.kron(F, D) + weight * (rows.T @ rows).toarray()
    return from_square(Q, np.full(n * n, -2.0 * 2 * weight), 2 * n * weight)


def from_square(Q: np.ndarray, linear: np.ndarray, offset: float) -> Any:
    """Any square array as a BQM through add_quadratic_from_dense."""
    import dimod

    bqm = dimod.BinaryQuadraticModel("BINARY")
    bqm.add_linear_from_array(linear + np.diag(Q))
    np.fill_diagonal(Q, 0)
    bqm.add_quadratic_from_dense(Q)
    bqm.offset = offset
    return bqm


def ours_program(A: sparse.csr_array, b: np.ndarray, c: np.ndarray, upper: np.ndarray, weight: float) -> Any:
    import isinglass

    m = isinglass.Builder("program")
    y = m.integer("y", (len(c),), 0, upper)
    m.add("rows", A @ y <= b)
    m.minimize(c @ y)
    return isinglass.compile(m.build(), "bqm", weight=weight).bqm


def log_weights(top: int) -> list[float]:
    length = int(top).bit_length()
    return [2.0**k for k in range(length - 1)] + [float(top - (2 ** (length - 1) - 1))] if top else []


def floor_program(A: sparse.csr_array, b: np.ndarray, c: np.ndarray, upper: np.ndarray, weight: float) -> Any:
    """scipy throughout: codes as block matrices, one sparse product, from_numpy_vectors (half-step slack as ours)."""
    import dimod

    def code(tops: np.ndarray) -> sparse.csr_array:
        return sparse.csr_array(sparse.block_diag([np.array([log_weights(int(t))]) for t in tops], format="csr"))

    E, S = code(upper), 2 * code(np.maximum((b - np.minimum(A.multiply(upper), 0).sum(axis=1)) // 2, 0))
    R = sparse.csr_array(sparse.hstack([A @ E, S], format="csr"))
    shift = 0.5 - b
    Q = sparse.csr_array(weight * (R.T @ R))
    linear = np.concatenate([E.T @ c, np.zeros(S.shape[1])]) + 2 * weight * (R.T @ shift) + Q.diagonal()
    upper_part = sparse.triu(Q, 1).tocoo()
    vectors = upper_part.row, upper_part.col, 2 * upper_part.data
    return dimod.BinaryQuadraticModel.from_numpy_vectors(linear, vectors, float(weight * (shift @ shift - len(b) / 4)), "BINARY")


def ours_squares(G: np.ndarray, g: np.ndarray, top: float, bits: int, constant: float) -> Any:
    import isinglass

    b = isinglass.Builder("squares")
    y = b.integer("y", (len(g),), 0, top)
    b.minimize(y @ G @ y + g @ y + constant)
    return isinglass.compile(b.build(), "bqm").bqm


def floor_squares(G: np.ndarray, g: np.ndarray, top: float, bits: int, constant: float) -> Any:
    e = 2.0 ** np.arange(bits)
    return from_square(np.kron(G, np.outer(e, e)), np.kron(g, e), constant)


OURS = {"dense": ours_dense, "qap": ours_qap, "program": ours_program, "squares": ours_squares}
FLOOR = {"dense": floor_dense, "qap": floor_qap, "program": floor_program, "squares": floor_squares}


def builder(tool: str, kind: str) -> Any:
    if tool in ("ours", "floor"):
        return (OURS if tool == "ours" else FLOOR)[kind]
    sys.path.insert(0, str(HERE))
    import build_peers

    return build_peers.BUILDERS[tool][kind]


# -- one cell, in a process of its own -----------------------------------------------------------------------------------------


def peak() -> float:
    """Peak resident set in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def cell(tool: str, case: str, folder: Path) -> dict[str, Any]:
    kind = CASES[case][0]
    data = data_of(case, folder)
    make = builder(tool, kind)
    warm_up(make, kind)
    before, start = peak(), time.perf_counter()
    bqm = make(**data)
    seconds, memory = time.perf_counter() - start, peak() - before
    ones = dict.fromkeys(bqm.variables, 1)
    return {"seconds": seconds, "megabytes": memory, "variables": bqm.num_variables, "couplers": bqm.num_interactions,
            "energy": float(bqm.energy(ones))}  # fmt: skip


def warm_up(make: Any, kind: str) -> None:
    """A tiny model of the same kind, so that lazy imports are not timed."""
    tiny = {
        "dense": {"Q": np.triu(np.ones((3, 3)))},
        "qap": {"F": np.ones((2, 2)), "D": np.ones((2, 2)), "weight": 1.0},
        "program": {"A": sparse.csr_array(np.ones((2, 2))), "b": np.full(2, 3.0), "c": -np.ones(2), "upper": np.full(2, 3.0), "weight": 1.0},
        "squares": {"G": np.eye(2), "g": np.ones(2), "top": 3.0, "bits": 2, "constant": 0.0},
    }  # fmt: skip
    make(**tiny[kind])


def run_cell(tool: str, case: str, folder: Path, cap: float) -> dict[str, Any]:
    command = [sys.executable, __file__, "--cell", tool, case, "--data", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=cap, check=False)
    except subprocess.TimeoutExpired:
        return {"error": f"> {cap:.0f} s"}
    if done.returncode:
        return {"error": (done.stderr.strip().splitlines() or ["failed"])[-1][:60]}
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def reweighing(folder: Path) -> str:
    """Milliseconds from new weights to arrays, 200-row program."""
    import isinglass

    data = program_data(folder)
    m = isinglass.Builder("program")
    y = m.integer("y", (len(data["c"]),), 0, data["upper"])
    m.add("rows", data["A"] @ y <= data["b"])
    m.minimize(data["c"] @ y)
    apart = isinglass.compile(m.build(), "bqm").reweightable
    times = []
    for i in range(50):
        weights = apart.weights * (1 + i / 50)
        start = time.perf_counter()
        apart.coefficients(weights)
        times.append(1000 * (time.perf_counter() - start))
    return f"reweighting all penalties of program-200 to arrays: {statistics.median(times):.2f} ms"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=HERE.parent.parent / "shared" / "data")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--only", help="cases whose name contains this")
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--cap", type=float, default=120.0, help="seconds per cell")
    parser.add_argument("--cell", nargs=2, metavar=("TOOL", "CASE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.cell:
        print(json.dumps(cell(*options.cell, options.data)))
        return
    if not options.data.is_dir():
        sys.exit(f"no data folder at {options.data}: name it with --data")
    tools = ["floor", "ours"]
    if options.peers:
        sys.path.insert(0, str(HERE))
        import build_peers

        tools += build_peers.installed()
    worst = [0.0, 0.0]
    print(f"{'case':<16}{'tool':<10}{'seconds':>9}{'MB':>8}{'time x':>8}{'mem x':>7}  {'variables':>9} {'couplers':>11}  energy at ones")
    for case in CASES:
        if options.only and options.only not in case:
            continue
        runs: dict[str, list[dict[str, Any]]] = {tool: [] for tool in tools}
        for _ in range(options.repeat):
            for tool in tools:
                if not any("error" in run for run in runs[tool]):
                    runs[tool].append(run_cell(tool, case, options.data, options.cap))
        floor = runs["floor"]
        base = [statistics.median(run[key] for run in floor) for key in ("seconds", "megabytes")]
        for tool in tools:
            failed = [run["error"] for run in runs[tool] if "error" in run]
            if failed:
                print(f"{case:<16}{tool:<10}{failed[0]:>9}")
                continue
            now = [statistics.median(run[key] for run in runs[tool]) for key in ("seconds", "megabytes")]
            ratio = [value / max(unit, 1e-9) for value, unit in zip(now, base, strict=True)]
            if tool == "ours":
                worst = [max(old, new) for old, new in zip(worst, ratio, strict=True)]
            last = runs[tool][-1]
            print(f"{case:<16}{tool:<10}{now[0]:>9.3f}{now[1]:>8.0f}{ratio[0]:>8.2f}{ratio[1]:>7.2f}  {last['variables']:>9,} {last['couplers']:>11,}  {last['energy']:.12g}")
    print(f"worst ratio of ours to the floor: time {worst[0]:.2f} (at most 3 wanted), memory {worst[1]:.2f} (at most 2 wanted)")
    print(reweighing(options.data))


if __name__ == "__main__":
    main()
