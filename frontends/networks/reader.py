"""ONNX files as networks whose weights are the stored numbers, exactly.

Nodes are evaluated one by one (``nodes.py``) on lazy tensors (``graph.py``). What the reader does not know, or can't
keep exact, it refuses and says where.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import onnx

from ...ir.errors import InputError
from .ended import Ended
from .graph import Graph, Tensor
from .model_file import ModelFile, read_model
from .network import Network
from .nodes import Values, array_of, run


def read_network(path: str | Path) -> Network:
    """The network in an ONNX file, perhaps gzipped: one input, one output, float32; dynamic dimensions are read as 1.

    Raises :class:`InputError` (file, node, remedy) for a file that is missing, cut off or no ONNX, for operators and
    element types that are not supported, weights that are NaN or infinite, shapes that do not fit, several inputs.
    """
    try:
        return understood(read_model(path))
    except MemoryError as error:
        raise InputError(f"{path}: takes too much memory", code="onnx", hint="use a smaller network") from error


def understood(model: ModelFile) -> Network:
    """The network in a model."""
    graph = model.graph
    builder = Graph(model.path, model.opset)
    values = constants(graph, builder)
    source, shape = the_input(graph, values, model.path)
    values[source] = builder.input(shape)
    uses = Counter(name for node in graph.node if node.op_type != "Shape" for name in node.input)
    for place, node in enumerate(graph.node):
        for output, value in zip(node.output, run(node, place, values, builder), strict=False):
            if not output:
                continue
            builder.take(value.shape)
            if output in values:
                raise builder.fail(f"computes {output!r} a second time", "every tensor needs a name of its own")
            # a matrix that several nodes read stands once, in a layer of its own
            again = isinstance(value, Tensor) and not value.light and uses[output] > 1
            values[output] = builder.layer(value) if again and isinstance(value, Tensor) else value
    if len(graph.output) != 1:
        message = f"{model.path}: has {len(graph.output)} outputs"
        raise InputError(message, code="onnx", hint="export with one output")
    result = values.get(graph.output[0].name)
    ending = result.kind if isinstance(result, Ended) else ""
    last = result.scores if isinstance(result, Ended) else result
    if result is None or not isinstance(last, Tensor):
        message = f"{model.path}: output {graph.output[0].name!r} is not computed from the input"
        raise InputError(message, code="onnx", hint="check how the network was exported")
    builder.node = f"output {graph.output[0].name}"
    builder.finish(last)
    layers, notes = tuple(builder.layers), tuple(builder.notes)
    return Network(model.path, model.digest, shape, result.shape, layers, notes, ending)


def constants(graph: onnx.GraphProto, builder: Graph) -> Values:
    """The stored tensors by name."""
    found: Values = {}
    for tensor in graph.initializer:
        builder.node = f"initializer {tensor.name}"
        if tensor.name in found:
            raise builder.fail("is stored a second time", "every tensor needs a name of its own")
        found[tensor.name] = builder.stored(array_of(tensor, builder))
    if graph.sparse_initializer:
        builder.node = "sparse initializer"
        raise builder.fail("sparse weights", "export with dense weights")
    return found


def the_input(graph: onnx.GraphProto, values: Values, name: str) -> tuple[str, tuple[int, ...]]:
    """Name and shape of the only input that is no stored tensor."""
    inputs = [item for item in graph.input if item.name not in values]
    if len(inputs) != 1:
        known = ", ".join(repr(item.name) for item in inputs) or "none"
        message = f"{name}: needs one input, has {len(inputs)} ({known})"
        raise InputError(message, code="onnx", hint="export with one input")
    kind = inputs[0].type.tensor_type
    if kind.elem_type != onnx.TensorProto.FLOAT:
        raise InputError(f"{name}: input {inputs[0].name!r} is not float32", code="onnx", hint="convert the network")
    if not kind.HasField("shape"):
        raise InputError(f"{name}: input {inputs[0].name!r} has no shape", code="onnx", hint="export with a shape")
    if any(d.HasField("dim_value") and d.dim_value == 0 for d in kind.shape.dim):
        message = f"{name}: input {inputs[0].name!r} has no elements: {dimensions(kind.shape)}"
        raise InputError(message, code="onnx", hint="export with a fixed input shape")
    shape = tuple(d.dim_value if d.dim_value > 0 else 1 for d in kind.shape.dim)
    if any(d.dim_value <= 0 for d in kind.shape.dim[1:]):
        message = f"{name}: input {inputs[0].name!r} has unknown dimensions beside the batch: {dimensions(kind.shape)}"
        raise InputError(message, code="onnx", hint="export with a fixed input shape; only the first may be dynamic")
    return inputs[0].name, shape


def dimensions(shape: onnx.TensorShapeProto) -> str:
    sizes = (str(d.dim_value) if d.HasField("dim_value") else "?" for d in shape.dim)
    return "[" + ", ".join(d.dim_param or size for d, size in zip(shape.dim, sizes, strict=True)) + "]"
