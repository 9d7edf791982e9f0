"""What a compiled QUBO looks like to a machine: couplers, dynamic range, count-based hardware fit."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..ir.levels import BQM, violations
from ..ir.problem import Problem
from ..ir.quadratic.assembly import assemble, assemble_polys
from ..ir.quadratic.form import QuadraticForm
from ..ir.quadratic.ising_form import common_unit
from ..ir.quadratic.triplets import Triplets
from .hardware import MACHINES, fit


def form_lines(problem: Problem) -> Iterator[str]:
    """Lines for a problem at the BQM level; for others only counts of rows."""
    if violations(problem, BQM):
        rows = sum(lin.size for lin in problem.lins.values())
        yield f"rows: {rows:,} in {len(problem.lins)} blocks"
        return
    form = assemble(problem)
    pairs = form.size * (form.size - 1) // 2
    density = form.count / pairs if pairs else 0.0
    yield f"couplers: {form.count:,} ({100 * density:.3g} % of all pairs)"
    least, greatest = form.magnitudes()
    if least:
        bits = np.log2(greatest / least)
        yield f"dynamic range: largest over smallest coefficient {greatest:.6g} / {least:.6g} = 2^{bits:.1f}"
    unit = objective_unit(problem)
    if unit:
        bits = np.log2(greatest / unit)
        yield f"  largest coefficient over objective unit {greatest:.6g} / {unit:.6g} = 2^{bits:.1f}"
    degree = int(form.degrees.max(initial=0))
    yield f"hardware fit (from counts alone; no embedding was tried; busiest variable has {degree:,} couplers):"
    for machine in MACHINES:
        yield f"  {machine.name}: {fit(machine, form.size, form.count, degree)}"


def objective_unit(problem: Problem) -> float:
    """The greatest number of which all objective coefficients are whole multiples, else the least of their sizes."""
    form = assemble_polys(problem, [problem.objective])
    values = np.concatenate([form.linear, coupler_values(form)])
    values = np.unique(np.abs(values[values != 0]))
    if not len(values):
        return 0.0
    unit = common_unit(values)
    return unit if unit > 0 else float(values.min())


def coupler_values(form: QuadraticForm) -> np.ndarray:
    return form.couplers.value if isinstance(form.couplers, Triplets) else form.couplers[form.couplers != 0]
