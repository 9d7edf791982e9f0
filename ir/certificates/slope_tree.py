"""Bounds of Lipschitz constants: a tree of fixed slopes, on each leaf one matrix shown positive definite.

The slopes are read off the network again (``ir/slope_reader.py``), for constants local to a box with ranges of the
units' arguments that are found here; ranges of the certificate only widen them. The two sides of a split hold all
patterns, and every leaf is bounded by ``ir/slope_proof/leaf.py`` for any numbers at all; the greatest bound holds for
the network.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..slope_form import SlopeForm
from ..slope_proof.leaf import Leaves
from ..slope_proof.ranges import Ranges, confirmed
from ..slope_reader import slope_form
from ..slope_tree import SlopeTree, fault
from ..tasks import Bound


def upper(task: Bound, functional: int, certificate: Mapping[str, Any], own: Ranges | None = None) -> float:
    """A proved upper bound of the constant of one functional; inf where nothing is proved.

    ``own``: what :func:`~isinglass.ir.slope_proof.ranges.own_ranges` says, where that is known already. Raises
    :class:`InputError` for a malformed certificate, or one about other sizes or another norm, and
    :class:`~isinglass.ir.errors.Refused` for a network without slopes or beyond the limits of the reader.
    """
    tree = SlopeTree.from_plain(certificate)
    if task.quantity != "lipschitz":
        raise fault(f"it says nothing about the quantity {task.quantity}")
    form = slope_form(task, None if tree.ranges is None else confirmed(task, tree.ranges, own))
    return tree_upper(form, functional, task.norm, tree)


def tree_upper(form: SlopeForm, functional: int, norm: str, tree: SlopeTree) -> float:
    """The greatest bound of the leaves. Raises :class:`InputError` where the tree is about another form or norm."""
    if (tree.units, tree.inputs, tree.norm) != (*form.inputs.shape, norm):
        about = f"{tree.units} units, {tree.inputs} inputs and {tree.norm}, not {form.units}, {form.inputs.shape[1]}"
        raise fault(f"it is about {about} and {norm}")
    leaves = Leaves(form, functional, norm)
    found = 0.0
    for place, fixed in enumerate(tree.fixed()):
        found = max(found, leaves.upper(fixed, tree.outer[place], tree.multiplier[place]))
    return found
