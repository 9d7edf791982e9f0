"""The tree of a search as a certificate, each leaf judged by the checker's own arithmetic."""

from __future__ import annotations

import numpy as np

from ...ir.slope_form import SlopeForm
from ...ir.slope_proof.leaf import Leaves
from ...ir.slope_tree import SlopeTree
from ...ir.types import AnyArray, FloatArray
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

    def settled(self, node: Node) -> float:
        """The checker's bound of a node; the node's own numbers are repaired where it helps."""
        fixed = np.where(node.pattern < 0, np.nan, node.pattern.astype(np.float64))
        best, _ = self.accepted(fixed, node)
        return best

    def accepted(self, fixed: FloatArray, node: Node) -> tuple[float, tuple[AnyArray, AnyArray]]:
        """Bound under ``fixed`` [F] and the numbers (d, T) that prove it."""
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
        return best, numbers

    def tree(self, root: Node, wide: bool) -> tuple[SlopeTree, float]:
        """The certificate with what it proves; numbers are float64 if ``wide``, else float32."""
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
                node.inputs, node.multiplier = node.inputs.astype(kind), node.multiplier.astype(kind)
        nothing = np.zeros((len(leaves), 0), kind)
        splits = SlopeTree(self.form.units, self.form.inputs.shape[1], self.norm, np.array(units), nothing, nothing)
        judged = [self.accepted(fixed, node) for fixed, node in zip(splits.fixed(), leaves, strict=True)]
        outer, multiplier = (np.stack([numbers[side] for _, numbers in judged]) for side in (0, 1))
        tree = SlopeTree(splits.units, splits.inputs, self.norm, splits.unit, outer, multiplier)
        return tree, max(bound for bound, _ in judged)
