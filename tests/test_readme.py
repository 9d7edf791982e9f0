"""Every block of the README runs: ``glass`` blocks become files, ``sh`` and ``python`` blocks run in order in one
folder."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_every_block_runs(tmp_path: Path) -> None:
    for name in ("digits.onnx", "digits_32.onnx", "digits.npz", "digits_7.vnnlib", "digits_3.vnnlib", "digits.csv"):
        shutil.copy(ROOT / "examples" / name, tmp_path)
    binaries = str(Path(sys.executable).parent)
    environment = {**os.environ, "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "120"}
    ran = {"glass": 0, "sh": 0, "python": 0}
    for kind, code in BLOCK.findall((ROOT / "README.md").read_text()):
        if kind == "text":
            continue
        ran[kind] += 1
        if kind == "glass":
            name = re.match(r"# (\S+)\n", code)
            assert name is not None, "a spec block starts with its file name"
            (tmp_path / name[1]).write_text(code)
            continue
        command = ["bash", "-e", "-o", "pipefail", "-c", code] if kind == "sh" else [sys.executable, "-c", code]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, f"{code}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
    assert min(ran.values()) >= 1
    assert '"status"' in (tmp_path / "answer.json").read_text()
