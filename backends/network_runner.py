"""Networks in onnxruntime, the reference for what a stored network does in float32."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime

from ..ir.errors import InputError
from ..ir.packed import unpacked
from ..ir.types import FloatArray
from .files import read_bytes


class NetworkRunner:
    """Inputs [B, n] to outputs [B, k] of one network, flattened in C order, on one thread.

    Samples run one by one, as whoever checks a witness would run it: another batch size may take another kernel, and
    with it another rounding. The file may be gzipped; data files beside it are found as its reader finds them.

    Inputs have to be float32 numbers (in an array of any float type; others are rounded); outputs are float32 numbers
    in float64. Raises :class:`InputError` for files that onnxruntime does not take.
    """

    def __init__(self, path: str | Path) -> None:
        content = unpacked(read_bytes(path), str(path), "onnx")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        folder = str(Path(path).parent.resolve())
        options.add_session_config_entry("session.model_external_initializers_file_folder_path", folder)
        try:
            self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's own exceptions have no public base class
            raise InputError(f"{path}: onnxruntime refuses it: {error}", code="onnx", hint="export it again") from error
        inputs = self._session.get_inputs()
        if len(inputs) != 1:
            raise InputError(f"{path}: needs one input, has {len(inputs)}", code="onnx", hint="export with one input")
        self._name = inputs[0].name
        self._shape = tuple(n if isinstance(n, int) and n > 0 else 1 for n in inputs[0].shape)

    def __call__(self, x: FloatArray) -> FloatArray:
        points = np.asarray(x, dtype=np.float32).reshape(len(x), *self._shape)
        found = [self._session.run(None, {self._name: point})[0].ravel() for point in points]
        return np.array(found, dtype=np.float64)
