"""Running samplers that take a dimod model: one way in, one way out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ..ir.errors import IsinglassError, Refused
from ..ir.problem import Problem
from ..ir.quadratic.assembly import assemble
from ..ir.samples import Samples
from .sample_files import sample_set_table
from .sample_table import to_samples
from .solver import best_first
from .targets.bqm import to_dimod

SEEDS = 1 << 31
"""Seeds that all samplers accept are below this."""


def sample_bqm(problem: Problem, sample: Callable[[Any], Any], what: str, labels: bool = False, **info: Any) -> Samples:
    """Call ``sample(bqm)`` for a problem at the BQM level and check what comes back against the problem.

    Variables are 0..n-1 or, with ``labels``, named as the problem names them. Nothing is called for NaN or infinite
    coefficients (:class:`InputError`), nor for a problem without variables. Whatever the sampler raises becomes
    :class:`Refused` with its words.
    """
    names = problem.labels()
    form = assemble(problem).check(names)
    if not form.size:
        return Samples(problem.unstack(np.zeros((1, 0))), np.array([form.offset]), info={"status": "sampled"})
    try:
        found = sample(to_dimod(form, names if labels else None))
        if hasattr(found, "resolve"):
            found.resolve()
    except IsinglassError:
        raise
    except Exception as error:  # any sampler, any exception
        raise Refused(f"{what} failed: {type(error).__name__}: {error}", code="solver") from error
    if not all(hasattr(found, name) for name in ("record", "variables", "vartype")):
        raise Refused(f"{what} returned {type(found).__name__}, not a dimod SampleSet", code="solver")
    samples = to_samples(sample_set_table(found, what), problem, form=form)
    return best_first(with_info(samples, status="sampled"))


def with_info(samples: Samples, **more: Any) -> Samples:
    """The samples with more told about them."""
    return replace(samples, info={**samples.info, **more})
