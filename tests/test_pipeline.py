"""Pipelines as text: exact round trips, all mistakes at once, arrays by name, what an error says of where it struck."""

from __future__ import annotations

import numpy as np
import pytest
from laws import CASES

from isinglass.compiler.defaults import add_option, default_pipeline
from isinglass.compiler.pipeline import PASSES, Pipeline
from isinglass.ir.builder import Builder
from isinglass.ir.errors import Refused, UsageError


@pytest.mark.parametrize("text", [*CASES, *PASSES, "normalize-rows,penalize{slack=unit,weight=2.5},encode-integers"])
def test_text_round_trip(text: str) -> None:
    assert str(Pipeline.parse(text)) == text
    assert str(Pipeline.parse(f"  {text.replace(',', ' , ')} ")) == text


@pytest.mark.parametrize("level", ["BQM", "SPIN", "MIP"])
@pytest.mark.parametrize(
    "options", [{}, {"code": "one-hot"}, {"code": "bounded", "limit": 3}, {"slack": "unit", "bits": 4}]
)
def test_default_pipelines_parse(level: str, options: dict[str, object]) -> None:
    text = default_pipeline(level, options)
    assert str(Pipeline.parse(str(Pipeline.parse(text)))) == str(Pipeline.parse(text))


def test_all_mistakes_at_once() -> None:
    with pytest.raises(UsageError) as caught:
        Pipeline.parse("penalise,encode-integers{kode=log},quadratize,tighten-bounds{rounds=many}")
    text = str(caught.value)
    assert len(caught.value.diagnostics) == 3
    assert "did you mean 'penalize'" in text and "did you mean 'code'" in text and "'many' is not of type int" in text


def test_arrays_are_handed_over_by_name() -> None:
    point = np.zeros(3)
    pipeline = Pipeline.parse("penalize{incumbent=@x}", {"x": point})
    assert str(pipeline) == "penalize{incumbent=@x}"
    assert pipeline.passes[0].incumbent.array is point  # type: ignore[attr-defined]
    with pytest.raises(UsageError, match="no array @y"):
        Pipeline.parse("penalize{incumbent=@y}", {"x": point})


def test_options_are_added_to_a_text() -> None:
    assert add_option("a,penalize,b", "penalize", "implied=true") == "a,penalize{implied=true},b"
    assert add_option("a,penalize{slack=unit},b", "penalize", "weight=1.0") == "a,penalize{weight=1.0,slack=unit},b"


def test_an_error_says_where_it_struck() -> None:
    b = Builder()
    x = b.binary("x", (3,))
    b.add("half", 0.5 * x.sum() <= 1)
    b.minimize(x.sum())
    with pytest.raises(Refused, match="normalize-rows first") as caught:
        Pipeline.parse("drop-rows,penalize").run(b.build())
    assert caught.value.__notes__ == ["in pass penalize, after drop-rows"]


def test_guarantees_and_ledgers_add_up() -> None:
    b = Builder()
    x = b.integer("x", (2,), 0, 5)
    b.add("cap", x.sum() <= 4)
    b.maximize(x[0] * 2 + x[1])
    trace = Pipeline.parse("normalize-rows,penalize,encode-integers").run(b.build(), check=True)
    assert (trace.guarantee.feasible, trace.guarantee.optimum) == ("grows", "kept")
    assert [ran.text for ran in trace.ran] == ["normalize-rows", "penalize", "encode-integers"]
    assert len(trace.ledger) == sum(len(ran.step.ledger) for ran in trace.ran)
    assert len(trace.lift.records) == sum(len(ran.step.lift.records) for ran in trace.ran)
