"""How fast a polynomial can change with each element of a block, over the box."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...ir.blocks import Poly
from ...ir.problem import Problem
from ...ir.terms.monomials import Monomials
from ...ir.types import FloatArray


def greatest_slopes(problem: Problem, poly: Poly, name: str) -> FloatArray:
    """An upper bound of |d p / d x_j| for every element j of block ``name`` [n], by interval arithmetic."""
    slopes = np.zeros(problem.vars[name].size)
    for term in poly.terms:
        if name not in term.variables:
            continue
        form = term.monomials()
        assert isinstance(form, Monomials)
        number = form.names.index(name)
        for place in range(form.which.shape[1]):
            hit = np.flatnonzero(form.which[:, place] == number)
            which, index = form.which[hit].copy(), form.index[hit]
            which[:, place] = -1
            rest = Monomials(len(hit), form.names, np.arange(len(hit)), which, index, form.coefficient[hit])
            low, high = replace(rest).interval(problem.box)
            np.add.at(slopes, index[:, place], np.maximum(np.abs(low), np.abs(high)))
    return slopes * (1 + 1e-9)
