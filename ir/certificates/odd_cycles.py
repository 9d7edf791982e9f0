"""Bounds of Ising energies with few couplings: odd closed walks of couplings with multipliers.

The form is made here again from the problem's objective over binaries, spins and other variables with two values (rows
are left out, which can only lower a minimum). The walks give a bound in closed form (``ir/spin_proof/walks.py``),
rounded outward; any multipliers are sound. Where the values of the objective lie on a grid the bound is moved to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from ..odd_cycles import OddCycles
from ..problem import Problem
from ..spin_proof.bounds import cycles_upper, form_of, least_value


def lower_bound(problem: Problem, certificate: Mapping[str, Any]) -> Fraction | None:
    """A proved lower bound of the minimised objective; None where none is proved. Raises :class:`InputError` for a
    malformed certificate."""
    proof = OddCycles.from_plain(certificate)
    form = form_of(problem)
    return None if form is None else least_value(form, cycles_upper(form, proof))
