"""Bounds of Ising energies and of Lipschitz constants of one hidden layer: a tree of fixed spins, a dual on each leaf.

The form is made here again: from the network (ranges of its units' arguments in the certificate only widen those found
here), or from the problem's objective over binaries, spins and other variables with two values (rows are left out,
which can only lower a minimum). The two sides of a split hold all values of a spin.
On every leaf the numbers of the certificate give an upper bound of F (``ir/spin_proof/leaf.py``), by a factorisation in
float64 that is proved to be good enough; any numbers are sound. The greatest of the leaves' bounds holds everywhere;
where the values of an objective lie on a grid it is moved to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from ..problem import Problem
from ..slope_proof.ranges import Ranges, confirmed
from ..slope_reader import slope_form
from ..spin_form import SpinForm
from ..spin_proof.bounds import form_of, least_value, tree_upper
from ..spin_tree import SpinTree
from ..tasks import Bound


def upper(task: Bound, functional: int, certificate: Mapping[str, Any], own: Ranges | None = None) -> float:
    """A proved upper bound of the constant of one functional; inf where nothing is proved.

    ``own``: what :func:`~isinglass.ir.slope_proof.ranges.own_ranges` says, where that is known already. Raises
    :class:`InputError` for a malformed certificate, :class:`~isinglass.ir.errors.Refused` for a network without slopes
    or beyond the limits of the reader.
    """
    tree = SpinTree.from_plain(certificate)
    slopes = slope_form(task, None if tree.ranges is None else confirmed(task, tree.ranges, own))
    if task.norm != "linf" or not slopes.single or (slopes.errors is not None and slopes.errors[0].any()):
        return np.inf
    if task.quantity != "lipschitz" and slopes.input_weights.any():
        return np.inf  # a way past the units: the norm of one matrix is not what was asked about
    return tree_upper(SpinForm.of_slopes(slopes, functional, task.quantity), tree)


def lower_bound(problem: Problem, certificate: Mapping[str, Any]) -> Fraction | None:
    """A proved lower bound of the minimised objective; None where none is proved. Raises :class:`InputError` for a
    malformed certificate."""
    tree = SpinTree.from_plain(certificate)
    form = form_of(problem)
    return None if form is None or tree.ranges is not None else least_value(form, tree_upper(form, tree))
