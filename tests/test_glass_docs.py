"""The spec language's reference: every block is a spec, and every option and function of the language is named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from isinglass.frontends.glass.options import OPTIONS
from isinglass.frontends.glass.reader import parse_spec
from isinglass.frontends.glass.signatures import FUNCTIONS

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "spec-language.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```glass\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_block(number: int) -> None:
    parse_spec(BLOCKS[number], base_dir=ROOT / "examples")


def test_the_reference_is_complete() -> None:
    assert len(BLOCKS) == 6
    missing = [name for name in (*OPTIONS, *FUNCTIONS) if not re.search(rf"\b{name}\b", TEXT)]
    assert not missing
