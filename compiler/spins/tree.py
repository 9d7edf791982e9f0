"""The nodes of a branch and bound over spins, and the certificate that its leaves make."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ...ir.spin_form import SpinForm
from ...ir.spin_proof.leaf import leaf_upper
from ...ir.spin_tree import SpinTree
from ...ir.types import AnyArray
from .triangles import Triangles


@dataclass(frozen=True, eq=False)
class Proof:
    """What is stored of a leaf: ``scale`` float32 [n], ``diagonal`` float32 [N], triangles over the form's spins."""

    scale: AnyArray
    diagonal: AnyArray
    cuts: Triangles

    def upper(self, form: SpinForm, fixed: AnyArray) -> float:
        """What the checker will find."""
        cuts = self.cuts
        return leaf_upper(
            form,
            fixed,
            self.scale,
            self.diagonal,
            cuts.triangle.astype(np.int64),
            cuts.pattern.astype(np.int64),
            cuts.multiplier,
        )

    def below(self, spin: int) -> Proof:
        """For a child that fixes ``spin``: its diagonal moves to that of spin 0."""
        diagonal = self.diagonal.copy()
        diagonal[0] += diagonal[spin]
        return Proof(self.scale, diagonal, self.cuts)


@dataclass(eq=False)
class Node:
    """``fixed`` int8 [N], +1 at 0; ``upper`` is what ``proof`` proves. ``vectors`` float32 [N', k] over spin 0 and the
    free spins, ``cuts`` triangles over these; both are dropped once the node is closed or split on ``spin``. Where not
    ``own``, proof and upper are the parent's. ``value``: of the relaxation."""

    fixed: AnyArray
    proof: Proof
    upper: float
    own: bool = True
    value: float = 0.0
    vectors: AnyArray | None = None
    cuts: Triangles | None = None
    step: float = 0.3
    spin: int = -1
    children: list[Node] = field(default_factory=list)

    def free(self) -> AnyArray:
        """Numbers of spin 0 and the free spins."""
        return np.append(0, 1 + np.flatnonzero(self.fixed[1:] == 0))

    def split(self, spin: int, children: list[Node]) -> None:
        """The children's proofs take the place of the node's."""
        self.spin, self.children = spin, children
        self.close()
        self.proof = EMPTY

    def again(self) -> Node:
        """The same without children."""
        return Node(self.fixed, self.proof, self.upper).with_vectors(self.vectors, self.cuts, self.step)

    def close(self) -> None:
        self.vectors = self.cuts = None

    def with_vectors(self, vectors: AnyArray | None, cuts: Triangles | None, step: float) -> Node:
        self.vectors, self.cuts, self.step = vectors, cuts, step
        return self


EMPTY = Proof(np.zeros(0, np.float32), np.zeros(0, np.float32), Triangles.none())


def worst(form: SpinForm, root: Node) -> float:
    """The greatest upper of the leaves, each as the checker finds it."""
    found, open_ = -np.inf, [root]
    while open_:
        node = open_.pop()
        open_ += node.children
        if node.spin < 0:
            if not node.own:
                node.upper, node.own = node.proof.upper(form, node.fixed), True
            found = max(found, node.upper)
    return float(found)


def certificate(form: SpinForm, root: Node) -> SpinTree:
    """All leaves below ``root`` in preorder, the side +1 first."""
    spins: list[int] = []
    leaves: list[Proof] = []
    open_ = [root]
    while open_:
        node = open_.pop()
        spins.append(node.spin)
        if node.spin < 0:
            leaves.append(node.proof)
        open_ += node.children[::-1]
    return SpinTree(
        spins=form.spins,
        rows=len(form.rows),
        spin=np.array(spins, dtype=np.int64),
        scale=np.stack([leaf.scale for leaf in leaves]),
        diagonal=np.stack([leaf.diagonal for leaf in leaves]),
        start=np.cumsum([0, *(len(leaf.cuts) for leaf in leaves)]),
        triangle=np.concatenate([leaf.cuts.triangle for leaf in leaves]),
        pattern=np.concatenate([leaf.cuts.pattern for leaf in leaves]),
        multiplier=np.concatenate([leaf.cuts.multiplier for leaf in leaves]),
    )
