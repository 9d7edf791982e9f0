"""Certificates that a network never enters an unsafe set, tampered with: malformed, open, or still true."""

from __future__ import annotations

import base64
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import verification_cases as cases
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx_models import node, save
from tree_cases import arrays, grid, hat_task, saved, tampered

from isinglass.facade.checks import check
from isinglass.ir.answers import Answer
from isinglass.ir.arrays_text import packed
from isinglass.ir.case_tree import Forest
from isinglass.ir.certificates.case_tree import proves, refuted
from isinglass.ir.errors import InputError
from isinglass.ir.tasks import Prove
from isinglass.ir.unsafe import UnsafeSet


@pytest.fixture
def hat(tmp_path: Path) -> Prove:
    return hat_task(tmp_path)


def outcome(task: Prove, certificate: Any) -> str:
    try:
        return "accepted" if proves(task, certificate) else "open"
    except InputError:
        return "malformed"


def test_trees_that_are_none(hat: Prove) -> None:
    good = saved(grid(hat, 2))
    assert outcome(hat, good) == "accepted"
    whole = arrays(good["forests"][0])
    block, element, one = whole["block"], whole["element"], packed(np.ones((1, 1)))
    wrong = [
        tampered(good, block=block[:-1], element=element[:-1]),  # a leaf is missing
        tampered(good, block=np.append(block, np.int8(-1)), element=np.append(element, np.int8(0))),  # one too many
        tampered(good, block=np.roll(block, 1)),
        tampered(good, block=np.zeros_like(block)),
        tampered(good, block=block + np.int8(1)),  # blocks that there are not
        tampered(good, element=element + np.int8(1)),
        tampered(good, element=-element - np.int8(1)),
        tampered(good, element=element[:-1]),
        tampered(good, blocks=["f.nothing"]),
        tampered(good, blocks=["x", 3]),
        tampered(good, blocks="x"),
        tampered(good, cases=np.array([1], np.int8)),
        tampered(good, cases=np.array([-1], np.int8)),
        tampered(good, start=np.array([0, 2], np.int8)),
        tampered(good, start=np.array([0, 0, 1], np.int8)),
        tampered(good, start=np.array([], np.int8)),
        tampered(good, cases=np.zeros((1, 1), np.int8)),
        tampered(good, cases=np.zeros(1, np.float32)),
        tampered(good, value=np.full(len(block), np.inf)),
        tampered(good, value=np.zeros(len(block) - 1)),
        tampered(good, bounds="stale"),
        tampered(good, bounds=["fresh"]),
        tampered(good, contract=1),
        tampered(good, block=None),
        tampered(good, extra=1),
        tampered(good, multipliers=np.zeros(3)),
        tampered(good, weights=np.zeros(3)),
        tampered(good, weights=np.full(4, -1.0)),
        tampered(good, weights=np.full(4, np.nan)),
        tampered(good, multipliers=np.full(8, -1e-30)),
        tampered(good, multipliers=np.full(8, np.inf)),
        tampered(good, tilts={"f.h1": packed(np.full((4, 2), 1.5))}),
        tampered(good, tilts={"f.h1": packed(np.full((4, 2), np.nan))}),
        tampered(good, tilts={"f.h1": packed(np.full((3, 2), 0.5))}),
        tampered(good, tilts={"f.h1": packed(np.full((4, 3), 0.5))}),
        tampered(good, tilts={"f.z1": packed(np.full((4, 2), 0.5))}),
        tampered(good, tilts=[packed(np.full((4, 2), 0.5))]),
        tampered(good, layers=[{"block": "f.z1", "rows": packed(np.array([0, 0]))}]),
        tampered(good, layers=[{"block": "f.z1", "rows": packed(np.array([2]))}]),
        tampered(good, layers=[{"block": "x", "rows": packed(np.array([0]))}]),
        tampered(good, layers=[{"block": "f.z1", "rows": packed(np.array([0])), "lower": {"x": one}}]),
        tampered(good, layers={}),
        {**good, "kind": "case-trees"}, {**good, "more": 1}, {"kind": "case-tree"}, {**good, "forests": {}},
        {**good, "forests": [3]}, {**good, "forests": "none"},
    ]  # fmt: skip
    assert [number for number, one in enumerate(wrong) if outcome(hat, one) != "malformed"] == []


def test_a_tree_keeps_to_one_region(hat: Prove) -> None:
    """The second region is harmless; its case and the first region's must not be refuted on one box."""
    unsafe = hat.unsafe.pick(np.array([0, 0]))
    box = np.array([[-1.0], [0.0]]), np.array([[3.0], [1.0]])
    two = UnsafeSet(unsafe.forms, unsafe.strict, unsafe.start, np.array([0, 1]), *box, *box, "dyadic", ["one", "two"])
    task = Prove(hat.problem, two, "claim", hat.inputs, hat.outputs)
    tree = grid(hat, 2)
    joint = grid(task, 2, cases=np.array([1, 0]), start=np.array([0, 2]), block=tree.block, element=tree.element)
    assert outcome(task, saved(joint)) == "malformed"
    apart = saved(grid(task, 2))
    assert refuted(task, apart).tolist() == [False, True]


def test_arrays_that_are_none(hat: Prove) -> None:
    good = saved(grid(hat, 2))
    entry = good["forests"][0]["block"]
    raw = zlib.decompress(base64.b64decode(entry["data"]))
    bomb = base64.b64encode(zlib.compress(bytes(50_000_000), 9)).decode()
    wrong = [
        {**entry, "data": entry["data"][:-3]}, {**entry, "data": "%"}, {**entry, "data": ""}, {**entry, "data": bomb},
        {**entry, "data": base64.b64encode(raw).decode()}, {**entry, "data": 7}, {**entry, "dtype": "object"},
        {**entry, "dtype": "<f8"}, {**entry, "dtype": "|O"}, {**entry, "dtype": 1}, {**entry, "shape": [7, 1]},
        {**entry, "shape": [-7]}, {**entry, "shape": [6]}, {**entry, "shape": [8]}, {**entry, "shape": [True]},
        {**entry, "shape": [2**62]}, {**entry, "shape": [10**30]}, {**entry, "shape": 7}, {**entry, "shape": [7.0]},
        {key: value for key, value in entry.items() if key != "shape"}, [1, 2], "text", {**entry, "more": 0},
        {**entry, "data": base64.b64encode(zlib.compress(raw) + b"x").decode()},
        {**entry, "data": base64.b64encode(zlib.compress(raw)[:-2]).decode()},
    ]  # fmt: skip
    found = [outcome(hat, tampered(good, block=one)) for one in wrong]
    assert [number for number, one in enumerate(found) if one != "malformed"] == []


def test_declared_sizes_are_limited_before_anything_is_unpacked(hat: Prove) -> None:
    good = saved(grid(hat, 2))
    huge = {"dtype": "<f8", "shape": [2**27], "data": base64.b64encode(zlib.compress(b"")).decode()}
    assert outcome(hat, tampered(good, value=huge)) == "malformed"


def test_a_tree_that_is_too_deep_is_refused(hat: Prove) -> None:
    depth = 3000
    block = np.concatenate([np.tile([0, -1], depth), [-1]])
    value = np.where(block >= 0, 5.0, np.nan)
    deep = grid(hat, 0, block=block, element=np.zeros_like(block), value=value)
    assert outcome(hat, saved(deep)) == "malformed"


def test_other_splits_only_fail_to_prove(tmp_path: Path) -> None:
    """Splits outside a node's interval, twice the same, swapped children: whatever is accepted is true."""
    for number in range(10):
        rng = np.random.default_rng([7, number])
        asked = cases.random_question(rng, tmp_path, ("relu", "leaky"), 6)
        wrong = cases.unsafe_cases(asked, rng)
        blocks = ("x", *(fn.args[0].variable for fn in asked.task.problem.fns.values()))
        sizes = np.array([asked.task.problem.vars[name].size for name in blocks])
        for _ in range(6):
            plain = grid(asked.task, 5)
            block = np.where(plain.leaf, -1, rng.integers(0, len(blocks), len(plain.block)))
            element = rng.integers(0, 99, len(block)) % sizes[block]
            value = np.where(plain.leaf, np.nan, rng.normal(size=len(block)) * 10.0 ** rng.integers(-3, 9, len(block)))
            value = np.where((block == 0) & (rng.random(len(block)) < 0.3), np.nan, value)
            depth = 5 * 32 * (len(plain.start) - 1)
            for mode in ("fresh", "kept"):
                extra = {"multipliers": rng.random(depth)} if rng.random() < 0.5 else {}
                splits = {"blocks": blocks, "block": block, "element": element, "value": value}
                forest = grid(asked.task, 5, bounds=mode, **splits, **extra)
                assert not (refuted(asked.task, saved(forest)) & wrong).any()


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.data())
def test_flipped_bits_prove_nothing_false(hat_tasks: dict[str, Prove], data: st.DataObject) -> None:
    """A random byte of a random array of a good certificate: for the false claim it must never be accepted."""
    for name, task in hat_tasks.items():
        forest = grid(task, 3, value=np.where(grid(task, 3).leaf, np.nan, 0.25), multipliers=np.zeros(24, np.float32),
                      weights=np.ones(8, np.float32), tilts={"f.h1": np.full((8, 2), 0.5, np.float16)})  # fmt: skip
        certificate = saved(forest)
        entries = certificate["forests"][0]
        holder = entries if data.draw(st.booleans()) else entries["tilts"]
        key = data.draw(st.sampled_from(sorted(k for k, v in holder.items() if isinstance(v, dict) and "data" in v)))
        raw = bytearray(zlib.decompress(base64.b64decode(holder[key]["data"])))
        place = data.draw(st.integers(0, len(raw) - 1))
        raw[place] ^= data.draw(st.integers(1, 255))
        holder[key]["data"] = base64.b64encode(zlib.compress(bytes(raw))).decode()
        found = outcome(task, certificate)
        assert found in (("open", "malformed") if name == "false" else ("accepted", "open", "malformed"))


@pytest.fixture(scope="module")
def hat_tasks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Prove]:
    folder = tmp_path_factory.mktemp("hats")
    return {name: hat_task(folder, limit) for name, limit in {"true": 2.25, "false": 2.0 - 1e-12}.items()}


# -- from files --------------------------------------------------------------------------------------------------------

PROPERTY = """(declare-const X_0 Real)
(declare-const Y_0 Real)
(assert (<= X_0 {high}))
(assert (>= X_0 -1.0))
(assert (>= Y_0 {limit}))
"""


def write_files(folder: Path, weight: float = 1.0, high: str = "2.0", limit: str = "2.25") -> tuple[Path, Path]:
    nodes = [node("Gemm", "input w b", "z"), node("Relu", "z", "h"), node("Gemm", "h v c", "out")]
    constants = {"w": [[1.0, -1.0]], "b": [0.0, 0.0], "v": [[weight], [1.0]], "c": [0.0]}
    network = save(folder / "net.onnx", nodes, constants, (1, 1))
    property = folder / "prop.vnnlib"
    property.write_text(PROPERTY.format(high=high, limit=limit))
    return network, property


def answered(folder: Path, network: Path, property: Path, certificate: Any, **changes: Any) -> Path:
    fields = {"status": "unsat", "basis": "certificate", "certificate": certificate, **changes}
    answer = Answer(**fields, options={"network": str(network), "property": str(property)})
    path = folder / "answer.json"
    path.write_text(answer.to_json())
    return path


def file_certificate() -> dict[str, Any]:
    block = np.array([0, -1, -1])
    return saved(Forest(np.array([0]), np.array([0, 1]), ("x",), block, 0 * block))


def test_answers_are_checked_against_the_files(tmp_path: Path) -> None:
    network, property = write_files(tmp_path)
    path = answered(tmp_path, network, property, file_certificate())
    assert check(path).verdict == "accepted"
    low = "1.99999999999999999"
    for changes in ({"weight": 1.2}, {"high": "2.3"}, {"limit": "1.9"}, {"limit": "2.0"}, {"limit": low}):
        write_files(tmp_path, **changes)
        assert check(path).verdict == "rejected", changes
    write_files(tmp_path)
    assert check(path).verdict == "accepted"


def test_answers_without_a_proof(tmp_path: Path) -> None:
    network, property = write_files(tmp_path)
    assert check(answered(tmp_path, network, property, None, basis="solver-word")).verdict == "solver-word"
    for one in (None, {}, {"kind": "bound-propagation"}, {"kind": "nothing"}, {"kind": "case-tree", "forests": []}):
        found = check(answered(tmp_path, network, property, one))
        assert found.verdict == "rejected"
        assert found.reasons
    witness = {"x": [0.0]}
    assert check(answered(tmp_path, network, property, file_certificate(), witness=witness)).verdict == "rejected"


def test_changed_files_are_named(tmp_path: Path) -> None:
    network, property = write_files(tmp_path)
    path = answered(tmp_path, network, property, file_certificate(), sources={str(network): "0" * 64})
    found = check(path)
    assert found.verdict == "rejected"
    assert "net.onnx" in found.reasons[0]
