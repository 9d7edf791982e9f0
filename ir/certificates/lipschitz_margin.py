"""No input of a network enters the unsafe set: rows are below 0 at the centre of a box by more than they can change.

What the certificate says is told in ``ir/lipschitz_margin.py``. Centres, ranges of arguments, slopes and the bounds of
all leaves are computed here, from the network and the unsafe set as they were read again; any numbers in it are sound.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import Refused
from ..lipschitz_margin import MarginProof, fault
from ..problem import Problem
from ..slope_proof.margin import Margins
from ..tasks import Prove
from ..types import BoolArray
from . import case_tree
from .slope_tree import tree_upper


def check(problem: Problem, certificate: Mapping[str, Any]) -> bool:
    """These certificates are about networks and an unsafe set, never about an optimisation problem's rows."""
    return False


def refuted(task: Prove, certificate: Mapping[str, Any]) -> BoolArray:
    """Which cases [C] of the unsafe set the certificate refutes. Raises :class:`InputError` for a malformed one."""
    proof, unsafe = MarginProof.from_plain(certificate), task.unsafe
    found = np.zeros(unsafe.count, np.bool_)
    if proof.others is not None:
        found |= case_tree.refuted(task, proof.others)
    if ((proof.rows < 0) | (proof.rows >= unsafe.forms.size)).any():
        raise fault("it speaks of rows that there are not")
    for region in np.unique(unsafe.region[unsafe.case[proof.rows]]).tolist():
        here = np.flatnonzero(unsafe.region[unsafe.case[proof.rows]] == region)
        rows, places = np.unique(proof.rows[here], return_inverse=True)
        try:
            margins = Margins.of(task, region, rows)
        except Refused as error:
            raise fault(error.diagnostics[0].message) from error
        for number, place in zip(here.tolist(), places.ravel().tolist(), strict=True):
            steepest = tree_upper(margins.form, place, "linf", proof.trees[number])
            if margins.refuted(place, steepest):
                found[unsafe.case[rows[place]]] = True
    return found
