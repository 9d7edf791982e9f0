"""Golden texts: ``tests/golden/<pass>/<case>.igir`` holds ``// pipeline``, the input, a rule of dashes, the expected
output.

A file that ends at its rule (or ``--update-golden``) is filled in from what the pipeline gives; read the diff.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from isinglass.compiler.pipeline import PASSES, Pipeline
from isinglass.ir.errors import IsinglassError
from isinglass.ir.text import parse_ir, print_ir

FOLDER = Path(__file__).parent / "golden"
RULE = "----\n"
FILES = sorted(FOLDER.glob("*/*.igir"))


def outcome(pipeline: str, text: str) -> str:
    """The printed result, or the error's text."""
    try:
        return print_ir(Pipeline.parse(pipeline).run(parse_ir(text), check=True).problem)[0]
    except IsinglassError as error:
        return f"{error}\n"


@pytest.mark.parametrize("file", FILES, ids=lambda f: f"{f.parent.name}/{f.stem}")
def test_golden(file: Path, request: pytest.FixtureRequest) -> None:
    head, _, expected = file.read_text().partition(RULE)
    first, _, source = head.partition("\n")
    pipeline = first.removeprefix("//").strip()
    assert str(Pipeline.parse(pipeline)) == pipeline
    assert print_ir(parse_ir(source))[0] == source, "the input is not in the printed form"
    found = outcome(pipeline, source)
    if request.config.getoption("--update-golden"):
        file.write_text(head + RULE + found)
    else:
        assert found == expected


def test_every_pass_has_a_golden_text() -> None:
    named = {file.parent.name for file in FILES}
    assert named <= set(PASSES), "a folder that is no pass"
    assert named | {"tighten-activity"} >= set(PASSES), "a pass without a golden text"
