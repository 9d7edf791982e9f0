"""What the names in a VNN-LIB file stand for: elements of the input and of the output of one network.

1.0 declares scalars ``X_0``, ``X_1``, ... and ``Y_0``, ...; 2.0 declares tensors with an element type and a shape. What
2.0 has beyond one network with one input and one output is refused by name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np

from ...ir.errors import nearest
from .frames import Frame
from .parser import Parser

SCALAR = re.compile(r"([XY])_(0|[1-9]\d*)")
NAME = re.compile(r"[A-Za-z]\w*", re.ASCII)
INDICES = re.compile(r"([^\s\[]+)\s*(?:\[\s*([^\]]*?)\s*\])?")
REAL = ("Real", "real")
FLOATS = ("float16", "float32", "float64", "bfloat16")
OTHERS = ("float8e4m3fn", "float8e5m2", "float8e4m3fnuz", "float8e5m2fnuz", "float4e2m1", "int8", "int16", "int32",
          "int64", "uint8", "uint16", "uint32", "uint64", "complex64", "complex128", "bool", "string")  # fmt: skip
LARGEST = 10**9
"""Most elements of a declared tensor."""
ONE_NETWORK = "only queries about one network with one input and one output are supported"


@dataclass(frozen=True)
class Tensor:
    """A declared input or output; ``scalars``: as scalars of version 1.0, ``<name>_<k>``."""

    name: str
    element: str
    shape: tuple[int, ...]
    scalars: bool = False

    @property
    def size(self) -> int:
        return int(np.prod(self.shape, dtype=object)) if self.shape else 1

    def label(self, element: int) -> str:
        """What the file calls an element."""
        if self.scalars:
            return f"{self.name}_{element}"
        if not self.shape:
            return self.name
        return f"{self.name}[{','.join(map(str, np.unravel_index(element, self.shape)))}]"


@dataclass
class Names:
    """``version``: of the file; ``network``: name it gives the network. :meth:`find` resolves operand texts."""

    parser: Parser
    version: str = "1.0"
    network: str = ""
    tensors: dict[str, Tensor] = field(default_factory=dict)
    scalars: dict[str, dict[int, int]] = field(default_factory=lambda: {"X": {}, "Y": {}})
    roles: dict[str, str] = field(default_factory=dict)

    def declare(self) -> tuple[Tensor, Tensor] | None:
        """The declared input and output; None where there is a mistake in them."""
        before = len(self.parser.source.mistakes) + len(self.parser.source.refusals)
        for frame in self.parser.declarations:
            match frame.head:
                case "vnnlib-version":
                    self.read_version(frame)
                case "declare-network":
                    self.read_network(frame)
                case _:
                    self.read_scalar(frame)
        if any(self.scalars.values()) and self.network:
            self.parser.wrong(0, "declares both scalars (1.0) and a network (2.0)", "keep to one version")
        if not self.network:
            for name in ("X", "Y"):
                self.count_scalars(name)
        if len(self.parser.source.mistakes) + len(self.parser.source.refusals) > before:
            return None
        by_role = {role: self.tensors[name] for name, role in self.roles.items()}
        if by_role.keys() < {"input", "output"}:  # a mistake after so many that it was not added
            return None
        return by_role["input"], by_role["output"]

    def read_version(self, frame: Frame) -> None:
        text = frame.words[0][0] if frame.words else ""
        self.version = text.strip("<>")
        if not re.fullmatch(r"<2\.\d+>", text):
            hint = "this reads 1.0 (without a version) and <2.0>"
            self.parser.refuse(frame.at, f"VNN-LIB version {text or '?'}", hint)

    def read_scalar(self, frame: Frame) -> None:
        """``(declare-const X_0 Real)`` or ``(declare-fun X_0 () Real)``."""
        words = [text for text, _ in frame.words]
        if len(words) != 2 or words[1] not in REAL:
            hint = "declare it like (declare-const X_0 Real)"
            self.parser.wrong(frame.at, f"({frame.head} {' '.join(words)[:60]}) declares no real number", hint)
            return
        found = SCALAR.fullmatch(words[0])
        if not found or len(words[0]) > 12:
            hint = "inputs are called X_0, X_1, ..., outputs Y_0, Y_1, ..."
            self.parser.wrong(frame.words[0][1], f"{words[0][:60]!r} is neither input nor output", hint, len(words[0]))
        elif int(found[2]) in self.scalars[found[1]]:
            self.parser.wrong(frame.words[0][1], f"{words[0]} is declared a second time", "remove it", len(words[0]))
        else:
            self.scalars[found[1]][int(found[2])] = frame.at

    def count_scalars(self, name: str) -> None:
        known = self.scalars[name]
        role = "input" if name == "X" else "output"
        if not known:
            hint = f"declare it like (declare-const {name}_0 Real)"
            self.parser.wrong(0, f"no {role} is declared", hint)
            return
        missing = next((k for k in range(len(known)) if k not in known), None)
        if missing is not None:
            at = known[max(known)]
            message = f"{name}_{max(known)} is declared, {name}_{missing} is not"
            self.parser.wrong(at, message, f"declare all of {name}_0 to {name}_{max(known)}")
            return
        self.tensors[name] = Tensor(name, "Real", (len(known),), True)
        self.roles[name] = role

    def read_network(self, frame: Frame) -> None:
        """``(declare-network f (declare-input X Real [1,5]) (declare-output Y Real [1,2]))``."""
        name = frame.words[0][0] if frame.words else ""
        if self.network:
            self.parser.refuse(frame.at, f"a second network, {name!r}", ONE_NETWORK)
            return
        if not NAME.fullmatch(name):
            self.parser.wrong(frame.at, "the network has no name", "write (declare-network f ...)", len(frame.head) + 1)
        self.network = name or "?"
        for part in frame.children:
            match part.head:
                case "declare-input" | "declare-output":
                    self.read_tensor(part, part.head.removeprefix("declare-"))
                case "declare-hidden":
                    self.parser.refuse(part.at, "declare-hidden: values inside the network", ONE_NETWORK)
                case "equal-to" | "isomorphic-to":
                    self.parser.refuse(part.at, f"{part.head}: relations between networks", ONE_NETWORK)
                case _:
                    hint = "a network has declare-input and declare-output"
                    self.parser.wrong(part.at, f"unknown declaration ({part.head}", hint, len(part.head) + 1)
        for role in ("input", "output"):
            if role not in self.roles.values():
                hint = f"write (declare-{role} Z Real [1,2])"
                self.parser.wrong(frame.at, f"network {name!r} declares no {role}", hint, len(frame.head) + 1)

    def read_tensor(self, part: Frame, role: str) -> None:
        words = [text for text, _ in part.words]
        tail = INDICES.fullmatch(words[1]) if len(words) > 1 else None
        if tail is None or tail[2] is None or not NAME.fullmatch(words[0]):
            hint = f"write ({part.head} X Real [1,5])"
            message = f"{part.head} needs a name, an element type and a shape"
            self.parser.wrong(part.at, message, hint, len(part.head) + 1)
            return
        for word in words[2:]:
            if word == "initialized":
                self.parser.refuse(part.at, f"{part.head} {words[0]} initialized: default values", ONE_NETWORK)
            elif not word.startswith('"'):
                self.parser.wrong(part.at, f"unexpected {word[:40]!r} in ({part.head}", "remove it", len(part.head) + 1)
        tensor = Tensor(words[0], self.element(tail[1], part), self.shape(tail[2], part))
        if role in self.roles.values():
            self.parser.refuse(part.at, f"a second {role}, {words[0]!r}", ONE_NETWORK)
        elif words[0] in self.tensors:
            self.parser.wrong(part.at, f"{words[0]!r} is declared a second time", "give it a name of its own")
        else:
            self.tensors[words[0]] = tensor
            self.roles[words[0]] = role

    def element(self, name: str, part: Frame) -> str:
        if name in REAL:
            return "Real"
        if name in OTHERS:
            self.parser.refuse(part.at, f"element type {name}", f"Real and {', '.join(FLOATS)} can be read")
        elif name not in FLOATS:
            hint = nearest(name, ("Real", *FLOATS))
            self.parser.wrong(part.at, f"unknown element type {name[:40]!r}", hint, len(part.head) + 1)
        return name

    def shape(self, text: str, part: Frame) -> tuple[int, ...]:
        sides = [side.strip() for side in text.split(",")] if text else []
        if all(re.fullmatch(r"[1-9]\d{0,9}", side) for side in sides):
            shape = tuple(map(int, sides))
            if np.prod(shape, dtype=object) <= LARGEST:
                return shape
        hint = f"dimensions are whole numbers from 1, their product at most {LARGEST:,}"
        self.parser.wrong(part.at, f"[{text[:60]}] is no shape", hint, len(part.head) + 1)
        return (1,)

    def find(self, text: str) -> tuple[str, int] | str:
        """Role and flat element of an operand, or what is wrong with it."""
        found = INDICES.fullmatch(text)
        if found is None:
            return "is no variable"
        tensor = self.tensors.get(found[1])
        if tensor is None and found[2] is None:
            name, _, number = text.rpartition("_")
            tensor = self.tensors.get(name)
            if tensor is not None and tensor.scalars and SCALAR.fullmatch(text) and len(number) < 10:
                if int(number) < tensor.size:
                    return self.roles[name], int(number)
                tensor = None
        if tensor is None or tensor.scalars:
            known = [f"{one.label(0)} to {one.label(one.size - 1)}" for one in self.tensors.values()]
            return f"is not declared (declared: {', '.join(known) or 'none'})"
        sides = [side.strip() for side in found[2].split(",")] if found[2] else []
        if len(sides) != len(tensor.shape):
            return f"has {len(sides)} indices, {tensor.name} was declared with {len(tensor.shape)} dimensions"
        place = 0
        for side, size in zip(sides, tensor.shape, strict=True):
            if not re.fullmatch(r"\d{1,9}", side) or int(side) >= size:
                return f"is outside of the shape {list(tensor.shape)} (indices count from 0)"
            place = place * size + int(side)
        return self.roles[tensor.name], place
