"""Damaged answers of any kind meet a verdict or an input error, never another exception; NaN is no bound."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from isinglass.cli import cli
from isinglass.facade import checks
from isinglass.ir.errors import InputError
from isinglass.ir.slope_form import SlopeForm
from isinglass.ir.slope_proof.leaf import leaf_upper

SPEC = """var s : spin[4]
minimize s[0]*s[1] + s[1]*s[2] + s[2]*s[3] - 0.5*s[3]*s[0]
"""
HUGE = 10**400


@pytest.fixture(scope="module")
def solved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("review")
    (folder / "a.glass").write_text(SPEC)
    found = CliRunner().invoke(cli, ["run", str(folder / "a.glass"), "--certify", "--json"])
    assert found.exit_code == 0
    (folder / "a.json").write_text(found.stdout)
    assert checks.check(folder / "a.json").verdict == "accepted"
    return folder, json.loads(found.stdout)


@pytest.mark.parametrize(
    "damage",
    [
        {"sources": float("nan")}, {"sources": None}, {"options": 7}, {"options": []}, {"timings": "x"},
        {"history": [[HUGE, 0, 1]]}, {"lower": HUGE}, {"upper": HUGE}, {"value": HUGE}, {"value": "1"},
        {"value": float("nan")}, {"upper": float("nan")}, {"lower": float("nan")}, {"lower": "x"}, {"upper": True},
        {"witness": {"s": [HUGE, 1, 1, 1]}}, {"witness": 3}, {"certificate": [1]}, {"basis": []},
    ],
)  # fmt: skip
def test_damaged_answers_are_no_answers(damage: dict[str, Any], solved: tuple[Path, dict[str, Any]]) -> None:
    folder, answer = solved
    path = folder / "damaged.json"
    path.write_text(json.dumps({**answer, **damage}))
    with contextlib.suppress(InputError):
        assert checks.check(path).verdict == "rejected"


def test_damaged_definitions_are_an_input_error(solved: tuple[Path, dict[str, Any]]) -> None:
    folder, answer = solved
    path = folder / "damaged.json"
    path.write_text(json.dumps({**answer, "options": {**answer["options"], "defines": 5}}))
    with pytest.raises(InputError):
        checks.check(path)


def test_a_unit_whose_inputs_are_no_numbers_is_not_left_out() -> None:
    """Two units; what the second one reads overflowed, which must not look like nothing."""
    errors = (np.zeros((2, 2)), np.array([[0.0], [np.nan]]), np.zeros((1, 2)), np.zeros((1, 1)))
    form = SlopeForm(
        np.zeros((2, 2)), np.array([[1.0], [np.inf]]), np.ones((1, 2)), np.zeros((1, 1)), np.zeros(2), np.ones(2),
        (("h", 0, 2),), np.zeros(2, np.int64), errors,
    )  # fmt: skip
    assert leaf_upper(form, 0, "linf", np.full(2, np.nan), np.ones(1), np.ones(2)) == np.inf
