"""Batches: lists of instances, result files that survive anything, workers that crash, hang or are interrupted."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from networks import save

from isinglass.backends.result_lines import ResultLines
from isinglass.cli import cli
from isinglass.facade import batch
from isinglass.frontends.instances import read_instances
from isinglass.ir.errors import InputError

BOX = "(assert (>= X_0 -1))\n(assert (<= X_0 1))\n"
HEAD = "(declare-const X_0 Real)\n(declare-const Y_0 Real)\n" + BOX
FAKE = """
import json, os, sys, time
for text in sys.stdin:
    order = json.loads(text)
    name = os.path.basename(order["files"]["property"])
    if name.startswith("crash"):
        print("something broke", file=sys.stderr, flush=True)
        os._exit(7)
    if name.startswith("hang"):
        time.sleep(600)
    if name.startswith("slow"):
        time.sleep(0.3)
    print(json.dumps({"verdict": "unsat", "seconds": 0.1, "basis": "certificate"}), flush=True)
"""


def call(*args: object) -> Result:
    result = CliRunner().invoke(cli, [str(arg) for arg in args])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """y = |x|: at most 1 on the box, 0.5 somewhere; a property that is no VNN-LIB; a list of all."""
    save(tmp_path / "abs.onnx", [(np.array([[1.0, -1.0]]), np.zeros(2)), (np.ones((2, 1)), np.zeros(1))])
    (tmp_path / "low.vnnlib").write_text(HEAD + "(assert (>= Y_0 0.5))\n")
    (tmp_path / "high.vnnlib").write_text(HEAD + "(assert (>= Y_0 2))\n")
    (tmp_path / "bad.vnnlib").write_text(HEAD + "(assert (>= Y_7 2))\n")
    rows = ["abs.onnx,low.vnnlib,20", "abs.onnx,high.vnnlib,20", "abs.onnx,bad.vnnlib,20", "no.onnx,low.vnnlib,20"]
    (tmp_path / "list.csv").write_text("\n".join(rows) + "\n")
    return tmp_path


# -- lists -----------------------------------------------------------------------------------------------------------


def test_lists_with_and_without_titles(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("a.onnx,b.vnnlib,60\n\n onnx/c.onnx , d.vnnlib\n")
    first, second = read_instances(path)
    assert (first.network, first.property, first.timeout) == ("a.onnx", "b.vnnlib", 60.0)
    assert (second.network, second.timeout, second.set) == ("onnx/c.onnx", None, tmp_path.name)
    path.write_text("\ufeffset,vnnlib,onnx,timeout_s,expected\nacasxu,p,nets/n.onnx,1e1,sat\n")
    (row,) = read_instances(path)
    assert (row.network, row.property, row.timeout, row.set) == ("nets/n.onnx", "p", 10.0, "acasxu")
    assert row.columns == {"set": "acasxu", "expected": "sat"}


def test_sets_are_named_for_folders(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("acasxu/onnx/a.onnx,p\nmnist/b.onnx,p\n../other/c.onnx,p\n")
    assert [row.set for row in read_instances(path)] == ["acasxu", "mnist", "other"]


def test_packed_files_are_found(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("a.onnx,b.vnnlib,60\n")
    (tmp_path / "a.onnx.gz").write_bytes(gzip.compress(b""))
    (row,) = read_instances(tmp_path / "list.csv")
    assert row.path(row.network).name == "a.onnx.gz" and row.path(row.property).name == "b.vnnlib"


@pytest.mark.parametrize(("text", "words"), [
    ("", "no instance"), ("onnx,vnnlib\n", "no instance"), ("a.onnx\n", "list.csv:1"), ("a,b,soon\n", "'soon'"),
    ("a,b,nan\n", "'nan'"), ("a,b,-1\n", "'-1'"), ("a,b,1,2\n", "4 cells"), ("a,b,1\nc,,1\nd\n", "list.csv:3"),
    ('"a,b\n', "needs a network and a property"),
])  # fmt: skip
def test_mistakes_in_lists(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "list.csv").write_text(text)
    with pytest.raises(InputError, match=r"list\.csv") as caught:
        read_instances(tmp_path / "list.csv")
    assert words in str(caught.value)
    result = call("verify", "--instances", tmp_path / "list.csv")
    assert result.exit_code == 1 and words in result.output


# -- result files ----------------------------------------------------------------------------------------------------

WHOLE = {"network": "n", "property": "p", "verdict": "sat"}
TEXT = json.dumps(WHOLE)


@pytest.mark.parametrize(("before", "kept"), [
    ("", 0), (TEXT + "\n", 1), (TEXT, 1), (f"{TEXT}\n{TEXT[:-4]}", 1), (f"{TEXT}\n\n{TEXT}\n", 2), (TEXT[:5], 0),
    (f"{TEXT}\n\xc3", 1),
])  # fmt: skip
def test_result_files_are_repaired(tmp_path: Path, before: str, kept: int) -> None:
    path = tmp_path / "r.jsonl"
    path.write_bytes(before.encode("latin-1"))
    with ResultLines(path) as file:
        assert file.lines == [WHOLE] * kept
        file.add({**WHOLE, "verdict": "unsat"})
    with ResultLines(path) as file:
        assert [line["verdict"] for line in file.lines] == ["sat"] * kept + ["unsat"]


@pytest.mark.parametrize("before", ["a,b,c\n", "[1]\n", f"{TEXT}\nhello\n{TEXT}\n", '{"x": 1}\n', "notes without end"])
def test_other_files_are_left_alone(tmp_path: Path, before: str) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text(before)
    with pytest.raises(InputError, match="not a result line"):
        ResultLines(path)
    assert path.read_text() == before


def test_two_batches_do_not_write_one_file(tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    with ResultLines(tmp_path / "r.jsonl"), pytest.raises(InputError, match="another batch"):
        ResultLines(tmp_path / "r.jsonl")
    ResultLines(tmp_path / "r.jsonl").__exit__(None, None, None)
    with pytest.raises(InputError, match="cannot be written"):
        ResultLines(tmp_path / "none" / "r.jsonl")


# -- batches ---------------------------------------------------------------------------------------------------------


def test_a_batch_and_its_certificates(folder: Path) -> None:
    out, kept = folder / "out.jsonl", folder / "answers"
    result = call("verify", "--instances", folder / "list.csv", "--output", out, "--jobs", 2, "--certificates", kept)
    assert result.exit_code == 1 and "2/4" in result.output  # two rows are errors
    lines = {(line["network"], line["property"]): line for line in lines_of(out)}
    assert len(lines) == 4
    low, high = lines["abs.onnx", "low.vnnlib"], lines["abs.onnx", "high.vnnlib"]
    assert (low["verdict"], high["verdict"]) == ("sat", "unsat") and low["row"] == 1 and low["timeout"] == 20
    assert abs(np.ravel(low["witness"]["x"])[0]) >= 0.5 and all(len(digest) == 64 for digest in low["digests"])
    assert "Y_7" in lines["abs.onnx", "bad.vnnlib"]["error"] and "no.onnx" in lines["no.onnx", "low.vnnlib"]["error"]
    assert sorted(path.name for path in kept.iterdir()) == ["00001.json", "00002.json"]
    for path in kept.iterdir():
        assert call("check", path).exit_code == 0


def test_lines_go_to_stdout_without_a_file(folder: Path) -> None:
    (folder / "list.csv").write_text("abs.onnx,low.vnnlib,20\n")
    result = call("verify", "--instances", folder / "list.csv", "--jobs", 1)
    assert result.exit_code == 0
    assert json.loads(result.stdout)["verdict"] == "sat" and "1/1" in result.stderr


def test_a_batch_is_taken_up(folder: Path) -> None:
    out = folder / "out.jsonl"
    command = ("verify", "--instances", folder / "list.csv", "--output", out, "--jobs", 2)
    call(*command)
    content = out.read_bytes()
    assert "4 known before" in call(*command).output and out.read_bytes() == content
    lines = content.splitlines(keepends=True)
    out.write_bytes(b"".join(lines[:2]) + lines[2][:20])
    assert "2 known before" in call(*command).output
    assert sorted(line["row"] for line in lines_of(out)) == [1, 2, 3, 4]
    (folder / "high.vnnlib").write_text(HEAD + "(assert (>= Y_0 0.25))\n")  # another question under the same name
    assert "3 known before" in call(*command).output
    assert [line["verdict"] for line in lines_of(out) if line["row"] == 2] == ["unsat", "sat"]
    assert "4 known before" in call(*command).output
    assert "(" not in call(*command, "--timeout", 5).output.splitlines()[0]  # other limits: asked again


def test_rows_that_repeat_are_answered_each(folder: Path) -> None:
    (folder / "list.csv").write_text("abs.onnx,low.vnnlib,20\n" * 3)
    out = folder / "out.jsonl"
    command = ("verify", "--instances", folder / "list.csv", "--output", out, "--jobs", 1)
    call(*command)
    out.write_text("".join(out.read_text().splitlines(keepends=True)[:2]))
    assert "2 known before" in call(*command).output and len(lines_of(out)) == 3


def test_a_worker_may_crash_or_hang(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "worker_command", lambda memory: [sys.executable, "-c", FAKE])
    monkeypatch.setattr(batch, "GRACE", 0.2)
    names = ["fine", "crash", "fine", "hang", "fine", "crash", "fine"]
    (folder / "list.csv").write_text("".join(f"abs.onnx,{name}{i},0.1\n" for i, name in enumerate(names)))
    work = batch.Batch.read(folder / "list.csv", batch.Settings(jobs=2))
    lines = sorted(work.run(), key=lambda line: int(line["row"]))
    verdicts = {"fine": "unsat", "crash": "error", "hang": "timeout"}
    assert [line["verdict"] for line in lines] == [verdicts[name] for name in names]
    assert "code 7" in lines[1]["error"] and "something broke" in lines[1]["error"]
    row = batch.summary(lines)[-1]
    assert (row.decided, row.total, row.counts["error"], row.certified, row.median) == (4, 7, 2, 4, 0.1)
    assert batch.exit_code(lines) == 1 and batch.exit_code(lines[3:4]) == 3 and batch.exit_code(lines[:1]) == 0


def test_summary_names_wrong_verdicts() -> None:
    def line(name: str, verdict: str, expected: str) -> dict[str, Any]:
        return {"set": name, "verdict": verdict, "columns": {"expected": expected}, "seconds": 1.0}

    rows = batch.summary([line("b", "sat", "unsat"), line("a", "sat", "sat"), line("b", "timeout", "sat")])
    assert [(row.name, row.total, row.wrong) for row in rows] == [("a", 1, 0), ("b", 2, 1), ("all", 3, 1)]


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_an_interrupted_batch_leaves_a_valid_file_and_goes_on(folder: Path) -> None:
    (folder / "list.csv").write_text("".join(f"abs.onnx,slow{i},60\n" for i in range(40)))
    out = folder / "out.jsonl"
    code = "import isinglass.facade.batch as b, sys\n"
    code += f"b.worker_command = lambda memory: [sys.executable, '-c', {FAKE!r}]\n"
    code += "from isinglass.cli import main; main()"
    command = [sys.executable, "-P", "-c", code, "verify", "--instances", folder / "list.csv", "--output", out]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 60
    while (not out.exists() or out.read_bytes().count(b"\n") < 2) and time.monotonic() < end:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    before = len(lines_of(out))
    assert process.returncode == 3 and 2 <= before < 40, told
    assert f"interrupted after {before} of 40" in told and "Traceback" not in told
    (folder / "list.csv").write_text("".join(f"abs.onnx,slow{i},60\n" for i in range(before + 2)))
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and len(lines_of(out)) == before + 2, done.stderr


def test_a_worker_ends_with_its_batch() -> None:
    process = subprocess.Popen(batch.worker_command(None), stdin=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(timeout=60) == 0
