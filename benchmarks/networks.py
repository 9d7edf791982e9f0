"""Every ONNX file below a folder: read, and compared with onnxruntime on random float32 inputs.

One line a file: inputs, outputs, activations, seconds to read it, and the greatest difference of any output, relative
to the greatest absolute output. The comparison is in float64; float32 has about seven digits and loses some of them in
deep networks, so that differences up to ``--within`` are expected. Larger ones, and files that can't be read, are
listed at the end and make the exit code 1.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np

from isinglass.backends.network_runner import NetworkRunner
from isinglass.compiler.networks.view import NetView
from isinglass.frontends.networks.network import Network, network_blocks, output_name
from isinglass.frontends.networks.reader import read_network
from isinglass.frontends.networks.through_ending import file_outputs
from isinglass.ir.blocks import Var
from isinglass.ir.errors import IsinglassError
from isinglass.ir.problem import Problem
from isinglass.ir.types import FloatArray

FOLDER = Path(__file__).parent / "../../shared/data"


def outputs(network: Network, x: FloatArray) -> FloatArray:
    """The network as it was read, in float64, [B, k]."""
    blocks = (Var.of("x", "real", network.input_shape), *network_blocks(network, "", "x"))
    scores = NetView.of(Problem("network", blocks)).forward({"x": x})[output_name("")]
    return np.array([file_outputs(network, one) for one in scores])


def difference(network: Network, path: Path, count: int, low: float, high: float) -> float:
    """The greatest difference on ``count`` random points, relative to the greatest output."""
    rng = np.random.default_rng(1)
    x = rng.uniform(low, high, (count, network.input_size)).astype(np.float32).astype(np.float64)
    expected, found = NetworkRunner(path)(x), outputs(network, x)
    if found.shape != expected.shape:
        return float("inf")
    return float(np.abs(found - expected).max() / max(1e-30, np.abs(expected).max()))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER)
    parser.add_argument("--points", type=int, default=100)
    parser.add_argument("--range", type=float, nargs=2, default=(0.0, 1.0), metavar=("LOW", "HIGH"))
    parser.add_argument("--within", type=float, default=1e-4)
    options = parser.parse_args()
    paths = sorted(path for path in options.folder.rglob("*") if path.name.endswith((".onnx", ".onnx.gz")))
    wrong = []
    print(f"{'file':60} {'inputs':>7} {'outputs':>7} {'neurons':>8} {'read s':>7} {'difference':>10}")
    for path in paths:
        name = str(path.relative_to(options.folder))
        start = time.perf_counter()
        try:
            network = read_network(path)
            seconds = time.perf_counter() - start
            found = difference(network, path, options.points, *options.range)
        except IsinglassError as error:
            wrong.append(f"{name}: {error}")
            continue
        sizes = f"{network.input_size:7} {network.output_size:7} {network.neurons:8}"
        print(f"{name:60} {sizes} {seconds:7.3f} {found:10.1e}", flush=True)
        if not found <= options.within:
            wrong.append(f"{name}: differs by {found:.1e}")
    print(f"{len(paths)} files, {len(wrong)} wrong")
    print("\n".join(wrong))
    return 1 if wrong or not paths else 0


if __name__ == "__main__":
    sys.exit(main())
