"""Trains the networks that the examples ask about, with relu on scikit-learn's 8x8 digits: 64-24-16-10 and 64-32-10.

    python examples/train_digits.py [FOLDER]      (needs scikit-learn; writes digits.onnx, digits_32.onnx, digits.npz)

Pixels are scaled to 0..1. The seed is fixed; another machine may round differently and so train slightly other weights,
which is why the files are kept beside this script. `digits.npz` holds the first test images in a fixed order:
`x_test` float32 [40, 64] and `y_test` [40].
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

HIDDEN = {"digits.onnx": (24, 16), "digits_32.onnx": (32,)}
"""Hidden layers of each network; one with a single layer is an Ising problem (lipschitz.glass)."""
IMAGES = 40


def to_onnx(weights: list[np.ndarray], shifts: list[np.ndarray]) -> onnx.ModelProto:
    """Gemm and Relu in turn, float32; weights [inputs, outputs] of each layer."""
    nodes, constants, last = [], [], "image"
    for k, (matrix, shift) in enumerate(zip(weights, shifts, strict=True), 1):
        constants.append(numpy_helper.from_array(matrix.astype(np.float32), f"weight_{k}"))
        constants.append(numpy_helper.from_array(shift.astype(np.float32), f"bias_{k}"))
        out = "logits" if k == len(weights) else f"sum_{k}"
        nodes.append(helper.make_node("Gemm", [last, f"weight_{k}", f"bias_{k}"], [out], name=f"layer_{k}"))
        if k < len(weights):
            nodes.append(helper.make_node("Relu", [out], [f"active_{k}"], name=f"relu_{k}"))
            last = f"active_{k}"
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 64])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 10])
    graph = helper.make_graph(nodes, "digits", [image], [logits], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model


def main(folder: Path) -> None:
    digits = load_digits()
    parts = train_test_split(digits.data / 16.0, digits.target, test_size=0.25, random_state=9, stratify=digits.target)
    x_train, x_test, y_train, y_test = parts
    for file, hidden in HIDDEN.items():
        model = MLPClassifier(hidden, alpha=0.3, learning_rate_init=0.005, max_iter=300, random_state=0)
        model.fit(x_train, y_train)
        train, test = model.score(x_train, y_train), model.score(x_test, y_test)
        print(f"{file}: accuracy {train:.3f} on training images, {test:.3f} on others")
        (folder / file).write_bytes(to_onnx(model.coefs_, model.intercepts_).SerializeToString())
    np.savez_compressed(folder / "digits.npz", x_test=x_test[:IMAGES].astype(np.float32), y_test=y_test[:IMAGES])


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
