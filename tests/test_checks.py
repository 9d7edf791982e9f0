"""Checking of answers about networks: counterexamples are run again, edited ones rejected."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import isinglass

SPEC = Path(__file__).parents[1] / "examples" / "robust.glass"


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    answer = isinglass.run(SPEC, {"eps": "0.3"}, timeout=60)
    assert answer.status == "sat" and answer.arithmetic == "both"
    return answer.to_dict()


def verdict(tmp_path: Path, answer: dict[str, Any]) -> str:
    file = tmp_path / "answer.json"
    file.write_text(json.dumps(answer))
    return isinglass.check(file).verdict


def test_counterexample_is_run_again(tmp_path: Path, found: dict[str, Any]) -> None:
    assert verdict(tmp_path, found) == "witness-only"


def test_a_proof_is_followed_and_a_solver_has_its_word(tmp_path: Path) -> None:
    answer = isinglass.run(SPEC, timeout=60)
    assert (answer.status, answer.basis) == ("unsat", "certificate")
    assert answer.lower is None and answer.upper is None
    assert verdict(tmp_path, answer.to_dict()) == "accepted"
    word = answer.with_fields(basis="solver-word", certificate=None)
    assert verdict(tmp_path, word.to_dict()) == "solver-word"


def edits() -> dict[str, Any]:
    def replaced(x: list[float], value: Any, place: int = 10) -> list[Any]:
        return [value if i == place else v for i, v in enumerate(x)]

    return {
        "outside the box": lambda x: replaced(x, 1.5),
        "just outside": lambda x: replaced(x, x[10] + 0.31),
        "not a number": lambda x: replaced(x, "a"),
        "infinite": lambda x: replaced(x, "inf"),
        "too short": lambda x: x[:-1],
        "empty": lambda x: [],
        "the centre": lambda x: [0.5] * len(x),
        "missing": lambda x: None,
    }


@pytest.mark.parametrize("name", edits())
def test_edited_counterexamples_are_rejected(tmp_path: Path, found: dict[str, Any], name: str) -> None:
    changed = json.loads(json.dumps(found))
    changed["witness"]["x"] = edits()[name](changed["witness"]["x"])
    assert verdict(tmp_path, changed) == "rejected"


def test_other_claims_are_rejected(tmp_path: Path, found: dict[str, Any]) -> None:
    assert verdict(tmp_path, {**found, "status": "optimal"}) == "rejected"
    assert verdict(tmp_path, {**found, "witness": None}) == "rejected"
    smaller = {**found, "options": {**found["options"], "defines": {"eps": "0.01"}}}
    assert verdict(tmp_path, smaller) == "rejected"
    changed = {**found, "sources": {**found["sources"], str(SPEC): "0" * 64}}
    assert verdict(tmp_path, changed) == "rejected"
