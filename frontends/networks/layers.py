"""The layers that a graph becomes, and what belongs to the node being read: errors, notes, its share of memory."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from ...ir.affine import Affine
from ...ir.blocks import Arg
from ...ir.errors import InputError
from ...ir.function import Function
from ...ir.ledger import Note
from ...ir.operators.gather import Gather
from ...ir.operators.identity import Identity
from ...ir.types import FloatArray
from .network import INPUT, OUTPUT, Layer, Rule
from .tensor import Tensor, whole

MOST_AXES = 32
SHOWN = 400
"""Characters of a message."""
MOST_ELEMENTS = 1 << 26
"""Most elements that all tensors of a network may have together: a small file must not fill the memory."""


class Layers:
    """The layers made so far and the node being read.

    ``opset``: version of the standard operators; ``wanted``: how many outputs the node has. ``notes``: what had to be
    rounded.
    """

    def __init__(self, path: str, opset: int = 17) -> None:
        self.path = path
        self.opset = opset
        self.node = ""
        self.wanted = 1
        self.made = 0
        self.layers: list[Layer] = []
        self.notes: list[Note] = []
        self._counts = {"z": 0, "h": 0}
        self._known: dict[int, tuple[Tensor, Tensor]] = {}

    def fail(self, message: str, hint: str) -> InputError:
        """An error at the current node, to be raised; long lists of numbers are cut."""
        message = message if len(message) <= SHOWN else f"{message[:SHOWN]}..."
        return InputError(f"{self.path}: node {self.node[:SHOWN]}: {message}", code="onnx", hint=hint)

    def note(self, what: str, count: int, amount: float, unit: str) -> None:
        """Something rounded at the current node, for the ledger of every problem that holds the network."""
        self.notes.append(Note("onnx", what, self.node, count, amount, unit, loss=True))

    def room(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape itself. Raises :class:`InputError` where a tensor of that shape would be too much."""
        if len(shape) > MOST_AXES:
            raise self.fail(f"a tensor with {len(shape)} axes", f"at most {MOST_AXES} are supported")
        if self.made + prod(shape) > MOST_ELEMENTS:
            message = f"a tensor of shape {shape}, more than {MOST_ELEMENTS:,} elements in all"
            raise self.fail(message, "use a smaller network")
        return shape

    def room_for_entries(self, count: int) -> None:
        """Raises :class:`InputError` where a sparse matrix with that many numbers would be too much."""
        if 4 * count > MOST_ELEMENTS:
            message = f"a matrix with {count:,} numbers, more than {MOST_ELEMENTS // 4:,}"
            raise self.fail(message, "use a smaller network")

    def take(self, shape: tuple[int, ...]) -> None:
        """Count the elements of a new tensor. Raises :class:`InputError` where there are too many in all."""
        self.made += prod(self.room(shape))

    def input(self, shape: tuple[int, ...]) -> Tensor:
        return Tensor(shape, Affine.of_variable(INPUT, prod(self.room(shape))))

    def layer(self, tensor: Tensor) -> Tensor:
        """The tensor as a whole layer of its own; itself where it is one already."""
        tensor = self.known(tensor)
        if whole(tensor) is not None:
            return tensor
        made = self._append("z", tensor.shape, tensor.affine, tensor.node, tensor.divisor)
        self._known[id(tensor.affine)] = tensor, made
        return made

    def known(self, tensor: Tensor) -> Tensor:
        """The layer of the same elements where there is one already."""
        source, made = self._known.get(id(tensor.affine), (tensor, tensor))
        if made is tensor or source.affine is not tensor.affine or source.divisor is not tensor.divisor:
            return tensor
        return Tensor(tensor.shape, made.affine, tensor.node)

    def function(self, function: Function, args: Sequence[Tensor]) -> Tensor:
        """A layer of an elementwise function; arguments of one shape."""
        shape = args[0].shape
        return self._append("h", shape, (function, tuple(self.argument(arg) for arg in args)), self.node)

    def argument(self, tensor: Tensor) -> Arg:
        """Elements of one block; the tensor becomes a layer first where it is anything more."""
        tensor = self.known(tensor)
        ((name, operator), *more) = tensor.affine.parts.items()
        if not more and not tensor.affine.offset.any() and tensor.divisor is None:
            if isinstance(operator, Identity) and operator.factor == 1.0:
                return Arg(name)
            if isinstance(operator, Gather) and (operator.weight == 1.0).all():
                return Arg(name, operator.index)
        return Arg(next(iter(self.layer(tensor).affine.parts)))

    def finish(self, tensor: Tensor) -> None:
        """Make the tensor the last layer, under the output's name."""
        name = whole(self.layer(tensor))
        if not self.layers or name != self.layers[-1].name:
            self._append("z", tensor.shape, Affine.of_variable(str(name), tensor.size), tensor.node)
        last = self.layers[-1]
        self.layers[-1] = Layer(OUTPUT, tensor.shape, last.rule, last.node, last.divisor)

    def _append(
        self, kind: str, shape: tuple[int, ...], rule: Rule, node: str, divisor: FloatArray | None = None
    ) -> Tensor:
        if not prod(shape):
            message = f"a computed tensor without elements, of shape {shape}"
            raise self.fail(message, "check how the network was exported")
        self._counts[kind] += 1
        name = f"{kind}{self._counts[kind]}"
        self.layers.append(Layer(name, shape, rule, node or self.node, divisor))
        return Tensor(shape, Affine.of_variable(name, prod(shape)))
