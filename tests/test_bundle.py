"""Bundles: what is saved comes back, in another process too; damage is found; nothing is overwritten by accident."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dimod
import numpy as np
import pytest
from backend_cases import all_samples, binary_problem, energies_of, milp
from hypothesis import given
from hypothesis import strategies as st

from isinglass.backends.bundle import MANIFEST, Bundle, load_bundle, save_bundle
from isinglass.backends.ir_files import read_ir, write_ir
from isinglass.backends.target import make_target
from isinglass.ir.blocks import Var
from isinglass.ir.errors import InputError
from isinglass.ir.guarantee import Guarantee
from isinglass.ir.ledger import Note
from isinglass.ir.lift.affine import Affine
from isinglass.ir.lift.code import Code
from isinglass.ir.lift.fix import Fix
from isinglass.ir.lifting import Lift
from isinglass.ir.operators.code import Code as CodeOperator
from isinglass.ir.problem import Problem
from isinglass.ir.text import print_ir, print_value

SOURCE = Problem("source", (Var.of("y", "int", (2,), 0.0, 3.0), Var.of("z", "spin", (3,))))
COMPILED = binary_problem(9, (5, 2))
LIFT = Lift((
    Code("y", "a", CodeOperator(np.array([0, 0, 1, 1, 1]), np.array([1.0, 2, 1, 1, 1]), 2), np.zeros(2)),
    Fix("z", "w", np.array([0, 2]), np.array([0.0, -1, 0])),
    Affine("w", "b", np.full(2, 2.0), np.full(2, -1.0)),
))  # fmt: skip
GUARANTEE = Guarantee("grows", "kept", 0.0, {"cap": 1e-9}, infeasible_above=12.5)
LEDGER = (Note("penalize", "weights", "cap", 3, float("inf"), "energy", loss=True),)


def save(directory: Path, text: str = "ising{bits=3}", **more: Any) -> Path:
    target, _ = make_target(text)
    files = {f"model{target.suffix}": lambda path: target.write(COMPILED, path), "nets/f.onnx": b"network"}
    return save_bundle(directory, SOURCE, COMPILED, LIFT, GUARANTEE, LEDGER, "penalize", files | more.pop("files", {}),
                       {"options": {"seed": 3, "weights": np.arange(3.0), "limit": np.inf}}, text)  # fmt: skip


def same(bundle: Bundle) -> None:
    assert print_ir(bundle.source) == print_ir(SOURCE)
    assert print_ir(bundle.compiled)[0] == print_ir(COMPILED)[0]
    assert print_value(bundle.lift)[0] == print_value(LIFT)[0]
    assert (bundle.guarantee, bundle.ledger[:1], bundle.pipeline) == (GUARANTEE, LEDGER, "penalize")


def damage(path: Path, change: Callable[[bytes], bytes]) -> None:
    path.write_bytes(change(path.read_bytes()))


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    assert save(tmp_path / "b") == tmp_path / "b"
    bundle = load_bundle(tmp_path / "b")
    same(bundle)
    assert bundle.target == "ising{bits=3}" and bundle.manifest["labels"] == COMPILED.labels()
    assert bundle.extra["options"] == {"seed": 3, "weights": [0, 1, 2], "limit": "inf"}
    assert bundle.file("nets/f.onnx").read_bytes() == b"network"
    written = make_target("ising{bits=3}")[0].write(COMPILED, tmp_path / "m")
    assert bundle.manifest["formats"]["model.ising"] == dict(written.manifest)
    assert bundle.ledger[1:] == written.ledger and written.ledger[0].loss
    assert {p.name for p in (tmp_path / "b").iterdir()} >= {"source.igir", "lift.igir", "compiled.npz", MANIFEST}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["b", "m"]
    with pytest.raises(InputError, match="has no file"):
        bundle.file("nets/g.onnx")


@pytest.mark.parametrize("text", ["bqm", "qubo", "ising", "coo", "npz"])
def test_decoding_in_another_process(text: str, tmp_path: Path) -> None:
    save(tmp_path / "b", text)
    rows = all_samples(7)[[5, 92]]
    manifest = json.loads((tmp_path / "b" / MANIFEST).read_text())
    energy = energies_of(COMPILED, rows) - manifest["formats"][f"model{make_target(text)[0].suffix}"].get("offset", 0.0)
    spins = text == "ising"
    table = (2 * rows - 1 if spins else rows).astype(np.int8)
    sample_set = dimod.SampleSet.from_samples(table, "SPIN" if spins else "BINARY", energy)
    (tmp_path / "s.json").write_text(json.dumps(sample_set.to_serializable()))
    script = """
import json, sys
from isinglass.backends.bundle import load_bundle
bundle = load_bundle(sys.argv[1])
values = bundle.lift.up(bundle.read_samples(sys.argv[2]).values)
print(json.dumps({name: array.tolist() for name, array in values.items()}, sort_keys=True))
"""
    words = [sys.executable, "-P", "-c", script, str(tmp_path / "b"), str(tmp_path / "s.json")]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    wanted = LIFT.up(COMPILED.unstack(rows))
    assert json.loads(done.stdout) == {name: array.tolist() for name, array in wanted.items()}


def test_written_names_are_read(tmp_path: Path) -> None:
    problem = milp(0)
    target, _ = make_target("lp")
    files = {"model.lp": lambda path: target.write(problem, path)}
    save_bundle(tmp_path / "b", problem, problem, Lift(), Guarantee(), (), "", files)
    bundle = load_bundle(tmp_path / "b")
    row = [3.0, 0, 1, 0, 1, 1, 1, 7, 4.25, 1]
    (tmp_path / "s.csv").write_text(",".join(bundle.manifest["formats"]["model.lp"]["names"]) + "\n" + str(row)[1:-1])
    assert problem.stack(bundle.read_samples(tmp_path / "s.csv").values).tolist() == [row]


def test_a_newer_bundle_replaces_an_older(tmp_path: Path) -> None:
    save(tmp_path / "b", "ising")
    save(tmp_path / "b", "qubo")
    assert load_bundle(tmp_path / "b").target == "qubo"
    assert not (tmp_path / "b" / "model.ising").exists() and len(list(tmp_path.iterdir())) == 1
    (tmp_path / "empty").mkdir()
    same(load_bundle(save(tmp_path / "empty")))


def test_what_is_no_bundle_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "thesis.tex").write_text("years of work")
    with pytest.raises(InputError, match="not a bundle"):
        save(tmp_path / "d")
    save(tmp_path / "b")
    (tmp_path / "b" / "samples.json").write_text("[]")
    with pytest.raises(InputError, match=r"also holds samples\.json"):
        save(tmp_path / "b")
    same(load_bundle(tmp_path / "b"))
    (tmp_path / "f").write_text("a file")
    with pytest.raises(InputError, match="is a file"):
        save(tmp_path / "f")
    with pytest.raises(InputError, match="cannot write there"):
        save(tmp_path / "no" / "where")
    damage(tmp_path / "b" / MANIFEST, lambda text: text[:-40])
    (tmp_path / "b" / "samples.json").unlink()
    with pytest.raises(InputError, match="damaged"):
        save(tmp_path / "b")


@pytest.mark.parametrize("name", ["../x", "/x", "", "a/../../x", "source.igir", "manifest.json", "lift.npz\\x"])
def test_names_of_files(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError):
        save(tmp_path / "b", files={name: b"x"})
    assert not list(tmp_path.iterdir())


def test_a_failing_writer_leaves_nothing(tmp_path: Path) -> None:
    def fails(path: Path) -> None:
        path.write_text("half")
        raise RuntimeError("disk full")

    with pytest.raises(RuntimeError):
        save(tmp_path / "b", files={"model.x": fails})
    assert not list(tmp_path.iterdir())
    save(tmp_path / "b")
    with pytest.raises(RuntimeError):
        save(tmp_path / "b", files={"model.x": fails})
    same(load_bundle(tmp_path / "b"))


@given(data=st.data())
def test_any_damaged_byte_is_found(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = save(tmp_path_factory.mktemp("d") / "b")
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    path = data.draw(st.sampled_from(files))
    content = path.read_bytes()
    place = data.draw(st.integers(0, len(content) - 1))
    kind = data.draw(st.sampled_from(["flip", "cut", "gone"]))
    if kind == "gone":
        path.unlink()
    elif kind == "cut":
        path.write_bytes(content[:place])
    else:
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
    if path.name == MANIFEST and kind == "flip" and _means_the_same(path, content):
        return
    with pytest.raises(InputError) as caught:
        load_bundle(folder)
    assert str(folder) in str(caught.value)


def _means_the_same(path: Path, content: bytes) -> bool:
    """White space of the manifest may change."""
    try:
        return bool(json.loads(path.read_bytes()) == json.loads(content))
    except ValueError:
        return False


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m | {"version": 2}, "version 2 is not known"),
        (lambda m: m | {"format": "zip"}, "not the manifest of a bundle"),
        (lambda m: m | {"target": "lp"}, "edited or damaged"),
        (lambda m: [m], "not the manifest"),
    ],
)  # fmt: skip
def test_manifests_of_others(change: Callable[[Any], Any], message: str, tmp_path: Path) -> None:
    path = save(tmp_path / "b") / MANIFEST
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    with pytest.raises(InputError, match=message):
        load_bundle(tmp_path / "b")


def test_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no bundle"):
        load_bundle(tmp_path)
    with pytest.raises(InputError, match="no bundle"):
        load_bundle(tmp_path / "none")


def test_problems_as_files(tmp_path: Path) -> None:
    write_ir(COMPILED, tmp_path / "m.igir")
    assert print_ir(read_ir(tmp_path / "m.igir"))[0] == print_ir(COMPILED)[0]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m.igir", "m.npz"]
    (tmp_path / "m.npz").unlink()
    with pytest.raises(InputError, match="side file"):
        read_ir(tmp_path / "m.igir")
    with pytest.raises(InputError, match=r"ends in \.igir"):
        write_ir(COMPILED, tmp_path / "m.txt")
