"""Numbers as another element type: constants as onnxruntime converts them, computed tensors only to float32.

*source*: ONNX operator Cast. Floats become float32 by rounding to the nearest, integers by cutting off.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from onnx import TensorProto, helper

from ..networks.axes import ODD
from ..networks.graph import Foreign, Graph, Tensor, Value


@dataclass(frozen=True)
class Cast:
    inputs = (1, 1)
    foreign = True

    to: int = 0

    def apply(self, graph: Graph, args: list[Any]) -> Value | Foreign:
        if isinstance(args[0], Tensor):
            if self.to != TensorProto.FLOAT:
                raise graph.fail(f"of a computed tensor to {self.name}", "only float32 networks are supported")
            return args[0]
        if self.name not in ("FLOAT", "DOUBLE", "FLOAT16", "INT64", "INT32", "BOOL"):
            raise graph.fail(f"to {self.name}", ODD)
        array = args[0].array if isinstance(args[0], Foreign) else args[0]
        kind = helper.tensor_dtype_to_np_dtype(self.to)
        if array.dtype.kind == "f" and np.dtype(kind).kind == "i" and not np.abs(array).max(initial=0) < 2.0**31:
            raise graph.fail("of a large float to an integer", ODD)
        if array.dtype == np.float64 and not isinstance(args[0], Foreign) and kind == np.float32:
            return np.asarray(array)  # made of float32 numbers by exact operations
        with np.errstate(over="ignore"):  # infinities are refused
            return graph.stored(np.asarray(array).astype(kind))

    @property
    def name(self) -> str:
        known = {int(number): str(name) for name, number in TensorProto.DataType.items()}
        return known.get(self.to, f"element type {self.to}")
