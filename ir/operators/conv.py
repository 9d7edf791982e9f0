"""A two-dimensional convolution of an image with zeros around it; one-dimensional ones have images of height 1.

y[o, i, j] = sum_{c, k, l} weight[o, c, k, l] x[g C/G + c, i s - p + k d, j s' - p' + l d'] with g the group of output
channel o. Products run over copied windows (im2col) with BLAS; the matrix itself exists only where a target asks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy import sparse

from ..operator import ENTRY_LIMIT, Operator, check_limit
from ..types import BoolArray, FloatArray, IntArray
from .csr import Csr
from .identity import Identity

PIECE = 1 << 22
"""Entries of copied windows that are held at a time."""


@dataclass(frozen=True, eq=False)
class Conv(Operator):
    """``weight`` [M, C / G, height, width] with G groups; ``image`` (C, H, W), blocks are flattened in C order.

    ``pads``: zeros on top, left, bottom, right.
    """

    weight: FloatArray
    image: tuple[int, int, int]
    strides: tuple[int, int]
    dilations: tuple[int, int]
    pads: tuple[int, int, int, int]

    @property
    def groups(self) -> int:
        return self.image[0] // int(self.weight.shape[1])

    @cached_property
    def out(self) -> tuple[int, int]:
        """Height and width of the result."""
        top, left, bottom, right = self.pads
        padded = self.image[1] + top + bottom, self.image[2] + left + right
        high, wide = ((n - span) // s + 1 for n, span, s in zip(padded, self.span, self.strides, strict=True))
        return high, wide

    @property
    def span(self) -> tuple[int, int]:
        """What one window covers."""
        high, wide = ((k - 1) * d + 1 for k, d in zip(self.weight.shape[2:], self.dilations, strict=True))
        return high, wide

    @property
    def shape(self) -> tuple[int, int]:
        return self.weight.shape[0] * self.out[0] * self.out[1], int(np.prod(self.image))

    @property
    def nnz(self) -> int:
        return self.shape[0] * int(np.prod(self.weight.shape[1:]))

    @property
    def roundings(self) -> int:
        return max(1, int(np.prod(self.weight.shape[1:])))

    def whole_rows(self) -> BoolArray:
        whole = (self.weight == np.rint(self.weight)).all(axis=(1, 2, 3))
        return np.repeat(whole, self.out[0] * self.out[1])

    def faults(self) -> list[str]:
        if self.weight.ndim != 4 or not self.weight.size:
            return [f"an array of shape {self.weight.shape} is no convolution"]
        if min(*self.image, *self.strides, *self.dilations) < 1 or min(self.pads) < 0:
            return ["sizes, strides and dilations are at least 1, pads at least 0"]
        if self.image[0] % self.weight.shape[1] or self.weight.shape[0] % self.groups:
            return [f"{self.image[0]} channels do not fit weights of shape {self.weight.shape}"]
        return super().faults() if min(self.out) > 0 else ["the image is smaller than one window"]

    def apply(self, x: FloatArray) -> FloatArray:
        return self.product(self.weight, x)

    def absolute(self, x: FloatArray) -> FloatArray:
        return self.product(np.abs(self.weight), x)

    def product(self, weight: FloatArray, x: FloatArray) -> FloatArray:
        """The convolution of images [B, n] with weights of the same shape."""
        result = np.empty((len(x), self.shape[0]))
        matrix = weight.reshape(self.groups, weight.shape[0] // self.groups, -1)
        for part in self.pieces(len(x)):
            padded = self.padded(len(x[part]))
            self.inside(padded)[...] = x[part].reshape(-1, *self.image)
            columns = self.windows(padded).reshape(len(padded), self.groups, matrix.shape[2], -1)
            result[part] = (matrix @ columns).reshape(len(padded), -1)
        return result

    def adjoint(self, y: FloatArray) -> FloatArray:
        result = np.empty((len(y), self.shape[1]))
        matrix = self.weight.reshape(self.groups, len(self.weight) // self.groups, -1).swapaxes(1, 2)
        (high, wide), (down, right) = self.out, self.strides
        for part in self.pieces(len(y)):
            seeds = y[part].reshape(-1, self.groups, matrix.shape[2], high * wide)
            columns = (matrix @ seeds).reshape(len(seeds), self.image[0], *self.weight.shape[2:], high, wide)
            padded = self.padded(len(seeds))
            for k, m in np.ndindex(self.weight.shape[2:]):
                i, j = k * self.dilations[0], m * self.dilations[1]
                window = padded[:, :, i : i + (high - 1) * down + 1 : down, j : j + (wide - 1) * right + 1 : right]
                window += columns[:, :, k, m]
            result[part] = self.inside(padded).reshape(len(seeds), -1)
        return result

    def absolute_adjoint(self, y: FloatArray) -> FloatArray:
        return replace(self, weight=np.abs(self.weight)).adjoint(y)

    def pieces(self, batch: int) -> list[slice]:
        """The batch in slices whose windows fit into the memory set aside for them."""
        one = self.image[0] * int(np.prod(self.weight.shape[2:])) * self.out[0] * self.out[1]
        step = max(1, PIECE // one)
        return [slice(start, start + step) for start in range(0, batch, step)]

    def padded(self, batch: int) -> FloatArray:
        """Images of zeros."""
        top, left, bottom, right = self.pads
        return np.zeros((batch, self.image[0], self.image[1] + top + bottom, self.image[2] + left + right))

    def inside(self, padded: FloatArray) -> FloatArray:
        """The part of padded images that is no padding (a view)."""
        top, left = self.pads[:2]
        return padded[:, :, top : top + self.image[1], left : left + self.image[2]]

    def windows(self, padded: FloatArray) -> FloatArray:
        """The elements under each window, [B, C, height, width, H', W']."""
        found = sliding_window_view(padded, self.span, axis=(2, 3))
        (down, right), (tall, broad) = self.strides, self.dilations
        return found[:, :, ::down, ::right, ::tall, ::broad].transpose(0, 1, 4, 5, 2, 3)

    @cached_property
    def matrix(self) -> sparse.csr_array:
        return self.entries(np.arange(self.shape[0]))

    @cached_property
    def reads(self) -> IntArray:
        """The elements [H' W', entries of a row] that a row of the first group reads, -1 in the padding."""
        numbers = self.padded(1) - 1
        self.inside(numbers)[...] = np.arange(self.shape[1]).reshape(1, *self.image)
        first = self.windows(numbers)[0, : self.weight.shape[1]]
        return first.reshape(self.roundings, -1).T.astype(np.int64)

    def entries(self, index: IntArray) -> sparse.csr_array:
        """The chosen rows."""
        channel, place = np.divmod(np.asarray(index, dtype=np.int64), self.out[0] * self.out[1])
        group = channel // (len(self.weight) // self.groups)
        columns, data = self.reads[place], self.weight.reshape(len(self.weight), -1)[channel]
        kept = (columns >= 0) & (data != 0)
        columns += (group * (self.shape[1] // self.groups))[:, None]
        ends = np.concatenate([[0], np.cumsum(kept.sum(axis=1))])
        return sparse.csr_array((data[kept], columns[kept], ends), shape=(len(channel), self.shape[1]))

    def to_csr(self, limit: int = ENTRY_LIMIT) -> sparse.csr_array:
        check_limit(self.nnz, limit)
        return self.matrix

    def rows(self, index: IntArray) -> Operator:
        check_limit(len(index) * self.roundings, ENTRY_LIMIT)
        return Csr.of(self.entries(index))

    def scaled(self, factor: FloatArray | float) -> Operator:
        if not isinstance(factor, np.ndarray):
            return Conv(self.weight * factor, self.image, self.strides, self.dilations, self.pads)
        return Csr.of(self.to_csr()).scaled(factor)

    def after(self, right: Operator) -> Operator:
        return self.scaled(right.factor) if isinstance(right, Identity) else super().after(right)
