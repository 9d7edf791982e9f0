"""Every example spec is answered by ``run`` and not rejected by ``check``."""

from __future__ import annotations

from pathlib import Path

import pytest

import isinglass

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.mark.parametrize("spec", sorted(EXAMPLES.glob("*.glass")), ids=lambda p: p.stem)
def test_example(spec: Path, tmp_path: Path) -> None:
    answer = isinglass.run(spec, timeout=60)
    assert answer.exit_code == 0, answer.status
    file = tmp_path / "answer.json"
    file.write_text(answer.to_json())
    assert isinglass.check(file).exit_code == 0
