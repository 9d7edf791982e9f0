"""ONNX files: the graph with all its weights, from plain and gzipped files and from the data files beside them.

A stored tensor may lie in another file (*external data*). Such a file has to lie in the model's own folder or below it,
symbolic links followed, so that a model can't make the reader open anything else. Nothing is allocated on the word of
the file alone: declared sizes are compared with the bytes that are there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path, PurePosixPath, PureWindowsPath

import onnx
from onnx import TensorProto

from ...ir.errors import InputError
from ...ir.packed import unpacked

CUT = "was the file cut off? get or export it again"
DATA_LIMIT = 2**31
"""Most bytes that all tensors outside the model may take together."""
OPSETS = range(7, onnx.defs.onnx_opset_version() + 1)
"""Versions of the standard operators whose meaning is known; before 7 shapes were broadcast differently."""


@dataclass(frozen=True, eq=False)
class ModelFile:
    """``graph`` with all weights inside; ``opset``: version of the standard operators.

    ``digest``: sha256 of the file, or of the digests of all ``files`` (relative names, the model first) where there are
    several.
    """

    path: str
    graph: onnx.GraphProto
    opset: int
    digest: str
    files: tuple[str, ...]


def read_model(path: str | Path) -> ModelFile:
    """The model in a file. Raises :class:`InputError` for what can't be read, is cut off, or no ONNX."""
    name = str(path)
    content = read_bytes(Path(path), name)
    model = parse(unpacked(content, name, "onnx"), name)
    opset = standard_opset(model, name)
    digests = [hashlib.sha256(content).hexdigest()]
    folder = DataFolder(name, Path(path).parent)
    for tensor in stored_tensors(model.graph):
        if tensor.data_location == TensorProto.EXTERNAL:
            folder.load(tensor)
    digests += [folder.digest(location) for location in folder.used]
    digest = digests[0] if len(digests) == 1 else hashlib.sha256("\n".join(digests).encode()).hexdigest()
    return ModelFile(name, model.graph, opset, digest, folder.files)


def network_files(path: str | Path) -> tuple[str, ...]:
    """Paths of all files that a network is made of, the model itself first. Raises as :func:`read_model` does."""
    name = str(path)
    graph = parse(unpacked(read_bytes(Path(path), name), name, "onnx"), name).graph
    folder = DataFolder(name, Path(path).parent)
    for tensor in stored_tensors(graph):
        if tensor.data_location == TensorProto.EXTERNAL:
            folder.find(tensor.name, location_of(tensor))
    return folder.files


def read_bytes(path: Path, name: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{name}: cannot be read: {error.strerror}", code="onnx", hint="check the path") from error


def parse(content: bytes, name: str) -> onnx.ModelProto:
    """The model as it is stored."""
    try:
        model = onnx.load_model_from_string(content)
    except Exception as error:  # protobuf's DecodeError, and protobuf is onnx's affair
        raise InputError(f"{name}: not an ONNX file ({error})", code="onnx", hint=CUT) from error
    if not model.graph.node and not model.graph.output:
        raise InputError(f"{name}: holds no network", code="onnx", hint=CUT)
    if not text_only(model.graph):
        raise InputError(f"{name}: has a name that is no text", code="onnx", hint=CUT)
    if not 0 < model.ir_version <= onnx.IR_VERSION:
        hint = f"versions up to {onnx.IR_VERSION} are known; export it for one of them"
        raise InputError(f"{name}: version {model.ir_version} of the file format", code="onnx", hint=hint)
    if model.functions:
        hint = "write its functions out (onnx.inliner.inline_local_functions)"
        raise InputError(f"{name}: has operators of its own, functions", code="onnx", hint=hint)
    return model


def text_only(graph: onnx.GraphProto) -> bool:
    """Whether all names are text (damaged ones are read as bytes)."""
    found = [*graph.initializer, *graph.input, *graph.output]
    names = [one.name for one in found] + [name for node in graph.node for name in (*node.input, *node.output)]
    names += [size.dim_param for one in graph.input for size in one.type.tensor_type.shape.dim]
    for node in graph.node:
        names += [node.name, node.op_type, node.domain, *(attribute.name for attribute in node.attribute)]
    return all(isinstance(name, str) for name in names)


def standard_opset(model: onnx.ModelProto, name: str) -> int:
    """The version of the standard operators that the model states."""
    found = {item.version for item in model.opset_import if item.domain in ("", "ai.onnx")}
    if not found:
        raise InputError(f"{name}: does not say which version of the operators it means", code="onnx", hint=CUT)
    if len(found) > 1 or min(found) not in OPSETS:
        shown = ", ".join(map(str, sorted(found)))
        hint = f"convert it to one of {OPSETS[0]} to {OPSETS[-1]} (onnx.version_converter)"
        raise InputError(f"{name}: operators of version {shown}", code="onnx", hint=hint)
    return int(found.pop())


def stored_tensors(graph: onnx.GraphProto) -> Iterator[TensorProto]:
    """The initializers and the tensors among the attributes of nodes."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors


class DataFolder:
    """The folder of a model, from which external data are read; ``used`` lists the files in order of first use."""

    def __init__(self, model: str, path: Path) -> None:
        self.model = model
        self.path = path
        self.used: dict[str, None] = {}
        self.taken = 0

    @property
    def files(self) -> tuple[str, ...]:
        """The model and the data files that it uses."""
        return self.model, *(str(self.path / location) for location in self.used)

    def fail(self, tensor: str, message: str, hint: str) -> InputError:
        return InputError(f"{self.model}: initializer {tensor}: {message}", code="onnx", hint=hint)

    def load(self, tensor: TensorProto) -> None:
        """Put the bytes that a tensor refers to into the tensor."""
        entries = {item.key: item.value for item in tensor.external_data}
        location = location_of(tensor)
        file = self.find(tensor.name, location)
        size = file.stat().st_size
        offset = self.number(tensor.name, entries, "offset", 0)
        length = self.number(tensor.name, entries, "length", size - offset)
        if length < 0 or offset + length > size:
            message = f"its numbers are bytes {offset} to {offset + length} of {location!r}, which has {size}"
            raise self.fail(tensor.name, message, CUT)
        needed = stored_bytes(tensor)
        if needed is not None and needed != length:
            message = f"{list(tensor.dims)} numbers take {needed} bytes, {length} are stored in {location!r}"
            raise self.fail(tensor.name, message, CUT)
        self.taken += length
        if self.taken > DATA_LIMIT:
            raise self.fail(tensor.name, f"more than {DATA_LIMIT:,} bytes of weights", "use a smaller network")
        try:
            with file.open("rb") as stream:
                stream.seek(offset)
                content = stream.read(length)
        except OSError as error:
            raise self.fail(tensor.name, f"{location!r} cannot be read: {error.strerror}", "check the file") from error
        tensor.raw_data = content
        tensor.ClearField("external_data")
        tensor.data_location = TensorProto.DEFAULT

    def find(self, tensor: str, location: str) -> Path:
        """The file that a location names."""
        inside = PurePosixPath(location.replace("\\", "/"))
        outside = inside.is_absolute() or PureWindowsPath(location).is_absolute() or ".." in inside.parts
        if not location or "\0" in location or outside or PureWindowsPath(location).drive:
            message = f"its numbers are in {location!r}, which is no path inside the model's folder"
            raise self.fail(tensor, message, "keep the data files beside the model")
        file = self.path / location
        try:
            real, folder = file.resolve(strict=True), self.path.resolve(strict=True)
        except (OSError, RuntimeError) as error:
            message = f"its numbers are in {location!r}, which is not there"
            raise self.fail(tensor, message, "copy the data files of the model along with it") from error
        if not real.is_relative_to(folder):
            message = f"its numbers are in {location!r}, a link out of the model's folder"
            raise self.fail(tensor, message, "keep the data files beside the model")
        if not real.is_file():
            raise self.fail(tensor, f"its numbers are in {location!r}, which is no file", "check the model")
        self.used.setdefault(location)
        return real

    def number(self, tensor: str, entries: dict[str, str], key: str, default: int) -> int:
        """A count of bytes among the entries."""
        text = entries.get(key, "")
        if text and not (text.isascii() and text.isdigit() and len(text) < 19):
            raise self.fail(tensor, f"{key} {text[:40]!r} of its external data is no number of bytes", CUT)
        return int(text) if text else default

    def digest(self, location: str) -> str:
        """The sha256 of a whole data file."""
        with (self.path / location).open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()


def location_of(tensor: TensorProto) -> str:
    """The data file that a tensor names."""
    return next((item.value for item in reversed(tensor.external_data) if item.key == "location"), "")


def stored_bytes(tensor: TensorProto) -> int | None:
    """Bytes that the declared shape takes; None for element types without a fixed size (strings, packed ones)."""
    sizes: dict[int, int] = {
        TensorProto.FLOAT: 4, TensorProto.DOUBLE: 8, TensorProto.FLOAT16: 2, TensorProto.INT64: 8,
        TensorProto.INT32: 4, TensorProto.BOOL: 1, TensorProto.INT8: 1, TensorProto.UINT8: 1,
    }  # fmt: skip
    size = sizes.get(tensor.data_type)
    return None if size is None or min(tensor.dims, default=1) < 0 else size * prod(tensor.dims)
