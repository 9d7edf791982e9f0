"""Arrays of certificates as JSON data, and reading them back without trusting anything.

An array is ``{"dtype", "shape", "data"}`` with little-endian numbers in C order, compressed by zlib and written in
base64. Whole numbers may have any width that holds them; numbers may be float16, float32 or float64.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from .errors import InputError
from .types import AnyArray, BoolArray, IntArray

NODES = 1 << 22
"""Most nodes of a certificate."""
BYTES = 1 << 29
"""Most bytes of all arrays of a certificate together, unpacked."""
WHOLE = ("<i1", "<i2", "<i4", "<i8", "|i1")
FLOATS = ("<f2", "<f4", "<f8")
LEVEL = 1
"""Compression level: 6 is five times slower and saves a tenth."""


def malformed(kind: str, message: str) -> InputError:
    return InputError(f"the {kind} certificate is malformed: {message}", code="certificate")


def narrow(values: IntArray) -> AnyArray:
    """The same whole numbers in the smallest type that holds them."""
    ends = (int(values.min()), int(values.max())) if values.size else (0, 0)
    limits = [np.iinfo(kind) for kind in (np.int8, np.int16, np.int32, np.int64)]
    return values.astype(next(limit.dtype for limit in limits if limit.min <= ends[0] and ends[1] <= limit.max))


def packed(values: AnyArray) -> dict[str, Any]:
    """An array as JSON data."""
    array = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<"))
    data = base64.b64encode(zlib.compress(array.tobytes(), LEVEL)).decode("ascii")
    return {"dtype": array.dtype.str, "shape": list(values.shape), "data": data}


def known(kind: str, data: object, needed: Sequence[str], allowed: Sequence[str]) -> None:
    """An object with all needed keys and no unknown ones."""
    if not isinstance(data, Mapping):
        raise malformed(kind, "an object was expected")
    missing, extra = set(needed) - data.keys(), data.keys() - set(needed) - set(allowed)
    if missing or extra:
        raise malformed(kind, f"missing {sorted(missing)}, unknown {sorted(map(str, extra))}")


class Unpacker:
    """Reads the arrays of one certificate of a kind, counting bytes. Raises :class:`InputError` for whatever is no
    array of the type and number of axes asked for."""

    def __init__(self, kind: str) -> None:
        self.kind, self.bytes = kind, BYTES

    def fault(self, message: str) -> InputError:
        return malformed(self.kind, message)

    def whole(self, data: object, axes: int = 1) -> IntArray:
        return self.array(data, WHOLE, axes).astype(np.int64)

    def numbers(self, data: object, axes: int) -> Any:
        """Floats of the width in which they were written."""
        return self.array(data, FLOATS, axes)

    def array(self, data: object, kinds: Sequence[str], axes: int) -> AnyArray:
        """One array with ``axes`` axes; never unpacks more than it declares."""
        known(self.kind, data, ("dtype", "shape", "data"), ())
        assert isinstance(data, Mapping)
        kind, shape, text = data["dtype"], data["shape"], data["data"]
        if not isinstance(kind, str) or kind not in kinds or not isinstance(text, str):
            raise self.fault(f"an array is of type {kind!r}")
        if not isinstance(shape, list) or len(shape) != axes:
            raise self.fault(f"an array has shape {shape!r}")
        if not all(type(size) is int and 0 <= size <= BYTES for size in shape):
            raise self.fault(f"an array has shape {shape!r}")
        size = prod(shape) * np.dtype(kind).itemsize
        self.bytes -= size
        if self.bytes < 0:
            raise self.fault(f"its arrays have more than {BYTES:,} bytes")
        array: AnyArray = np.frombuffer(self.inflated(text, size), dtype=kind).reshape(shape)
        return array.astype(array.dtype.newbyteorder("="))

    def inflated(self, text: str, size: int) -> bytes:
        """Exactly ``size`` bytes from base64 of a zlib stream, with nothing left over."""
        try:
            unpacker = zlib.decompressobj()
            raw = unpacker.decompress(base64.b64decode(text, validate=True), size + 1)
        except (ValueError, binascii.Error, zlib.error) as error:
            raise self.fault(f"an array can't be unpacked ({error})") from None
        if len(raw) != size or not unpacker.eof or unpacker.unused_data:
            raise self.fault("an array has another size than it says")
        return raw


def is_preorder(leaf: BoolArray, trees: int = 1) -> bool:
    """Whether nodes [N], told apart by whether they are leaves, are so many binary trees in preorder, one after the
    other."""
    left = trees + np.concatenate([[0], np.cumsum(np.where(leaf, -1, 1))])
    return bool(left[-1] == 0 and (left[:-1] >= 1).all())
