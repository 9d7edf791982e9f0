"""Every pass keeps the laws of guarantee and lift, on 50 random problems each (``benchmarks/soundness.py`` runs
1,000)."""

from __future__ import annotations

import pytest
from laws import CASES, sweep

from isinglass.compiler.pipeline import PASSES

# they need what a driver finds (an incumbent's value, multipliers): judged with it in test_incumbents.py
ELSEWHERE = {"tighten-activity", "objective-cutoff"}


@pytest.mark.parametrize("text", CASES)
def test_laws(text: str) -> None:
    assert sweep(text, 50) >= 10


def test_every_pass_is_judged() -> None:
    assert {text.partition("{")[0] for text in CASES} | ELSEWHERE == set(PASSES)
