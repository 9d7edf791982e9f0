"""No input of a network enters the unsafe set: trees of cases, each leaf closed by linear bounds.

What the certificate says is told in ``ir/case_tree.py``. It only says where to split and which lines to use; every
bound is computed here (``ir/linear_proof``, ``ir/proof_lines``), from the network and the unsafe set as they were read
again, in float64 with a-priori bounds of all rounding, for real arithmetic on the stored numbers. Any numbers in it are
sound: they can only fail to prove.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..case_tree import CaseTree, Forest
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
        for forest in together(trees.forests):
            found[Check(network, rows, forest).refuted()] = True
    return found


def together(forests: Sequence[Forest]) -> list[Forest]:
    """Forests of bare leaves as one, so that many regions are bounded at once."""
    bare = [forest for forest in forests if plain(forest)]
    if len(bare) < 2:
        return list(forests)
    sizes = np.concatenate([np.diff(forest.start) for forest in bare])
    block = np.full(len(sizes), -1)
    cases, start = np.concatenate([forest.cases for forest in bare]), np.concatenate([[0], np.cumsum(sizes)])
    rest = [forest for forest in forests if not plain(forest)]
    return [Forest(cases, start, (), block, np.zeros_like(block)), *rest]


def plain(forest: Forest) -> bool:
    """Whether it consists of leaves that say nothing."""
    extra = forest.weights is not None or forest.multipliers is not None or forest.tilts or forest.layers
    return bool(forest.leaf.all()) and not extra
