"""ONNX operators, one file each: ``ReduceSum`` is class ``ReduceSum`` of ``reduce_sum.py``.

A rule is a frozen dataclass. Its fields are the attributes (``transB`` is field ``trans_b``) with the standard's
defaults; the reader has checked them, and the number of inputs, against the standard in the opset that the file states.
Class attributes (``inputs``, ``outputs``, ``alike``, ``foreign``, ``ended``) are explained in ``networks/nodes.py``.
``apply(graph, args)`` gets computed tensors (:class:`~..networks.graph.Tensor`) and constants (numpy arrays: float64,
int64, truth values), and returns one of them, or a tuple of several outputs. It uses:

* ``graph.rearrange(value, change)`` for everything that only moves elements, ``graph.reshape``, ``graph.assemble``;
* ``graph.plus``, ``graph.times``, ``graph.divided``, ``graph.linear(operator, tensor, shape)``, which stay exact: where
  a stored number would round, they make the tensor a layer first, and of constants they refuse;
* ``graph.function(function, tensors)`` for elementwise functions of ``ir/functions/``;
* ``raise graph.fail(message, remedy)`` for what is not supported, ``graph.note(...)`` for what has to be rounded.

Every operator and attribute has a network in ``tests/test_onnx_operators.py`` or ``tests/test_onnx_shaped.py`` that is
compared with onnxruntime, and every refusal one in ``tests/test_onnx_refusals.py``.
"""
