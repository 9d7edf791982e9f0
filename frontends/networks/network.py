"""A network as a reader returns it: layers in order of computing, and how they become blocks of a problem."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...ir.affine import Affine
from ...ir.blocks import Arg, Block, Fn, Lin, Var
from ...ir.function import Function
from ...ir.ledger import Ledger
from ...ir.operator import Operator
from ...ir.operators.gather import Gather
from ...ir.operators.identity import Identity
from ...ir.types import FloatArray

Rule = Affine | tuple[Function, tuple[Arg, ...]]
INPUT, OUTPUT = "x", "y"
"""Names of the input and the output inside a network."""


@dataclass(frozen=True, eq=False)
class Layer:
    """``name`` = an affine map of earlier layers (``rule`` is an :class:`Affine`), or a function of their elements.

    ``shape`` is the tensor's, with its batch axis; ``node`` names the operator it came from. ``divisor`` [size]: what
    the affine map is divided by (standard deviations, counts), numbers greater than zero; None stands for ones.
    """

    name: str
    shape: tuple[int, ...]
    rule: Rule
    node: str
    divisor: FloatArray | None = None

    @property
    def size(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64))


@dataclass(frozen=True, eq=False)
class Network:
    """A vector-valued function. ``path`` and ``digest`` (sha256 of the file) say where it came from.

    ``input_shape``: as the file states it, dynamic dimensions as 1. Weights are the stored numbers, exactly, except
    where ``notes`` say what was rounded: whoever makes a problem of the network puts them into its ledger.

    ``ending``: a last operator (``ended.py``) that the layers do not hold: the last of them gives its scores, while
    ``output_shape`` is the file's. Claims about outputs go through ``through_ending.py``.
    """

    path: str
    digest: str
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    layers: tuple[Layer, ...]
    notes: Ledger = ()
    ending: str = ""

    @property
    def input_size(self) -> int:
        """Number of inputs n."""
        return int(np.prod(self.input_shape, dtype=np.int64))

    @property
    def output_size(self) -> int:
        """Number of outputs k of the file, which claims are about."""
        return int(np.prod(self.output_shape, dtype=np.int64))

    @property
    def neurons(self) -> int:
        """Number of scalar activations."""
        return sum(layer.size for layer in self.layers if not isinstance(layer.rule, Affine))


def output_name(prefix: str) -> str:
    """The block that holds the outputs after :func:`network_blocks`."""
    return f"{prefix}{OUTPUT}"


def network_blocks(network: Network, prefix: str, x_name: str) -> tuple[Block, ...]:
    """The network applied to variable block ``x_name``: a Var for each layer, and its Lin or Fn.

    Affine layers are rows ``W x - D z == -b`` with ``defines = z`` and reading dyadic, D the divisors. Blocks are
    called ``<prefix>z1``, ``<prefix>h1``, ..., the outputs ``<prefix>y``; what computes block ``b`` is ``b.def``.
    """

    def named(name: str) -> str:
        return x_name if name == INPUT else f"{prefix}{name}"

    blocks: list[Block] = []
    for layer in network.layers:
        name, origin = named(layer.name), f"onnx:{layer.node}"
        blocks.append(Var.of(name, "real", layer.shape, origin=origin))
        if isinstance(layer.rule, Affine):
            parts = {named(key): operator for key, operator in layer.rule.parts.items()}
            parts[name] = minus_diagonal(layer.size, layer.divisor)
            row = Lin(f"{name}.def", parts, "==", -layer.rule.offset, "dyadic", defines=name, origin=origin)
            blocks.append(row)
        else:
            function, args = layer.rule
            own = tuple(Arg(named(arg.variable), arg.index) for arg in args)
            blocks.append(Fn(f"{name}.def", name, function, own, origin=origin))
    return tuple(blocks)


def minus_diagonal(size: int, divisor: FloatArray | None) -> Operator:
    """-diag(divisor)."""
    if divisor is None or (divisor == divisor[:1]).all():
        return Identity(size, -1.0 if divisor is None else -float(divisor[0]))
    return Gather(np.arange(size), -divisor, size)
