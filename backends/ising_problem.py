"""An Ising energy as a problem over binaries, for solvers that take problems."""

from __future__ import annotations

import numpy as np

from ..ir.blocks import Poly, Var
from ..ir.operators.csr import Csr
from ..ir.operators.dense import Dense
from ..ir.problem import Problem
from ..ir.quadratic.ising_form import IsingForm
from ..ir.term import Term
from ..ir.terms.bilinear import Bilinear
from ..ir.terms.linear import Linear


def ising_problem(form: IsingForm) -> Problem:
    """Binaries x [n], s = 2 x - 1: offset - sum h + sum J + sum_i 2 (h_i - sum_j J_ij) x_i + sum 4 J_ij x_i x_j."""
    upper = form.csr()
    sums = np.asarray(upper.sum(axis=0)).ravel() + np.asarray(upper.sum(axis=1)).ravel()
    terms: tuple[Term, ...] = (Linear("x", Dense(2 * (form.h - sums)[None])),)
    if upper.nnz:
        terms += (Bilinear("x", "x", Csr.of(4 * upper)),)
    constant = form.offset - form.h.sum() + sums.sum() / 2
    objective = Poly("objective", "objective", terms, np.array([float(constant)]))
    return Problem("ising", (Var.of("x", "bin", (form.size,)), objective))
