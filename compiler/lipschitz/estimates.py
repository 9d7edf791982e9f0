"""Published estimates of Lipschitz constants, by name: none of them is part of a bracket.

``product-a``: 2^-(d-2) prod ||A_l||_{inf->1} for d weight matrices, A_l = W_l and the last W_{d-1}^T diag(w) (HiQ-Lip,
arXiv 2503.16342, its multi-layer bound A). No bound: with one unit in each layer and all weights 1 the constant is 1,
the product 2^-(d-2). Its norms come from a search, so that it is not for certain even what the formula says.
``product-b``: the same over d^(d-3) (bound B there, d >= 3). No bound: 1/16 for d = 4 in the same network.
``norm-product``: |w|_1 prod ||W_l||_{inf->inf}. At least the constant but for rounding in float64, and far above it.
``sampled-gradient``: the greatest |gradient| at sampled inputs. At most the true constant, but for points so close to
a kink that rounding moves them across; it says nothing about patterns that no sample reached.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ...ir.errors import InputError, Refused
from ...ir.evaluate import complete
from ...ir.gradient import pullback
from ...ir.slope_form import SlopeForm
from ...ir.slope_value import layers
from ...ir.tasks import Bound
from ...ir.types import FloatArray
from .layers import size_of
from .patterns import best_patterns

BATCH = 256
KINDS = {
    "product-a": "no bound: a product of norms, each from a search, over 2^(d-2)",
    "product-b": "no bound: product-a over d^(d-3)",
    "norm-product": "at least the constant, up to float64 rounding",
    "sampled-gradient": "at most the true constant, up to float64 rounding",
}


@dataclass(frozen=True)
class Estimate:
    """A number with the name of its formula; ``means`` says what it is worth."""

    name: str
    value: float

    @property
    def means(self) -> str:
        return KINDS[self.name]


def estimates(form: SlopeForm, functional: int = 0, seed: int = 0) -> tuple[Estimate, ...]:
    """``product-a``, ``product-b`` and ``norm-product`` of a network that is a chain of layers (maximum norm).

    Raises :class:`Refused` for other networks.
    """
    *below, top, last = chain(form, functional)
    norms = [inf_to_one(matrix, seed) for matrix in (*below, last[:, None] * top)]
    depth = len(norms) + 1
    product = float(np.prod(norms)) / 2.0 ** (depth - 2)
    rows = [float(np.abs(matrix).sum(axis=1).max(initial=0.0)) for matrix in (*below, top)]
    return (
        Estimate("product-a", product),
        Estimate("product-b", product / float(depth) ** max(0, depth - 3)),
        Estimate("norm-product", float(np.abs(last).sum() * np.prod(rows))),
    )


def chain(form: SlopeForm, functional: int) -> list[FloatArray]:
    """W_1 [m_1, n], W_2 [m_2, m_1], ..., w [m_L] of a chain of layers. Raises :class:`Refused` for anything else."""
    rows = layers(form)
    if not rows:
        raise Refused("a network without units is linear; its constant needs no estimate")
    found = [form.inputs[rows[0]]]
    found += [form.within[at, below] for below, at in pairwise(rows)]
    weights = form.unit_weights[functional]
    told = sum(np.count_nonzero(matrix) for matrix in found) + np.count_nonzero(weights[rows[-1]])
    held = sum(np.count_nonzero(array) for array in (form.inputs, form.within, weights))
    if told != held or form.input_weights[functional].any():
        hint = "these formulas are for chains of layers whose slopes start at 0"
        raise Refused("a layer of the network is skipped, or some slopes never vanish", hint=hint)
    return [*found, weights[rows[-1]]]


def inf_to_one(matrix: FloatArray, seed: int = 0) -> float:
    """The greatest x^T M t over spins that the search finds: at most ||M||_{inf->1}."""
    units, inputs = matrix.shape
    zero = np.zeros(units)
    own = SlopeForm(np.zeros((units, units)), 2 * matrix, np.ones((1, units)), -matrix.sum(axis=0)[None], zero, zero +
    1,
                    (("t", 0, units),), np.zeros(units, np.int64))  # fmt: skip
    return float(best_patterns(own, 0, "linf", seed)[1][0]) if inputs and units else 0.0


def sampled_gradient(
    task: Bound, functional: int = 0, points: FloatArray | None = None, count: int = 1000, seed: int = 0
) -> Estimate:
    """The greatest |gradient| of a functional at ``points`` [S, n], or at ``count`` random ones.

    Random points are uniform in the box of the inputs, standard normal where a side is open. Raises
    :class:`InputError` for points of another size.
    """
    var = task.problem.var(task.inputs)
    drawn = points if points is not None else random_points(var.lower, var.upper, count, np.random.default_rng(seed))
    drawn = np.asarray(drawn, dtype=np.float64)
    if drawn.ndim != 2 or drawn.shape[1] != var.size:
        raise InputError(f"points of shape {drawn.shape}; the network reads rows of {var.size}")
    found = 0.0
    for first in range(0, len(drawn), BATCH):
        values = complete(task.problem, {task.inputs: drawn[first : first + BATCH]})
        weights = np.broadcast_to(task.functionals[functional], (len(values[task.inputs]), task.functionals.shape[1]))
        gradient = pullback(task.problem, values, {task.outputs: np.array(weights)})[task.inputs]
        found = max(found, float(size_of(gradient, task.norm).max()))
    return Estimate("sampled-gradient", found)


def random_points(lower: FloatArray, upper: FloatArray, count: int, rng: np.random.Generator) -> FloatArray:
    """[count, n]."""
    closed = np.isfinite(lower) & np.isfinite(upper)
    low, high = np.where(closed, lower, 0.0), np.where(closed, upper, 1.0)
    normal = np.clip(rng.normal(size=(count, len(lower))), lower, upper)
    return np.where(closed, low + (high - low) * rng.random((count, len(lower))), normal)
