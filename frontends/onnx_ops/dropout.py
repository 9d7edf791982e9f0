"""A copy, as Dropout is in inference; its second output, the mask, has to be unused.

*source*: ONNX operator Dropout, opset 7 and later; from opset 12 the ratio and the training mode are inputs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..networks.graph import Graph, Tensor, Value


@dataclass(frozen=True)
class Dropout:
    inputs = (1, 3)
    outputs = 2
    foreign = True

    ratio: float = 0.5
    seed: int = 0

    def apply(self, graph: Graph, args: list[Any]) -> tuple[Value]:
        training = args[2] if len(args) > 2 else None
        if training is not None and (isinstance(training, Tensor) or np.any(training)):
            raise graph.fail("is in training mode", "export the network in inference form (model.eval())")
        return (args[0],)
