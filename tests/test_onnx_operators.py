"""Every operator and every attribute in a network of its own, against onnxruntime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx_models import Case, case_agrees, node

W = np.array([[2, -1, 0], [1, 3, -2], [0, 1, 1], [-1, 0, 4]])

LAYERS = {
    "mat-mul": Case([node("MatMul", "input w", "out")], {"w": 1.0 * W}),
}


@pytest.mark.parametrize("name", LAYERS)
def test_fully_connected_layers(name: str, tmp_path: Path) -> None:
    case_agrees(tmp_path / "net.onnx", LAYERS[name])
