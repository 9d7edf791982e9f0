"""Spin certificates that were changed or are malformed: refused, or still no better than the truth.

Changed numbers may be proofs as well, so enumeration judges what is accepted.
"""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import spin_cases as cases
from hypothesis import given
from hypothesis import strategies as st

from isinglass.ir.arrays_text import packed
from isinglass.ir.certificates import odd_cycles, spin_tree
from isinglass.ir.errors import InputError
from isinglass.ir.odd_cycles import OddCycles
from isinglass.ir.quadratic.spins import spin_form
from isinglass.ir.spin_form import SpinForm
from isinglass.ir.spin_proof.bounds import cycles_upper, tree_upper
from isinglass.ir.spin_tree import SpinTree

Array = Any
seeds = st.integers(0, 10**6)
NUMBERS = [np.nan, np.inf, -np.inf, -1.0, -1e-30, 0.0, 1e-320, 1e-30, 0.5, 3.0, 1e30, 1e200, 1.7e308]
WHOLE = [-(2**40), -2, -1, 0, 1, 2, 3, 5, 100, 2**31, 2**40]
TREE = ("spin", "scale", "diagonal", "start", "triangle", "pattern", "multiplier")
CYCLES = ("spin", "leaf", "start", "vertex", "flag", "multiplier")


def edited(rng: np.random.Generator, certificate: Any, fields: tuple[str, ...]) -> Any:
    """One array with an entry changed, removed, doubled, moved, of another sign or type, or exchanged for another."""
    name = str(rng.choice(fields))
    array = np.array(getattr(certificate, name))
    flat = array.ravel().copy()
    place = int(rng.integers(max(1, flat.size)))
    match int(rng.integers(7)):
        case 0 if flat.size:
            flat[place] = rng.choice(NUMBERS if array.dtype.kind == "f" else WHOLE)
            array = flat.reshape(array.shape)
        case 1 if flat.size:
            flat[place] = -flat[place]
            array = flat.reshape(array.shape)
        case 2:
            array = array[:-1]
        case 3:
            array = np.concatenate([array, array[-1:]])
        case 4:
            array = array[rng.permutation(len(array))]
        case 5 if array.dtype.kind == "f":
            array = array * rng.choice(NUMBERS)
        case _:
            other = np.array(getattr(certificate, str(rng.choice(fields))))
            array = other if other.dtype.kind == array.dtype.kind else array + 1
    return replace(certificate, **{name: array})


def written(certificate: Any) -> Any:
    """Plain data, whatever the arrays hold."""
    with np.errstate(all="ignore"):
        return json.loads(json.dumps(certificate.to_plain()))


@given(seeds)
def test_edited_trees_are_refused_or_sound(seed: int) -> None:
    rng = np.random.default_rng(seed)
    form = cases.random_form(rng, most=5, rows=3)
    true = cases.greatest(form, np.append(1, np.zeros(form.spins - 1, np.int8)))
    tree = cases.random_tree(rng, form)
    for _ in range(12):
        with np.errstate(all="ignore"):
            changed = edited(rng, tree, TREE)
        try:
            upper = tree_upper(form, SpinTree.from_plain(written(changed)))
        except InputError:
            continue
        assert upper >= true


@given(seeds)
def test_edited_cycles_are_refused_or_sound(seed: int) -> None:
    rng = np.random.default_rng(seed)
    form = cases.random_form(rng, most=6, rows=0)
    if form.spins < 2:
        return
    true = cases.greatest(form, np.append(1, np.zeros(form.spins - 1, np.int8)))
    cycles = cases.random_cycles(rng, form.spins)
    for _ in range(12):
        with np.errstate(all="ignore"):
            changed = edited(rng, cycles, CYCLES)
        try:
            upper = cycles_upper(form, OddCycles.from_plain(written(changed)))
        except InputError:
            continue
        assert upper >= true


@given(seeds)
def test_proofs_of_other_objectives_are_sound(seed: int) -> None:
    """A certificate made for one problem is worth what it proves about another of its size."""
    rng = np.random.default_rng(seed)
    one = cases.random_problem(rng)
    form, true = spin_form(one), cases.least(one)
    other = SpinForm(np.zeros((0, form.spins)), None if form.quadratic is None else form.quadratic * -1.7)
    found = spin_tree.lower_bound(one, written(cases.random_tree(rng, other)))
    assert found is None or found <= true


def test_a_leaf_that_is_missing_is_noticed() -> None:
    form = SpinForm(np.ones((2, 4)))
    tree = cases.random_tree(np.random.default_rng(1), form)
    leaves = np.flatnonzero(tree.leaf)
    assert len(leaves) > 2
    for leaf, node in enumerate(leaves.tolist()):
        begin, end = int(tree.start[leaf]), int(tree.start[leaf + 1])
        smaller = SpinTree(
            tree.spins, tree.rows, np.delete(tree.spin, node), np.delete(tree.scale, leaf, 0),
            np.delete(tree.diagonal, leaf, 0),
            np.concatenate([tree.start[: leaf + 1], tree.start[leaf + 2 :] - (end - begin)]),
            np.delete(tree.triangle, slice(begin, end), 0), np.delete(tree.pattern, slice(begin, end)),
            np.delete(tree.multiplier, slice(begin, end)),
        )  # fmt: skip
        with pytest.raises(InputError, match="no tree in preorder"):
            SpinTree.from_plain(written(smaller))


def small_tree() -> dict[str, Any]:
    """One split of the second of three spins, one row, one triangle on the first leaf."""
    return SpinTree(
        3, 1, np.array([1, -1, -1]), np.ones((2, 1)), np.zeros((2, 3)), np.array([0, 1, 1]), np.array([[0, 1, 2]]),
        np.array([3]), np.ones(1),
    ).to_plain()  # fmt: skip


def small_cycles() -> dict[str, Any]:
    walk = OddCycles.of_walks(4, np.array([0, 3]), np.array([0, 1, 2]), np.array([1, 0, 0]), np.ones(1))
    return walk.to_plain()


def array(*values: Any, kind: Any = np.int64) -> Any:
    return packed(np.array(values, dtype=kind))


BIG = {"dtype": "<f8", "shape": [1 << 27, 3], "data": base64.b64encode(zlib.compress(b"")).decode()}
FLOATS = np.float64
TREES = {
    "another kind": ({"kind": "case-tree"}, "no spin tree"),
    "no spins": ({"spins": 0}, "sizes"),
    "half a spin": ({"spins": 3.0}, "sizes"),
    "true spins": ({"spins": True}, "sizes"),
    "negative rows": ({"rows": -1}, "sizes"),
    "other rows": ({"rows": 2}, "every leaf"),
    "other spins": ({"spins": 4}, "every leaf"),
    "unknown field": ({"note": 1}, "unknown"),
    "missing field": ({"scale": None}, "object was expected"),
    "one end of the ranges": ({"low": array(0.0, kind=FLOATS)}, "missing"),
    "ranges of two sizes": ({"low": array(0.0, kind=FLOATS), "high": array(0.0, 1.0, kind=FLOATS)}, "ranges"),
    "ranges of NaN": ({"low": array(np.nan, kind=FLOATS), "high": array(0.0, kind=FLOATS)}, "ranges"),
    "no nodes": ({"spin": array()}, "preorder"),
    "two trees": ({"spin": array(-1, -1)}, "preorder"),
    "open tree": ({"spin": array(1, -1)}, "preorder"),
    "first spin": ({"spin": array(0, -1, -1)}, "names no spin"),
    "spin too large": ({"spin": array(3, -1, -1)}, "names no spin"),
    "spin too small": ({"spin": array(1, -1, -2)}, "names no spin"),
    "start too late": ({"start": array(1, 1, 1)}, "belong to its leaves"),
    "start goes back": ({"start": array(0, 2, 1)}, "belong to its leaves"),
    "start too short": ({"start": array(0, 1)}, "belong to its leaves"),
    "a triangle of two": ({"triangle": packed(np.array([[0, 1]]))}, "different lengths"),
    "too many triangles": ({"triangle": packed(np.zeros((2, 3), np.int64))}, "different lengths"),
    "no such pattern": ({"pattern": array(4)}, "no pattern"),
    "no such corner": ({"triangle": packed(np.array([[0, 1, 3]]))}, "no spin"),
    "negative corner": ({"triangle": packed(np.array([[0, 1, -1]]))}, "no spin"),
    "negative multiplier": ({"multiplier": array(-1.0, kind=FLOATS)}, "negative"),
    "multiplier NaN": ({"multiplier": array(np.nan, kind=FLOATS)}, "no number"),
    "negative scale": ({"scale": packed(np.array([[1.0], [-1e-300]]))}, "negative"),
    "infinite scale": ({"scale": packed(np.array([[np.inf], [1.0]]))}, "no number"),
    "diagonal NaN": ({"diagonal": packed(np.full((2, 3), np.nan))}, "no number"),
    "numbers as whole ones": ({"multiplier": array(1)}, "of type"),
    "whole ones as numbers": ({"spin": array(1.0, -1.0, -1.0, kind=FLOATS)}, "of type"),
    "other axes": ({"scale": packed(np.ones(2))}, "shape"),
    "too large": ({"scale": BIG}, "bytes"),
    "no base64": ({"spin": {"dtype": "<i8", "shape": [1], "data": "#"}}, "unpacked"),
}
WALKS = {
    "another kind": ({"kind": "spin-tree"}, "no proof by odd cycles"),
    "no spins": ({"spins": 0}, "size"),
    "size as text": ({"spins": "4"}, "size"),
    "unknown field": ({"note": 1}, "unknown"),
    "two leaves": ({"spin": array(1, -1, -1)}, "belong to its leaves"),
    "no tree": ({"spin": array(1, -1)}, "preorder"),
    "a walk of no leaf": ({"leaf": array(0, 0)}, "belong to its leaves"),
    "two steps": ({"start": array(0, 2), "vertex": array(0, 1), "flag": array(1, 0)}, "less than three"),
    "start elsewhere": ({"start": array(0, 2)}, "less than three"),
    "start too long": ({"start": array(0, 3, 3)}, "less than three"),
    "even": ({"flag": array(1, 1, 0)}, "even number"),
    "none flagged": ({"flag": array(0, 0, 0)}, "even number"),
    "flag of two": ({"flag": array(2, 1, 0)}, "flags"),
    "flag missing": ({"flag": array(1, 0)}, "flags"),
    "standing still": ({"vertex": array(0, 1, 1)}, "stands still"),
    "standing at the end": ({"vertex": array(0, 1, 0)}, "stands still"),
    "no such spin": ({"vertex": array(0, 1, 4)}, "names no spin"),
    "negative spin": ({"vertex": array(0, 1, -1)}, "names no spin"),
    "negative multiplier": ({"multiplier": array(-1.0, kind=FLOATS)}, "negative"),
    "multiplier NaN": ({"multiplier": array(np.nan, kind=FLOATS)}, "no number"),
    "infinite multiplier": ({"multiplier": array(np.inf, kind=FLOATS)}, "no number"),
}


@pytest.mark.parametrize("name", TREES)
def test_malformed_trees(name: str) -> None:
    change, message = TREES[name]
    assert SpinTree.from_plain(small_tree()).leaves == 2
    with pytest.raises(InputError, match=message) as caught:
        SpinTree.from_plain(small_tree() | change)
    assert "spin-tree certificate is malformed" in str(caught.value)


@pytest.mark.parametrize("name", WALKS)
def test_malformed_cycles(name: str) -> None:
    change, message = WALKS[name]
    assert OddCycles.from_plain(small_cycles()).leaves == 1
    with pytest.raises(InputError, match=message) as caught:
        OddCycles.from_plain(small_cycles() | change)
    assert "odd-cycles certificate is malformed" in str(caught.value)


def test_a_spin_is_split_once_on_a_way() -> None:
    tree = SpinTree.from_plain(small_tree())
    twice = replace(
        tree, spin=np.array([1, 1, -1, -1, -1]), scale=np.ones((3, 1)), diagonal=np.zeros((3, 3)),
        start=np.array([0, 1, 1, 1]),
    )  # fmt: skip
    with pytest.raises(InputError, match="split twice"):
        tree_upper(SpinForm(np.ones((1, 3))), SpinTree.from_plain(written(twice)))


NONE: tuple[Any, ...] = (None, 3, "spin-tree", [], {}, {"kind": "spin-tree"}, {"kind": "odd-cycles", "spins": 3})


@pytest.mark.parametrize("data", NONE)
def test_what_is_no_certificate_at_all(data: Any) -> None:
    problem = cases.random_problem(np.random.default_rng(0))
    for module in (spin_tree, odd_cycles):
        with pytest.raises(InputError, match="malformed"):
            module.lower_bound(problem, data)


def test_trees_come_back_as_they_were() -> None:
    rng = np.random.default_rng(5)
    for kind in (np.float16, np.float32, np.float64):
        tree = cases.random_tree(rng, SpinForm(np.ones((3, 5))), kind)
        tree = replace(tree, ranges=(np.zeros(2), np.array([1, np.inf])))
        again = SpinTree.from_plain(written(tree))
        assert all(np.array_equal(getattr(tree, name), getattr(again, name)) for name in TREE)
        assert again.scale.dtype == again.multiplier.dtype == kind
        assert np.array_equal(tree.ranges, again.ranges) and (again.spins, again.rows) == (5, 3)
    cycles = cases.random_cycles(rng, 6)
    same = OddCycles.from_plain(written(cycles))
    assert all(np.array_equal(getattr(cycles, name), getattr(same, name)) for name in CYCLES)
