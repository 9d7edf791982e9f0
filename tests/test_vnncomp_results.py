"""The results file of VNN-COMP, read back the way a scoring script would."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from isinglass.backends.vnncomp_results import VERDICTS, write_vnncomp
from isinglass.ir.errors import InputError


def read(path: Path) -> tuple[str, dict[str, str]]:
    verdict, _, rest = path.read_text(encoding="utf-8").partition("\n")
    assert rest.count("(") == rest.count(")")
    return verdict, dict(re.findall(r"\(?\((\w+)\s+([^\s()]+)\)", rest))


def test_values_read_back_exactly(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(size=(5, 4)).astype(np.float32), [[0.1, 1e-30, -0.0, 3e38]]]).astype(np.float32)
    y = np.array([1 / 3, -7e-12, 0.02], dtype=np.float32)
    write_vnncomp(tmp_path / "r.txt", "sat", x.astype(np.float64), y.astype(np.float64))
    verdict, found = read(tmp_path / "r.txt")
    assert verdict == "sat"
    assert list(found) == [f"X_{k}" for k in range(24)] + [f"Y_{k}" for k in range(3)]
    texts = list(found.values())
    assert np.array(texts[:24], dtype=np.float32).tolist() == x.ravel().tolist()
    assert np.array(texts[:24]).astype(np.float64).tolist() == x.ravel().tolist()
    assert [np.float32(text) for text in texts[24:]] == y.tolist()


@pytest.mark.parametrize("verdict", [one for one in VERDICTS if one != "sat"])
def test_other_verdicts_are_one_line(verdict: str, tmp_path: Path) -> None:
    write_vnncomp(tmp_path / "r.txt", verdict)
    assert (tmp_path / "r.txt").read_text(encoding="utf-8") == verdict + "\n"


def test_what_is_no_result(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'holds' is no verdict"):
        write_vnncomp(tmp_path / "r.txt", "holds")
    with pytest.raises(InputError, match="a sat without a counterexample"):
        write_vnncomp(tmp_path / "r.txt", "sat", np.zeros(2))
    assert not list(tmp_path.iterdir())
