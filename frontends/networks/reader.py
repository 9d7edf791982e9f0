"""ONNX files as networks whose weights are the stored numbers, exactly.

Each operator is a file in ``frontends/onnx_ops/`` found by its name; elementwise functions come from ``ir/functions/``,
which say their ONNX names. What the reader does not know, or can't keep exact, it refuses and says where.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import onnx
from onnx import numpy_helper

from ...ir.errors import InputError
from ...ir.function import Function
from ...ir.registry import Registry
from ...ir.rules import FUNCTIONS
from ...ir.types import AnyArray
from .graph import Graph, Tensor, Value
from .model_file import CUT, read_model
from .network import Network

OPERATORS = Registry("isinglass.frontends.onnx_ops", "ONNX operator")
SHAPED = {"Clip", "MaxPool"}
"""Operators that apply a function of ours but take more than its arguments: they need a file of their own."""


def read_network(path: str | Path) -> Network:
    """The network in an ONNX file, perhaps gzipped: one input, one output, float32; dynamic dimensions are read as 1.

    Raises :class:`InputError` (file, node, remedy) for a file that is missing, cut off or no ONNX, for operators and
    element types that are not supported, weights that are NaN or infinite, shapes that do not fit, several inputs.
    """
    file = read_model(path)
    name, graph = file.path, file.graph
    builder = Graph(name)
    values = constants(graph, builder)
    source, shape = the_input(graph, values, name)
    values[source] = builder.input(shape)
    for place, node in enumerate(graph.node):
        run(node, place, values, builder)
    if len(graph.output) != 1:
        raise InputError(f"{name}: has {len(graph.output)} outputs", code="onnx", hint="export with one output")
    result = values.get(graph.output[0].name)
    if not isinstance(result, Tensor):
        message = f"{name}: output {graph.output[0].name!r} is not computed from the input"
        raise InputError(message, code="onnx", hint="check how the network was exported")
    builder.node = f"output {graph.output[0].name}"
    builder.finish(result)
    return Network(name, file.digest, shape, result.shape, tuple(builder.layers))


def constants(graph: onnx.GraphProto, builder: Graph) -> dict[str, Value]:
    """The stored tensors by name."""
    found: dict[str, Value] = {}
    for tensor in graph.initializer:
        builder.node = f"initializer {tensor.name}"
        found[tensor.name] = builder.stored(array_of(tensor, builder))
    if graph.sparse_initializer:
        builder.node = "sparse initializer"
        raise builder.fail("sparse weights", "export with dense weights")
    return found


def array_of(tensor: onnx.TensorProto, builder: Graph) -> AnyArray:
    """The numbers of a stored tensor."""
    try:
        array: AnyArray = numpy_helper.to_array(tensor)
    except Exception as error:  # every element type has its own ways to fail
        raise builder.fail(f"unreadable numbers ({error})", CUT) from error
    if array.shape != tuple(tensor.dims):
        raise builder.fail(f"a tensor of shape {list(tensor.dims)}", CUT)
    return array


def the_input(graph: onnx.GraphProto, values: dict[str, Value], name: str) -> tuple[str, tuple[int, ...]]:
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
    shape = tuple(d.dim_value if d.dim_value > 0 else 1 for d in kind.shape.dim)
    if any(d.dim_value <= 0 for d in kind.shape.dim[1:]):
        message = f"{name}: input {inputs[0].name!r} has unknown dimensions beside the batch: {dimensions(kind.shape)}"
        raise InputError(message, code="onnx", hint="export with a fixed input shape; only the first may be dynamic")
    return inputs[0].name, shape


def dimensions(shape: onnx.TensorShapeProto) -> str:
    return "[" + ", ".join(d.dim_param or str(d.dim_value or "?") for d in shape.dim) + "]"


def run(node: onnx.NodeProto, place: int, values: dict[str, Value], builder: Graph) -> None:
    """Evaluate one node."""
    builder.node = f"{node.name or f'#{place}'} ({node.op_type})"
    rule = operator_for(node.op_type) if node.domain in ("", "ai.onnx") else None
    if rule is None:
        hint = f"supported operators: {', '.join(supported())}"
        full = f"{node.domain}.{node.op_type}" if node.domain else node.op_type
        raise builder.fail(f"operator {full} is not supported", hint)
    inputs = list(node.input)
    while inputs and not inputs[-1]:  # trailing optional inputs that are not given
        inputs.pop()
    missing = [item for item in inputs if item not in values]
    if missing:
        raise builder.fail(f"reads {missing[0]!r}, which nothing before it computes", "the nodes have to be in order")
    if len(node.output) != 1 or not node.output[0]:
        raise builder.fail(f"has {len(node.output)} outputs", "only operators with one output are supported")
    if node.output[0] in values:
        raise builder.fail(f"computes {node.output[0]!r} a second time", "every tensor needs a name of its own")
    args = [values[item] for item in inputs]
    options = attributes(node, builder)
    if issubclass(rule, Function):
        values[node.output[0]] = elementwise(build(rule, options, builder), args, builder)
        return
    least, most = rule.inputs
    if not least <= len(args) <= most:
        raise builder.fail(f"has {len(args)} inputs", f"needs {least}" + (f" to {most}" if most > least else ""))
    result = build(rule, options, builder).apply(builder, args)
    named = not isinstance(result, Tensor) or bool(result.node)
    values[node.output[0]] = result if named else replace(result, node=builder.node)


def operator_for(name: str) -> Any:
    """The rule class of an operator: its file, or the function that says this name; None for an unknown one."""
    key = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()
    return OPERATORS[key] if key in OPERATORS else functions().get(name)


@cache
def functions() -> dict[str, Any]:
    """ONNX name -> elementwise function."""
    known = {name: FUNCTIONS[key] for key in FUNCTIONS for name in FUNCTIONS[key].onnx}
    return {name: function for name, function in known.items() if name not in SHAPED}


def supported() -> list[str]:
    """Names of all operators that can be read."""
    return sorted({"".join(part.capitalize() for part in key.split("-")) for key in OPERATORS} | functions().keys())


def attributes(node: onnx.NodeProto, builder: Graph) -> dict[str, Any]:
    """Attributes by field name (``transB`` -> ``trans_b``): numbers, tuples, arrays."""
    found: dict[str, Any] = {}
    for attribute in node.attribute:
        key = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", attribute.name).lower()
        value = onnx.helper.get_attribute_value(attribute)
        if isinstance(value, onnx.TensorProto):
            value = array_of(value, builder)
        found[key] = tuple(value) if isinstance(value, list) else value
    return found


def build(rule: Any, options: dict[str, Any], builder: Graph) -> Any:
    """An operator with its attributes; unknown ones (of an older or newer opset) are an error, not ignored."""
    unknown = sorted(options.keys() - rule.__dataclass_fields__.keys())
    if unknown:
        raise builder.fail(f"attribute {unknown[0]!r} is not supported", "convert the network to opset 13 to 21")
    return rule(**options)


def elementwise(function: Function, args: list[Value], builder: Graph) -> Value:
    """A function layer; every argument has to be computed."""
    if not function.arity(len(args)):
        raise builder.fail(f"has {len(args)} inputs", "check how the network was exported")
    for fault in function.faults():
        raise builder.fail(fault, "check the attributes in the file")
    tensors = [arg for arg in args if isinstance(arg, Tensor)]
    if len(tensors) < len(args):
        raise builder.fail("of a constant", "fold the constants when exporting the network")
    shape = tensors[0].shape
    for tensor in tensors[1:]:
        shape = builder.common_shape(shape, tensor.shape)
    return builder.function(function, [tensor.broadcast(shape) for tensor in tensors])


