"""ONNX files that are packed, or whose weights lie in files beside them."""

from __future__ import annotations

import gzip
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from onnx.external_data_helper import set_external_data
from onnx_models import agrees, node, save

import isinglass
from isinglass.frontends.networks import model_file
from isinglass.frontends.networks.model_file import network_files
from isinglass.frontends.networks.reader import read_network
from isinglass.ir.errors import InputError
from isinglass.ir.packed import unpacked

rng = np.random.default_rng(7)
WEIGHTS = {"a": rng.integers(-3, 4, (4, 6)), "b": rng.integers(-3, 4, (6,)), "c": rng.integers(-3, 4, (6, 2))}
NODES = [node("Gemm", "input a b", "p"), node("Relu", "p", "q"), node("MatMul", "q c", "out")]
NUMBERS = {name: array.astype(np.float32) for name, array in WEIGHTS.items()}


def plain(path: Path) -> Path:
    return save(path, NODES, NUMBERS)


def outside(path: Path, change: Callable[[onnx.TensorProto], None] = lambda tensor: None) -> Path:
    """The same network with its weights in ``data/w.bin`` and one of them changed before it is stored."""
    model = onnx.load(plain(path))
    (path.parent / "data").mkdir(exist_ok=True)
    content = b"head"
    for tensor in model.graph.initializer:
        raw = numpy_helper.to_array(tensor).tobytes()
        tensor.raw_data = raw
        set_external_data(tensor, "data/w.bin", len(content), len(raw))
        tensor.ClearField("raw_data")
        content += raw
    (path.parent / "data" / "w.bin").write_bytes(content)
    change(model.graph.initializer[0])
    path.write_bytes(model.SerializeToString())
    return path


def refused(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_network(path)
    assert str(path) in str(caught.value)
    assert all(diagnostic.hint for diagnostic in caught.value.diagnostics)
    return str(caught.value)


def test_a_packed_file_is_the_same_network(tmp_path: Path) -> None:
    content = plain(tmp_path / "net.onnx").read_bytes()
    path = tmp_path / "net.onnx.gz"
    path.write_bytes(gzip.compress(content[:100]) + gzip.compress(content[100:]) + bytes(7))
    network = agrees(path)
    assert network.digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert network_files(path) == (str(path),)


def test_weights_beside_the_model(tmp_path: Path) -> None:
    path = outside(tmp_path / "net.onnx")
    network = agrees(path)
    data = tmp_path / "data" / "w.bin"
    assert network_files(path) == (str(path), str(data))
    packed_model = tmp_path / "net.onnx.gz"
    packed_model.write_bytes(gzip.compress(path.read_bytes()))
    agrees(packed_model)
    content = bytearray(data.read_bytes())
    content[0] ^= 1  # a byte that no tensor uses
    data.write_bytes(content)
    assert read_network(path).digest != network.digest


def test_onnx_own_writer(tmp_path: Path) -> None:
    path = plain(tmp_path / "net.onnx")
    onnx.save(onnx.load(path), path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    agrees(path)


def test_offset_and_length_may_be_left_out(tmp_path: Path) -> None:
    def whole(tensor: onnx.TensorProto) -> None:
        (tmp_path / "data" / "a.bin").write_bytes(NUMBERS["a"].tobytes())
        del tensor.external_data[:]
        tensor.external_data.add(key="location", value="data/a.bin")

    agrees(outside(tmp_path / "net.onnx", whole))


def entry(key: str, value: str) -> Callable[[onnx.TensorProto], None]:
    """Another value for one entry of the external data."""

    def change(tensor: onnx.TensorProto) -> None:
        kept = [(item.key, item.value) for item in tensor.external_data if item.key != key]
        del tensor.external_data[:]
        for name, text in [*kept, (key, value)]:
            tensor.external_data.add(key=name, value=text)

    return change


def dims(*sizes: int) -> Callable[[onnx.TensorProto], None]:
    def change(tensor: onnx.TensorProto) -> None:
        tensor.dims[:] = sizes

    return change


CHANGED: dict[str, tuple[Callable[[onnx.TensorProto], None], str]] = {
    "up": (entry("location", "../w.bin"), "'../w.bin', which is no path inside the model's folder"),
    "up-later": (entry("location", "data/../../w.bin"), "no path inside"),
    "up-windows": (entry("location", "..\\w.bin"), "no path inside"),
    "absolute": (entry("location", "/etc/passwd"), "no path inside"),
    "drive": (entry("location", "c:w.bin"), "no path inside"),
    "nothing": (entry("location", ""), "no path inside"),
    "nul": (entry("location", "a\0b"), "no path inside"),
    "missing": (entry("location", "data/other.bin"), "'data/other.bin', which is not there"),
    "too-long": (entry("location", "a" * 5000), "which is not there"),
    "folder": (entry("location", "data"), "which is no file"),
    "link": (entry("location", "link.bin"), "'link.bin', a link out of the model's folder"),
    "linked-folder": (entry("location", "folder/secret"), "a link out of the model's folder"),
    "offset": (entry("offset", "164"), "bytes 164 to 260 of 'data/w.bin', which has 172"),
    "far-offset": (entry("offset", "9" * 18), "of 'data/w.bin', which has 172"),
    "negative-offset": (entry("offset", "-4"), "offset '-4' of its external data is no number"),
    "no-number": (entry("length", "many"), "length 'many' of its external data is no number"),
    "long-number": (entry("length", "9" * 30), "is no number of bytes"),
    "length": (entry("length", "92"), r"[4, 6] numbers take 96 bytes, 92 are stored"),
    "declared": (dims(10**6, 10**6), "numbers take 4000000000000 bytes, 96 are stored"),
    "overflow": (dims(2**40, 2**40), "bytes, 96 are stored"),
    "negative": (dims(-4, 6), "initializer a: "),
}


@pytest.mark.parametrize("name", CHANGED)
def test_external_data_that_are_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(bytes(200))
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "link.bin").symlink_to(tmp_path / "secret")
    (folder / "folder").symlink_to(tmp_path)
    change, message = CHANGED[name]
    assert message in refused(outside(folder / "net.onnx", change))


def test_data_cut_off(tmp_path: Path) -> None:
    path = outside(tmp_path / "net.onnx")
    data = tmp_path / "data" / "w.bin"
    data.write_bytes(data.read_bytes()[:-1])
    assert "was the file cut off?" in refused(path)
    data.unlink()
    os.mkfifo(data)
    assert "which is no file" in refused(path)


def test_a_limit_for_all_weights_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_file, "DATA_LIMIT", 150)
    assert "more than 150 bytes of weights" in refused(outside(tmp_path / "net.onnx"))


def test_packed_files_that_are_damaged_or_too_large(tmp_path: Path) -> None:
    content = gzip.compress(plain(tmp_path / "net.onnx").read_bytes(), mtime=0)
    path = tmp_path / "net.onnx.gz"
    for length in range(len(content)):
        path.write_bytes(content[:length])
        refused(path)
    path.write_bytes(content[:-8] + bytes(8))
    assert "the compressed file is damaged (CRC check failed" in refused(path)
    assert unpacked(gzip.compress(bytes(1000)), "f", limit=1000) == bytes(1000)
    with pytest.raises(InputError, match="f: the compressed file holds more than 1,000 bytes"):
        unpacked(gzip.compress(bytes(10**7)), "f", limit=1000)


def test_an_answer_remembers_all_files_of_its_network(tmp_path: Path) -> None:
    path = outside(tmp_path / "net.onnx")
    spec = tmp_path / "a.glass"
    spec.write_text('network f = onnx("net.onnx")\nvar x : real[4] in 0..1\nlet y = f(x)\nprove y[0] <= -1000\n')
    answer = isinglass.run(spec)
    saved = tmp_path / "answer.json"
    saved.write_text(answer.to_json())
    data = tmp_path / "data" / "w.bin"
    assert set(answer.sources) == {str(spec), str(path), str(data)}
    assert (answer.status, isinglass.check(saved).verdict) == ("sat", "witness-only")
    data.write_bytes(data.read_bytes() + b"more")
    verdict = isinglass.check(saved)
    assert verdict.verdict == "rejected" and str(data) in verdict.reasons[0]


def test_a_format_version_newer_than_the_runtime(tmp_path: Path) -> None:
    """onnx writes newer format versions than onnxruntime takes; the version of the file alone keeps nothing from it."""
    path = plain(tmp_path / "net.onnx")
    model = onnx.load(path)
    model.ir_version = onnx.IR_VERSION
    path.write_bytes(model.SerializeToString())
    agrees(path)
