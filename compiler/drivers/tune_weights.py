"""Penalty weights that sample well: the least common scale at which enough pilot reads are feasible.

A proved weight orders all points rightly but may be so large that a sampler sees nothing but the rows; a smaller one
samples better and proves nothing. The driver changes no proof: the caller keeps it only where it still covers the
weights. Reads are judged on the source, after decoding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from ...ir.protocols import Event
from ...ir.types import FloatArray

Share = Callable[[FloatArray], float]
"""Weights -> share of pilot reads that are feasible on the source."""


@dataclass(frozen=True, eq=False)
class Tuned:
    """``scale``: what all weights were multiplied by; ``share``: feasible share of the last pilot at it; ``tries``."""

    scale: float
    share: float
    tries: int


def tune_weights(weights: FloatArray, share_of: Share, wanted: float = 0.2, tries: int = 12) -> Iterator[Event | Tuned]:
    """Bisect the common scale on a logarithmic grid; yields progress, then the result.

    Starts at 1 and goes down (or up, when even 1 is not enough) by factors of two until it brackets the wanted share.
    """
    done = 0
    scale, share = 1.0, share_of(weights)
    done += 1
    yield Event(f"scale 1: {100 * share:.0f} % feasible", done, tries)
    step = 0.5 if share >= wanted else 2.0
    best = (scale, share) if share >= wanted else None
    low, high = (None, scale) if share >= wanted else (scale, None)
    while done < tries and (low is None or high is None or high / low > 1.25):
        scale = scale * step if low is None or high is None else float(np.sqrt(low * high))
        share = share_of(weights * scale)
        done += 1
        yield Event(f"scale {scale:.4g}: {100 * share:.0f} % feasible", done, tries)
        if share >= wanted:
            best, high = (scale, share), scale
        else:
            low = scale
    yield Tuned(*(best or (scale, share)), done)
