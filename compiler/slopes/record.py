"""The tree of a search as a certificate, each leaf judged by the checker's own arithmetic."""

from __future__ import annotations

import numpy as np

from ...ir.slope_form import SlopeForm
from ...ir.slope_proof.leaf import Leaves
from ...ir.slope_tree import SlopeTree
from ...ir.types import FloatArray, IntArray
from .dual import Dual
from .nodes import Node

CLOSE = {np.dtype(np.float64): 1e-9, np.dtype(np.float32): 1e-6}
"""How far, relatively, the checker may exceed a bound before its multipliers are repaired."""
STEP, TRIES = 8.0, 10


class Judge:
    """One functional of a form: the checker's leaf arithmetic, and repairs of what it doesn't accept."""

    def __init__(self, form: SlopeForm, functional: int, norm: str) -> None:
        self.form, self.norm = form, norm
        self.leaves = Leaves(form, functional, norm)
        self.dual = Dual.of(form, functional, norm)

    def judge(self, node: Node, fixed: FloatArray) -> None:
        """The checker's bound of a node under ``fixed`` [F], with the node's numbers repaired where that helps."""
        numbers = node.inputs, node.multiplier
        best = self.leaves.upper(fixed, *numbers)
        close = grade = CLOSE[node.inputs.dtype]
        for _ in range(TRIES):
            if best <= node.bound * (1 + close + grade):
                break
            raised = self.dual.raised(node.inputs, node.multiplier, grade)
            found = self.leaves.upper(fixed, *raised)
            if found < best:
                best, numbers = found, raised
            grade *= STEP
        node.judged, (node.inputs, node.multiplier) = best, numbers

    def leaves_of(self, root: Node, wide: bool) -> tuple[IntArray, list[Node]]:
        """Units split on [K], -1 at leaves, in preorder, and the leaves, all judged; numbers in float64 if ``wide``."""
        kind = np.float64 if wide or not root.children else np.float32
        units: list[int] = []
        leaves: list[Node] = []
        stack = [root]
        while stack:
            node = stack.pop()
            units.append(node.unit)
            if node.children:
                stack += node.children[::-1]
            else:
                leaves.append(node)
        splits = np.array(units, dtype=np.int64)
        nothing = np.zeros((len(leaves), 0), kind)
        fixed = SlopeTree(self.form.units, self.form.inputs.shape[1], self.norm, splits, nothing, nothing).fixed()
        for y, node in zip(fixed, leaves, strict=True):
            if node.inputs.dtype != kind or not np.isfinite(node.judged):
                node.inputs, node.multiplier = node.inputs.astype(kind), node.multiplier.astype(kind)
                self.judge(node, y)
        return splits, leaves

    def tree(self, splits: IntArray, leaves: list[Node]) -> tuple[SlopeTree, float]:
        """The certificate with what it proves."""
        outer, multiplier = np.stack([n.inputs for n in leaves]), np.stack([n.multiplier for n in leaves])
        tree = SlopeTree(self.form.units, self.form.inputs.shape[1], self.norm, splits, outer, multiplier)
        return tree, max(node.judged for node in leaves)
