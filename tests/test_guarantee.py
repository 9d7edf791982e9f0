"""Guarantees compose, and never promise more than their parts."""

from __future__ import annotations

from itertools import product

import pytest

from isinglass.ir.guarantee import FEASIBLE, OPTIMUM, Guarantee, join_sets

STRENGTH = {"same": set(), "grows": {"more"}, "shrinks": {"less"}, "any": {"more", "less"}}
"""What may have happened to the feasible set."""
ALL = [Guarantee(f, o, e, {"cap": e}) for f, o, e in product(FEASIBLE, OPTIMUM, (0.0, 0.5))]


def test_sets_join_as_what_may_have_happened() -> None:
    for first, second in product(FEASIBLE, repeat=2):
        assert STRENGTH[join_sets(first, second)] == STRENGTH[first] | STRENGTH[second]


def test_composition_is_associative_with_a_neutral_element() -> None:
    for a, b, c in product(ALL[::3], ALL, ALL[::2]):
        assert a.then(b).then(c) == a.then(b.then(c))
    for a in ALL:
        assert Guarantee().then(a) == a.then(Guarantee(row_error={"cap": 0.0})) == a


def test_errors_add_in_source_units() -> None:
    joint = Guarantee(objective_error=1.0, row_error={"a": 0.25}).then(
        Guarantee(objective_error=2.0, row_error={"a": 0.5, "b": 1}), -3
    )
    assert joint.objective_error == 7.0
    assert joint.row_error == {"a": 0.75, "b": 1}
    assert joint.optimum == "kept"


def test_what_may_be_claimed() -> None:
    penalised, lattice, untuned = (
        Guarantee("grows", "kept"),
        Guarantee("shrinks", "bounded", 0.1),
        Guarantee("any", "any"),
    )
    assert penalised.exact
    assert penalised.proves_infeasible
    assert not lattice.exact
    assert not lattice.proves_infeasible
    assert not penalised.then(lattice).exact
    assert not penalised.then(lattice).proves_infeasible
    assert not untuned.exact
    assert not untuned.proves_infeasible


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (Guarantee("grows", "kept", infeasible_above=5.0), Guarantee(), 5.0),
        (Guarantee(), Guarantee("grows", "kept", infeasible_above=5.0), 5.0),
        (Guarantee("grows", "bounded", 1.0), Guarantee("grows", "kept", infeasible_above=5.0), 5.0),
        (Guarantee("shrinks", "kept"), Guarantee("grows", "kept", infeasible_above=5.0), 5.0),
        # a finer grid might have a feasible point
        (Guarantee("shrinks", "bounded", 1.0), Guarantee("grows", "kept", infeasible_above=5.0), None),
        (Guarantee("any", "any"), Guarantee("grows", "kept", infeasible_above=5.0), None),
        # rounded coefficients move the minimum by up to 0.5, an untuned weight anywhere
        (Guarantee("grows", "kept", infeasible_above=5.0), Guarantee("same", "bounded", 0.5), 5.5),
        (Guarantee("grows", "kept", infeasible_above=5.0), Guarantee("any", "any"), None),
        # either minimum shows it
        (Guarantee("grows", "kept", infeasible_above=5.0), Guarantee("grows", "kept", infeasible_above=7.0), 5.0),
        (Guarantee("grows", "kept", infeasible_above=9.0), Guarantee("grows", "kept", infeasible_above=7.0), 7.0),
    ],
)
def test_the_energy_that_proves_infeasibility(first: Guarantee, second: Guarantee, expected: float | None) -> None:
    assert first.then(second).infeasible_above == expected


def test_composing_thresholds_in_another_order_never_claims_more() -> None:
    parts = [Guarantee(g.feasible, g.optimum, g.objective_error, infeasible_above=u) for g in ALL for u in (None, 4.0)]
    for a, b, c in product(parts[::3], parts, parts[::5]):
        left, right = a.then(b).then(c).infeasible_above, a.then(b.then(c)).infeasible_above
        assert left is None or right is None or left == right


def test_text() -> None:
    found = Guarantee("grows", "bounded", 0.5, {"cap": 0.125})
    assert str(found) == "feasible set grows, optimum bounded, objective within 0.5, rows within cap: 0.125"
    assert str(Guarantee()) == "feasible set same, optimum kept"
