"""Patterns of slopes under which a functional of a network is steep: lower bounds of its formal Lipschitz constant.

*needs* a slope form; *guarantee*: each value is that of its pattern, in float64 (``ir.slope_value`` encloses it).
Many random starts climb by alternating maximisation, the best distinct ones go on flip by flip with the direction
eliminated, and a short tabu search starts from the best. Any norm, depth and slopes; large networks, where a table of
flips would not fit, are left to the sweeps.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

import numpy as np

from ...ir.slope_form import SlopeForm
from ...ir.types import AnyArray, FloatArray
from .flips import Flips, ascend, tabu
from .layers import Layers, pattern_values, precision, size_of
from .sweeps import climb

BATCH = 64
KEPT = 16
TABLE_LIMIT, SMALL_TABLE = 20_000_000, 2_000_000
"""Entries of the largest table of flips, and of those that all summits are climbed with."""
MOVES = 30
COARSE, FINE = 1e-6, 1e-13
"""Relative rises that count, in float32 and float64."""


def best_patterns(
    form: SlopeForm,
    functional: int = 0,
    norm: str = "linf",
    seed: int = 0,
    starts: int | None = None,
    seconds: float | None = None,
    given: FloatArray | None = None,
) -> tuple[FloatArray, FloatArray]:
    """Patterns [K, F] of 0 and 1 with their values [K], best first, K <= 16 and at least 1.

    ``starts``: random ones (see :func:`default_starts`); ``given`` [M, F] are further ones (a NaN is drawn).
    The same seed gives the same result unless ``seconds`` run out, and at least one batch is always climbed.
    """
    end = np.inf if seconds is None else monotonic() + seconds

    def over() -> bool:
        return monotonic() >= end

    rng = np.random.default_rng(seed)
    starts = default_starts(form) if starts is None else starts
    drawn = _draws(form, rng, max(starts, 1), given)
    layers = Layers.of(form, functional, precision(form, functional))
    pool = np.zeros((0, form.units))
    for first in range(0, len(drawn), BATCH):
        found = climb(layers, drawn[first : first + BATCH], norm, over=over)
        pool = _best(layers, norm, np.concatenate([pool, found]))
        if over():
            break
    if form.units and form.units * layers.inputs <= TABLE_LIMIT:
        pool = _polished(form, functional, layers, norm, pool, rng, over)
    values = pattern_values(form, functional, norm, pool)
    order = np.argsort(-values, kind="stable")
    return pool[order], values[order]


def default_starts(form: SlopeForm) -> int:
    """64 for one layer, else 256; fewer where a sweep multiplies by more than a million numbers."""
    numbers = max(1, int(np.count_nonzero(form.inputs)) + int(np.count_nonzero(form.within)))
    most = 64 if form.single else 256
    return max(16, min(most, int(most * 1e6 / numbers)))


def _draws(form: SlopeForm, rng: np.random.Generator, count: int, given: FloatArray | None) -> FloatArray:
    """Starts [S, F]: those given, all on, and random ones of different densities."""
    drawn = (rng.random((count, form.units)) < rng.uniform(0.2, 0.8, (count, 1))).astype(np.float64)
    drawn[-1] = 1.0
    if given is None or not len(given):
        return drawn
    known = np.asarray(given, dtype=np.float64)
    return np.concatenate([np.where(np.isnan(known), rng.random(known.shape) < 0.5, known), drawn])


def _best(layers: Layers, norm: str, patterns: AnyArray) -> FloatArray:
    """The best distinct patterns, best first."""
    values = size_of(layers.backward(patterns.astype(layers.dtype))[1], norm)
    order = np.argsort(-values, kind="stable")
    _, first = np.unique(patterns[order] > 0.5, axis=0, return_index=True)
    return np.asarray(patterns[order][np.sort(first)[:KEPT]], dtype=np.float64)


def _polished(
    form: SlopeForm,
    functional: int,
    layers: Layers,
    norm: str,
    pool: FloatArray,
    rng: np.random.Generator,
    over: Callable[[], bool],
) -> FloatArray:
    """The pool after flips: each pattern up to its summit, a tabu search from the best, and its summit in float64."""
    share = min(1.0, SMALL_TABLE / (layers.units * layers.inputs)) ** 2  # a table of twice the size: half the tables
    summits = 8 if form.single else KEPT
    flips = Flips(layers, pool[0], norm)
    found = [pool]
    for pattern in pool[: max(1, round(share * summits))]:
        flips.set(pattern)
        ascend(flips, COARSE, over)
        found.append(flips.pattern[None].astype(np.float64))
        if over():
            break
    pool = _best(layers, norm, np.concatenate(found))
    flips.set(pool[0])
    wandered = tabu(flips, round(share * MOVES), COARSE, rng, over).astype(np.float64)
    best = climb(layers, wandered[None], norm, over=over)
    pool = _best(layers, norm, np.concatenate([pool, wandered[None], best]))
    if share < 1 or over():
        return pool
    exact = Flips(Layers.of(form, functional), pool[0], norm)
    ascend(exact, FINE, over)
    values = pattern_values(form, functional, norm, pool[:1])[0]
    if pattern_values(form, functional, norm, exact.pattern[None])[0] > values:
        pool[0] = exact.pattern
    return pool
