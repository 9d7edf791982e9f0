"""Which input to halve: the smear of an input is its width times how strongly rows may depend on it.

The dependence is bounded by products of |weights| over neurons that can move: what reaches a row through relus that
are not off, through the greatest slope of a sigmoid on its interval, and so on. It decides the order of a search only.

source: Kearfott, Some tests of generalized bisection, ACM TOMS 13, 1987 (maximal smear); Wang et al., Formal Security
Analysis of Neural Networks using Symbolic Intervals, USENIX Security 2018 (smear bounded through the layers)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse

from ...ir.blocks import Fn
from ...ir.operator import Operator
from ...ir.sums import sum_rows
from ...ir.types import FloatArray
from ...ir.unsafe import UnsafeSet
from ..bounds.interval import Bounds
from ..networks.view import NetView

DENSE = 0.3
"""Share of entries above which a matrix is multiplied as a dense one."""


@dataclass(frozen=True, eq=False)
class Smear:
    """For the rows of ``unsafe`` over the inputs ``inputs``."""

    view: NetView
    inputs: str
    unsafe: UnsafeSet

    @cached_property
    def rows(self) -> dict[str, FloatArray | sparse.csr_array]:
        return {name: magnitudes(operator) for name, operator in self.unsafe.forms.parts.items()}

    @cached_property
    def layers(self) -> dict[str, dict[str, FloatArray | sparse.csr_array]]:
        found: dict[str, dict[str, FloatArray | sparse.csr_array]] = {}
        for step in self.view.steps:
            if not isinstance(step, Fn):
                scaled = {key: magnitudes(op) for key, op in step.affine.parts.items()}
                if not step.plain:
                    scale = 1.0 / np.abs(step.divisor)
                    scaled = {key: sparse.diags_array(scale) @ sparse.csr_array(m) for key, m in scaled.items()}
                found[step.name] = scaled
        return found

    def strength(self, box: Mapping[str, Bounds], weight: FloatArray) -> FloatArray:
        """How strongly the rows, added up with ``weight`` [B, M] >= 0, may depend on each input, [B, n]."""
        found = {name: weight @ matrix for name, matrix in self.rows.items()}
        for step in reversed(self.view.steps):
            name = step.output if isinstance(step, Fn) else step.name
            seed = found.pop(name, None)
            if seed is None:
                continue
            if isinstance(step, Fn):
                for arg, gain in zip(step.args, gains(step, box), strict=True):
                    part = seed * gain
                    if arg.index is not None:
                        part = sum_rows(part, arg.index, box[arg.variable][0].shape[1])
                    found[arg.variable] = found[arg.variable] + part if arg.variable in found else part
            else:
                for source, matrix in self.layers[name].items():
                    part = seed @ matrix
                    found[source] = found[source] + part if source in found else part
        none = np.zeros((len(weight), box[self.inputs][0].shape[1]))
        return np.asarray(found.get(self.inputs, none), dtype=np.float64)


def gains(fn: Fn, box: Mapping[str, Bounds]) -> list[FloatArray]:
    """About the greatest slope of the function by each argument over boxes, each [B, k]."""
    lower = [arg.pick(box[arg.variable][0]) for arg in fn.args]
    upper = [arg.pick(box[arg.variable][1]) for arg in fn.args]
    one = np.ones_like(lower[0])
    with np.errstate(all="ignore"):
        tried = [[np.clip(0.0, low, high) for low, high in zip(lower, upper, strict=True)], lower, upper]
        if len(lower) > 1:  # each argument at its top, the others at their bottom, and the other way round
            tried = [[b if j == i else a for j, (a, b) in enumerate(zip(*sides, strict=True))]
                     for sides in ((lower, upper), (upper, lower)) for i in range(len(lower))]  # fmt: skip
        slopes = [fn.function.vjp(point, one) for point in tried]
    return [np.nan_to_num(np.max([np.abs(slope[k]) for slope in slopes], axis=0)) for k in range(len(lower))]


def magnitudes(operator: Operator) -> FloatArray | sparse.csr_array:
    """|A|, dense where it is nearly full."""
    csr = abs(operator.to_csr())
    full = csr.nnz > DENSE * csr.shape[0] * csr.shape[1]
    return csr.toarray() if full else csr
