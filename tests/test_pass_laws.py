"""Every pass keeps the laws of guarantee and lift, on 50 random problems each (``benchmarks/soundness.py`` runs
1,000)."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from isinglass.compiler.pipeline import PASSES

sys.path.insert(0, str(Path(__file__).parent))
from laws import CASES, sweep

# needs arrays of a driver: judged in its own test
ELSEWHERE = {"tighten-activity"}


@pytest.mark.parametrize("text", CASES)
def test_laws(text: str) -> None:
    assert sweep(text, 50) >= 10


def test_every_pass_is_judged() -> None:
    assert {text.partition("{")[0] for text in CASES} | ELSEWHERE == set(PASSES)
