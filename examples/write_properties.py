"""Writes two questions about `digits.onnx` as VNN-LIB files, and the list `digits.csv` of both for a batch.

    python examples/write_properties.py [FOLDER]

It reads digits.npz and writes digits_7.vnnlib, digits_3.vnnlib and digits.csv.

A VNN-LIB file states what must not happen: every pixel within `eps` of a test image, and yet another digit's output at
least as great as that of the image's own. `sat` is a counterexample, `unsat` means that there is none.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
QUESTIONS = ((0, 0.03), (2, 0.2))  # number of the test image, greatest change of a pixel
SECONDS = 60


def property_text(image: np.ndarray, label: int, eps: float, digits: int = 10) -> str:
    """VNN-LIB 1.0: inputs X_0 to X_63 in a box, one of the outputs Y_0 to Y_9 at least as great as Y_label."""
    lower = np.clip(image.astype(float) - eps, 0.0, 1.0).round(6)
    upper = np.clip(image.astype(float) + eps, 0.0, 1.0).round(6)
    lines = [f"; can a change of every pixel by at most {eps} turn this {label} into another digit?", ""]
    lines += [f"(declare-const X_{i} Real)" for i in range(image.size)]
    lines += [f"(declare-const Y_{k} Real)" for k in range(digits)]
    for i, (low, high) in enumerate(zip(lower.tolist(), upper.tolist(), strict=True)):
        lines += [f"(assert (>= X_{i} {low}))", f"(assert (<= X_{i} {high}))"]
    others = "\n".join(f"  (and (>= Y_{k} Y_{label}))" for k in range(digits) if k != label)
    return "\n".join([*lines, f"(assert (or\n{others}\n))", ""])


def main(folder: Path) -> None:
    data = np.load(HERE / "digits.npz")
    rows = []
    for number, eps in QUESTIONS:
        label = int(data["y_test"][number])
        name = f"digits_{label}.vnnlib"
        (folder / name).write_text(property_text(data["x_test"][number], label, eps))
        rows.append(f"digits.onnx,{name},{SECONDS}\n")
    (folder / "digits.csv").write_text("".join(rows))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
