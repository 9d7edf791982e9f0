"""No input of a network enters the unsafe set: trees of cases, each leaf closed by linear bounds.

What the certificate says is told in ``ir/case_tree.py``. It only says where to split and which lines to use; every
bound is computed here (``ir/linear_proof``, ``ir/proof_lines``), from the network and the unsafe set as they were read
again, in float64 with a-priori bounds of all rounding, for real arithmetic on the stored numbers. Any numbers in it are
sound: they can only fail to prove.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..case_tree import CaseTree
from ..linear_proof.checker import Check
from ..linear_proof.claim import Rows
from ..linear_proof.network import Network
from ..problem import Problem
from ..tasks import Prove
from ..types import BoolArray


def check(problem: Problem, certificate: Mapping[str, Any]) -> bool:
    """These certificates are about networks and an unsafe set, never about an optimisation problem's rows."""
    return False


def proves(task: Prove, certificate: Mapping[str, Any]) -> bool:
    """Whether every case of the unsafe set is refuted. Raises :class:`InputError` for a malformed certificate."""
    return bool(refuted(task, certificate).all())


def refuted(task: Prove, certificate: Mapping[str, Any]) -> BoolArray:
    """Which cases [C] of the unsafe set the certificate refutes. Raises :class:`InputError` for a malformed one."""
    found = np.zeros(task.unsafe.count, np.bool_)
    trees = CaseTree.from_plain(certificate)
    network = Network.of(task.problem, task.inputs)
    if network is None or set(task.unsafe.forms.parts) - network.place.keys():
        return found
    rows = Rows(network, task.unsafe)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore", under="ignore"):
        for forest in trees.forests:
            found[Check(network, rows, forest).refuted()] = True
    return found
