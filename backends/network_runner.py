"""Networks in onnxruntime, the reference for what a stored network does in float32."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from ..ir.errors import InputError
from ..ir.packed import unpacked
from ..ir.tasks import Prove
from ..ir.types import FloatArray
from .files import read_bytes

KNOWN_FORMAT = 10
"""The ONNX format version (ir_version) that is tried for files of a version newer than the runtime knows."""


class NetworkRunner:
    """Inputs [B, n] to outputs [B, k] of one network, flattened in C order, on one thread.

    Samples run one by one, as whoever checks a witness would run it: another batch size may take another kernel, and
    with it another rounding. The file may be gzipped; data files beside it are found as its reader finds them.

    ``scores``: how many scores the network's blocks end with. Where the file gives a single number instead, the index
    of the greatest score (ArgMax), the outputs are that index as a unit vector: see :meth:`of`.

    Inputs have to be float32 numbers (in an array of any float type; others are rounded); outputs are float32 numbers
    in float64. Raises :class:`InputError` for files that onnxruntime does not take.
    """

    def __init__(self, path: str | Path, scores: int | None = None) -> None:
        content = unpacked(read_bytes(path), str(path), "onnx")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        folder = str(Path(path).parent.resolve())
        options.add_session_config_entry("session.model_external_initializers_file_folder_path", folder)
        try:
            self._session = open_session(content, options)
            inputs = [(one.name, one.shape) for one in self._session.get_inputs()]
        except Exception as error:  # onnxruntime's own exceptions have no public base class
            raise InputError(f"{path}: onnxruntime refuses it: {error}", code="onnx", hint="export it again") from error
        if len(inputs) != 1:
            raise InputError(f"{path}: needs one input, has {len(inputs)}", code="onnx", hint="export with one input")
        self._path = str(path)
        self._name, shape = inputs[0]
        self._shape = tuple(n if isinstance(n, int) and n > 0 else 1 for n in shape)
        self._scores = scores

    @classmethod
    def of(cls, task: Prove) -> NetworkRunner:
        """The network of a task, its outputs such that the task's unsafe set says of them what was asked.

        After a Softmax the rows compare outputs of the file with each other. After an ArgMax they compare scores, and
        hold for the unit vector just where what was asked holds for the index.
        """
        return cls(task.network, task.problem.var(task.outputs).size)

    def __call__(self, x: FloatArray) -> FloatArray:
        points = np.asarray(x, dtype=np.float32)
        try:
            found = [self._session.run(None, {self._name: one.reshape(self._shape)})[0].ravel() for one in points]
        except Exception as error:  # see above
            message = f"{self._path}: onnxruntime fails: {error}"
            raise InputError(message, code="onnx", hint="export it again") from error
        outputs = np.array(found, dtype=np.float64)
        if self._scores is not None and len(points) and outputs.shape[1] == 1 < self._scores:
            return np.eye(self._scores)[outputs[:, 0].astype(np.int64)]
        return outputs


def open_session(content: bytes, options: Any) -> Any:
    """A session of a file's bytes.

    The runtime refuses files of a newer format version than it knows, whatever is in them. The version only says what
    a file may hold; one that holds nothing new runs as the latest version that every supported runtime knows.
    """
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        if "Unsupported model IR version" not in str(error):
            raise
    import onnx

    model = onnx.load_model_from_string(content)
    model.ir_version = KNOWN_FORMAT
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
