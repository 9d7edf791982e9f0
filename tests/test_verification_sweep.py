"""Every method of proving claims about networks on random questions: no contradiction, no certificate refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import verification_cases as cases
from verification_sweep import methods, sampled_bounds, sweep


def test_no_method_contradicts_a_point_or_another(tmp_path: Path) -> None:
    found = sweep(50, 0, tmp_path, seconds=1.0, units=5)
    assert set(found) - {"together"} == set(methods())
    wrong = {name: dict(counts) for name, counts in found.items() if any("WRONG" in key for key in counts)}
    assert not wrong
    assert not {name: dict(counts) for name, counts in found.items() if counts["unsat, certificate not accepted"]}
    assert found["verify"]["sat"] >= 10
    assert found["verify"]["unsat, accepted"] >= 25


@pytest.mark.parametrize("kind", [*cases.LINEAR, *cases.JUMPS, *cases.SMOOTH])
def test_no_point_leaves_the_bounds(tmp_path: Path, kind: str) -> None:
    compared, outside = sampled_bounds(kind, 3000, 1, tmp_path, nets=6)
    assert compared >= 3000
    assert outside == 0
