"""The nodes of an ONNX graph: their operators, inputs and attributes.

Each operator is a file in ``frontends/onnx_ops/`` found by its name: a dataclass whose fields are the attributes.
``inputs`` says how many it takes at least and at most, ``outputs`` (default 1) how many it may have, ``foreign``
(default false) whether it reads constants of all element types, ``ended`` (default false) the results of Softmax and
ArgMax, ``alike`` (default false) whether its inputs have one element type. ``apply(graph, args)`` returns a value, or a
tuple of them; optional inputs that are not given are None, and left away at the end. Elementwise functions come from
``ir/functions/``, which say their ONNX names. Inputs and attributes are those of the standard in the file's opset.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from math import isfinite
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from ...ir.function import Function
from ...ir.registry import Registry, class_name
from ...ir.rules import FUNCTIONS
from ...ir.types import AnyArray
from .ended import Ended, reshaped
from .graph import Foreign, Graph, Tensor, Value
from .model_file import CUT

OPERATORS = Registry("isinglass.frontends.onnx_ops", "ONNX operator")
SHAPED = {"Clip", "MaxPool"}
"""Operators that apply a function of ours but take more than its arguments: they need a file of their own."""
Known = Value | Foreign | Ended
Values = dict[str, Known]
"""All tensors that are known so far, by name."""


def run(node: onnx.NodeProto, place: int, values: Values, builder: Graph) -> Sequence[Known]:
    """The outputs of one node."""
    builder.node = f"{node.name or f'#{place}'} ({node.op_type})"
    rule = operator_for(node.op_type) if node.domain in ("", "ai.onnx") else None
    if rule is None:
        hint = f"supported operators: {', '.join(supported_operators())}"
        full = f"{node.domain}.{node.op_type}" if node.domain else node.op_type
        raise builder.fail(f"operator {full} is not supported", hint)
    schema = schema_of(node.op_type, builder.opset)
    if schema is None:
        hint = "convert the network to a later one (onnx.version_converter)"
        raise builder.fail(f"operator {node.op_type} is not in opset {builder.opset}", hint)
    if not 1 <= len(node.output) <= getattr(rule, "outputs", 1) or not node.output[0]:
        raise builder.fail(f"has {len(node.output)} outputs", "only networks in inference form are supported")
    builder.wanted = len(node.output)
    args = arguments(node, rule, schema, values, builder)
    one = build(rule, node, attributes(node, schema, builder), builder)

    def applied(given: list[Any]) -> Any:
        return elementwise(one, given, builder) if isinstance(one, Function) else one.apply(builder, given)

    ended = any(isinstance(arg, Ended) for arg in args) and not getattr(rule, "ended", False)
    found = reshaped(builder, args, applied) if ended else applied(args)
    several = found if isinstance(found, tuple) else (found,)
    return [replace(one, node=builder.node) if isinstance(one, Tensor) and not one.node else one for one in several]


def arguments(node: onnx.NodeProto, rule: Any, schema: Any, values: Values, builder: Graph) -> list[Any]:
    """The inputs of a node; None for optional ones that are not given, which are left away at the end."""
    names = list(node.input)
    while names and not names[-1]:
        names.pop()
    least, most = getattr(rule, "inputs", (1, schema.max_input))
    least, most = max(least, schema.min_input), min(most, schema.max_input)
    missing = [name for place, name in enumerate(names) if name not in values and (name or place < least)]
    if missing:
        raise builder.fail(f"reads {missing[0]!r}, which nothing before it computes", "the nodes have to be in order")
    if not least <= len(names) <= most:
        needed = f"{least} to {most}" if least < most < 1000 else str(least) if most == least else f"{least} or more"
        raise builder.fail(f"has {len(names)} input{'s' * (len(names) != 1)}", f"needs {needed}")
    args = [values[name] if name else None for name in names]
    for arg in args:
        if isinstance(arg, Foreign) and not getattr(rule, "foreign", False):
            hint = "only float32 weights are supported; convert the network"
            raise builder.fail(f"element type {arg.array.dtype}", hint)
    whole = [isinstance(arg, np.ndarray) and arg.dtype.kind == "i" for arg in args]
    if getattr(rule, "alike", False) and any(whole) and not all(whole):
        raise builder.fail("mixes integers and floats", "check how the network was exported")
    return args


def operator_for(name: str) -> Any:
    """The rule class of an operator: its file, or the function that says this name; None for an unknown one."""
    key = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", name).lower()
    return OPERATORS[key] if key in OPERATORS else functions().get(name)


@cache
def functions() -> dict[str, Any]:
    """ONNX name -> elementwise function."""
    known = {name: FUNCTIONS[key] for key in FUNCTIONS for name in FUNCTIONS[key].onnx}
    return {name: function for name, function in known.items() if name not in SHAPED}


def supported_operators() -> list[str]:
    """Names of all operators that can be read."""
    return sorted({class_name(key) for key in OPERATORS} | functions().keys())


@cache
def schema_of(operator: str, opset: int) -> Any:
    """What the standard says of an operator in an opset; None where it is not in it."""
    try:
        return onnx.defs.get_schema(operator, opset, "")
    except onnx.defs.SchemaError:
        return None


def attributes(node: onnx.NodeProto, schema: Any, builder: Graph) -> dict[str, Any]:
    """Attributes by field name (``transB`` -> ``trans_b``): numbers, tuples, arrays.

    Those of another opset are an error, except where they say what is so without them.
    """
    found: dict[str, Any] = {}
    for attribute in node.attribute:
        name, known = attribute.name, schema.attributes.get(attribute.name)
        if known is not None and known.type.value != attribute.type:
            message = f"attribute {name!r} is no {known.type.name.lower()}"
            raise builder.fail(message, "check how the network was exported")
        value = helper.get_attribute_value(attribute) if attribute.type else None
        if isinstance(value, float) and not isfinite(value):
            raise builder.fail(f"attribute {name!r} is {value}", "check how the network was exported")
        if known is None and not idle(node.op_type, name, value):
            message = f"attribute {name!r} is not supported in opset {builder.opset}"
            raise builder.fail(message, "check which version of the operators the file states")
        if known is not None:
            array = array_of(value, builder) if isinstance(value, onnx.TensorProto) else value
            key = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
            found[key] = tuple(array) if isinstance(array, list) else array
    return found


def build(rule: Any, node: onnx.NodeProto, options: dict[str, Any], builder: Graph) -> Any:
    """An operator with its attributes; those that it has no field for have to have their default."""
    unknown = options.keys() - rule.__dataclass_fields__.keys()
    wrong = sorted(key for key in unknown if not idle(node.op_type, key, options[key]))
    if wrong:
        raise builder.fail(f"attribute {wrong[0]!r} is not supported", "export the network without it")
    return rule(**{key: value for key, value in options.items() if key not in unknown})


def idle(operator: str, name: str, value: Any) -> bool:
    """Whether an attribute is a default of some version of the standard, or a hint for memory of the first."""
    if name == "consumed_inputs":
        return True
    schemas = [s for s in onnx.defs.get_all_schemas_with_history() if s.domain == "" and s.name == operator]
    given = [s.attributes[name].default_value for s in schemas if name in s.attributes]
    return any(default.type and helper.get_attribute_value(default) == value for default in given)


def elementwise(function: Function, args: list[Any], builder: Graph) -> Value:
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
    return builder.function(function, [builder.spread(tensor, shape) for tensor in tensors])


def array_of(tensor: onnx.TensorProto, builder: Graph) -> AnyArray:
    """The numbers of a stored tensor."""
    try:
        array: AnyArray = numpy_helper.to_array(tensor)
    except Exception as error:  # every element type has its own ways to fail
        raise builder.fail(f"unreadable numbers ({error})", CUT) from error
    if array.shape != tuple(tensor.dims):
        raise builder.fail(f"a tensor of shape {list(tensor.dims)}", CUT)
    return array
