"""From a problem to the level of a target: default pipelines, and the driver steps between their two parts.

A pass never calls a solver. What sharpens a compilation but needs one (an incumbent, LP multipliers) is computed here,
between the passes that normalise the model and those that make penalties, and handed over as named arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from ..ir.levels import check_level
from ..ir.problem import Problem
from ..ir.protocols import Event, OpenLp
from ..ir.types import AnyArray
from .defaults import add_option, pipeline_parts
from .pipeline import Pipeline, Ran, Trace, removers

Progress = Callable[[Event], None]


def compile_problem(
    problem: Problem,
    level: str,
    options: Mapping[str, Any],
    pipeline: str | None,
    arrays: Mapping[str, AnyArray],
    open_lp: Callable[[], OpenLp],
    progress: Progress | None = None,
) -> Trace:
    """Run the stated or the default pipeline and check that the level is reached.

    Raises :class:`InputError` listing every block that the level forbids with the pass that removes it.
    """

    def tell(ran: Ran) -> None:
        if progress:
            progress(Event(ran.text))

    if pipeline is not None:
        trace = Pipeline.parse(pipeline, arrays).run(problem, tell)
    else:
        prepare, finish = pipeline_parts(level, options)
        trace = Pipeline.parse(prepare, arrays).run(problem, tell)
        if finish and (options.get("tight") or options.get("cutoff")):
            trace, finish, arrays = sharpened(trace, finish, options, open_lp())
        rest = Pipeline.parse(finish, arrays).run(trace.problem, tell)
        trace = replace(trace, ran=trace.ran + rest.ran)
    check_level(trace.problem, level, removers())
    return trace


def sharpened(
    trace: Trace, finish: str, options: Mapping[str, Any], open_lp: OpenLp
) -> tuple[Trace, str, dict[str, AnyArray]]:
    """An incumbent and multipliers for the weights; with ``cutoff`` also shorter slack ranges."""
    from .drivers.activity_duals import activity_duals
    from .drivers.incumbent import find_incumbent
    from .drivers.multipliers import row_multipliers

    problem = trace.problem
    arrays: dict[str, AnyArray] = {}
    incumbent = find_incumbent(problem, open_lp)
    if incumbent is None:
        return trace, finish, arrays
    arrays["incumbent"] = incumbent.point
    if options.get("cutoff"):
        found = activity_duals(problem, incumbent.value, open_lp)
        arrays["duals"] = found
        text = f"tighten-activity{{duals=@duals,cutoff={incumbent.value!r},incumbent=@incumbent}}"
        more = Pipeline.parse(text, arrays).run(problem)
        trace = replace(trace, ran=trace.ran + more.ran)
        finish = add_option(finish, "penalize", "implied=true")
    name = "incumbent"
    before, _, after = finish.partition("penalize")
    if before:  # codes with validity rows: the weights are proved over their bits
        coded = Pipeline.parse(before.rstrip(","), arrays).run(trace.problem)
        point, _ = coded.lift.down(trace.problem.unstack(incumbent.point[None]))
        trace, finish, problem = replace(trace, ran=trace.ran + coded.ran), f"penalize{after}", coded.problem
        name, arrays["encoded"] = "encoded", problem.stack(point)[0]
    multipliers = row_multipliers(problem, open_lp)
    finish = add_option(finish, "penalize", f"incumbent=@{name}")
    if multipliers is not None:
        arrays["multipliers"] = multipliers
        finish = add_option(finish, "penalize", "multipliers=@multipliers")
    return trace, finish, arrays
