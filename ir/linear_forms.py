"""Polynomials of degree 1 as affine maps, without touching a number."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from .affine import Affine
from .blocks import Poly
from .errors import Refused
from .operator import Operator
from .operators.csr import Csr
from .problem import Problem
from .term import Term
from .terms.linear import Linear
from .terms.monomials import Monomials


def linear_forms(problem: Problem, poly: Poly) -> Affine:
    """Polynomials of degree 1 as an affine map with the same numbers.

    Raises :class:`Refused` for a higher degree, and where a variable occurs twice in a polynomial (adding its
    coefficients could round).
    """
    found: dict[str, Operator] = {}
    for term in poly.terms:
        for name, operator in linear_parts(problem, term, poly.name).items():
            if name in found:
                raise Refused(f"block {name!r} occurs in two terms of {poly.name!r}", hint="write one term per block")
            found[name] = operator
    return Affine(poly.constant, found)


def linear_parts(problem: Problem, term: Term, owner: str) -> dict[str, Operator]:
    """One term of degree 1 as operators by block."""
    if isinstance(term, Linear):
        return {term.variable: term.operator}
    if not isinstance(term, Monomials) or term.degree != 1 or (term.which[:, 0] < 0).any():
        raise Refused(f"polynomials {owner!r} are not linear")
    place = np.stack([term.row, term.which[:, 0], term.index[:, 0]])
    if np.unique(place, axis=1).shape[1] < place.shape[1]:
        raise Refused(f"a variable occurs twice in {owner!r}", hint="add up its coefficients")
    parts: dict[str, Operator] = {}
    for which, name in enumerate(term.names):
        mine = term.which[:, 0] == which
        where = (term.row[mine], term.index[mine, 0])
        shape = (term.rows, problem.var(name).size)
        parts[name] = Csr.of(sparse.coo_array((term.coefficient[mine], where), shape=shape))
    return parts
