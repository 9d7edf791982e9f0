"""The results file of the verification competition VNN-COMP: the verdict, and the counterexample where there is one.

The first line is ``sat``, ``unsat``, ``unknown``, ``timeout`` or ``error``. After ``sat`` follows
``((X_0 v) (X_1 v) ... (Y_0 v) ...)``, all inputs and outputs in C order. Every value is the shortest text that reads
back as the same float64, hence also as the same float32 where it is one.

source: the competition's runner and scoring scripts (2021 to 2025)
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..ir.errors import InputError
from ..ir.types import FloatArray
from .files import write_chunks

VERDICTS = ("sat", "unsat", "unknown", "timeout", "error")


def write_vnncomp(
    path: str | Path, verdict: str, inputs: FloatArray | None = None, outputs: FloatArray | None = None
) -> None:
    """Write a results file, atomically. ``inputs``, ``outputs``: the counterexample of a ``sat``, in any shape.

    Raises :class:`InputError` for another verdict, or where a ``sat`` comes without a counterexample.
    """
    write_chunks(Path(path), [vnncomp_text(verdict, inputs, outputs).encode()])


def vnncomp_text(verdict: str, inputs: FloatArray | None = None, outputs: FloatArray | None = None) -> str:
    """The text of a results file. Raises as :func:`write_vnncomp`."""
    if verdict not in VERDICTS:
        raise InputError(f"{verdict!r} is no verdict of the competition", hint=f"one of {', '.join(VERDICTS)}")
    if verdict != "sat":
        return f"{verdict}\n"
    if inputs is None or outputs is None:
        raise InputError("a sat without a counterexample", hint="give the inputs and the outputs of the network")
    pairs = [
        f"({name}_{k} {value!r})"
        for name, array in (("X", inputs), ("Y", outputs))
        for k, value in enumerate(np.asarray(array, dtype=np.float64).ravel().tolist())
    ]
    return "sat\n(" + "\n".join(pairs) + ")\n"
