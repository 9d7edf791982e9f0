"""Lipschitz constants of networks with one hidden layer as Ising problems: exact, with no penalty.

*rewrites* FGL = max over y in {0, 1}^F of |q + X^T diag(r) y|_1 by y = (1 + t) / 2 and |v|_1 = max of x . v into

    maximise x^T B t  over spins x [n], t [1 + F],   B = [q + X^T r / 2 | X^T diag(r) / 2]

(Alon and Naor, Approximating the cut-norm via Grothendieck's inequality, SIAM J. Comput. 35, 2006). Flipping all spins
changes nothing, so t_0 may be pinned to 1, which makes column 0 fields on x. *needs* one layer and the maximum norm;
*guarantee*: every state is feasible, its objective is at most the value of its pattern, and the optima are equal. The
quantity ``inf-to-one`` is the norm ||A||_{inf->1}, A = X^T diag(r), of HiQ-Lip (arXiv 2503.16342): no t_0 and no 1/2;
it is between FGL and 2 FGL.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...ir.affine import batch_of
from ...ir.blocks import Block, Poly, Var
from ...ir.errors import InputError, Refused
from ...ir.ledger import Note
from ...ir.lift.objective import Objective
from ...ir.operators.dense import Dense
from ...ir.problem import Problem
from ...ir.slope_form import SlopeForm
from ...ir.spin_form import SpinForm
from ...ir.terms.bilinear import Bilinear
from ...ir.terms.linear import Linear
from ...ir.types import FloatArray, Values

DIRECTION, PATTERN = "x", "t"
"""Names of the two blocks of spins."""


@dataclass(frozen=True, eq=False)
class IsingForm:
    """``matrix`` B [n, 1 + F], or A [n, F] for ``inf-to-one``; ``pinned``: t_0 = 1 is no variable."""

    matrix: FloatArray
    quantity: str = "lipschitz"
    pinned: bool = False
    error: float = 0.0

    @classmethod
    def of(cls, form: SlopeForm, functional: int = 0, quantity: str = "lipschitz", pinned: bool = False) -> IsingForm:
        """Raises :class:`Refused` for deeper networks, and for ``inf-to-one`` where there is a way past the units."""
        if not form.single:
            hint = "its polynomial is of higher degree: ask for an LP or MPS file, or a QUBO of a small network"
            raise Refused(f"a network with {int(form.layer.max()) + 1} hidden layers is no Ising problem", hint=hint)
        if quantity == "inf-to-one" and form.input_weights[functional].any():
            raise Refused("inf-to-one is the norm of one matrix: of one hidden layer whose slopes start at 0")
        spins = SpinForm.of_slopes(form, functional, quantity)
        return cls(spins.rows, quantity, pinned and quantity == "lipschitz", spins.error)

    @property
    def ghost(self) -> bool:
        """Whether t_0 is a variable."""
        return self.quantity == "lipschitz" and not self.pinned

    def problem(self, name: str = "lipschitz") -> Problem:
        """Minimise -x^T B t; values are in the sense of the constant (a maximum)."""
        inputs, columns = self.matrix.shape
        size = columns - self.pinned
        blocks: list[Block] = [Var.of(DIRECTION, "spin", (inputs,), origin="direction")]
        blocks.append(Var.of(PATTERN, "spin", (size,), origin="pattern"))
        own = np.ascontiguousarray(-self.matrix[:, int(self.pinned) :])
        fields = (Linear(DIRECTION, Dense(-self.matrix[:, 0][None])),) if self.pinned else ()
        terms = (Bilinear(DIRECTION, PATTERN, Dense(own)), *fields)
        blocks.append(Poly("objective", "objective", terms, np.zeros(1), origin=f"bound:{self.quantity}"))
        note = Note("ising-form", "objective rounded to float64", "objective", inputs * columns, self.error, "at most")
        return Problem(name, tuple(blocks), Objective(scale=-1.0), (note,) if self.error else ())

    def spins(self, values: Values) -> FloatArray:
        """t [B, 1 + F] (F for ``inf-to-one``) of samples of the problem, t_0 put in where it is pinned.

        Raises :class:`InputError` for samples of another shape, or that aren't spins.
        """
        t = np.asarray(values[PATTERN], dtype=np.float64)
        if t.ndim != 2 or t.shape[1] != self.matrix.shape[1] - self.pinned or not (np.abs(t) == 1).all():
            raise InputError(f"samples of {PATTERN!r} are rows of {self.matrix.shape[1] - self.pinned} spins -1 and 1")
        return np.column_stack([np.ones(len(t)), t]) if self.pinned else t

    def patterns(self, values: Values) -> FloatArray:
        """The patterns [B, F] of 0 and 1 that samples stand for."""
        t = self.spins(values)
        return (1 + (t if self.quantity == "inf-to-one" else t[:, :1] * t[:, 1:])) / 2

    def decode(self, values: Values) -> Decoded:
        """Samples with x replaced by the best response to t, which never loses."""
        t = self.spins(values)
        gradient = t @ self.matrix.T
        x = np.where(gradient >= 0, 1.0, -1.0)
        best = {**values, DIRECTION: x}
        if DIRECTION in values and batch_of(values) == len(x):
            given = np.einsum("bn,bn->b", np.asarray(values[DIRECTION], dtype=np.float64), gradient)
        else:
            given = np.full(len(x), -np.inf)
        return Decoded(best, self.patterns(values), np.abs(gradient).sum(axis=1), given)

    def samples_of(self, patterns: FloatArray) -> dict[str, FloatArray]:
        """The states of the problem [B, ...] that stand for patterns [B, F], with their best x."""
        t = 2 * np.asarray(patterns, dtype=np.float64) - 1
        full = t if self.quantity == "inf-to-one" else np.column_stack([np.ones(len(t)), t])
        x = np.where(full @ self.matrix.T >= 0, 1.0, -1.0)
        return {DIRECTION: x, PATTERN: full[:, int(self.pinned) :]}


@dataclass(frozen=True, eq=False)
class Decoded:
    """``values`` with the best x; ``patterns`` [B, F]; ``value`` [B] of these in float64, ``given`` [B] with the
    samples' own x (-inf where they have none)."""

    values: dict[str, FloatArray]
    patterns: FloatArray
    value: FloatArray
    given: FloatArray

    @property
    def best(self) -> int:
        """The sample of the greatest value."""
        return int(self.value.argmax())
