"""What a pass, or a chain of passes, promises about the problem it returns, and what an answer may claim from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

FEASIBLE = ("same", "grows", "shrinks", "any")
OPTIMUM = ("kept", "bounded", "any")


def join_sets(first: str, second: str) -> str:
    """same < grows, shrinks < any."""
    if first == second or second == "same":
        return first
    return second if first == "same" else "any"


@dataclass(frozen=True)
class Guarantee:
    """``feasible``: how the decoded feasible set relates to the source's. ``optimum``: what becomes of the optimum.

    ``objective_error``: greatest difference between the decoded optimum and the source's, in source units (0 where
    ``kept``). ``row_error``: source row block -> greatest violation, in the row's own units, that the result may let
    through. ``infeasible_above``: a proved minimum energy above it proves the source infeasible (None: no such value).
    Penalising with proved weights is (grows, kept); a lattice of inputs (shrinks, bounded); an untuned weight (any,
    any).
    """

    feasible: str = "same"
    optimum: str = "kept"
    objective_error: float = 0.0
    row_error: Mapping[str, float] = field(default_factory=dict)
    infeasible_above: float | None = None

    def then(self, later: Guarantee, scale: float = 1.0) -> Guarantee:
        """The guarantee of this step, then ``later``, whose objective errors count ``scale`` source units each."""
        errors = dict(self.row_error)
        for name, amount in later.row_error.items():
            errors[name] = errors.get(name, 0.0) + amount
        return Guarantee(
            join_sets(self.feasible, later.feasible),
            max(self.optimum, later.optimum, key=OPTIMUM.index),
            self.objective_error + abs(scale) * later.objective_error,
            errors,
            self._threshold(later),
        )

    def _threshold(self, later: Guarantee) -> float | None:
        """The energy above which the composition proves the source infeasible.

        ``later`` may show that the problem in between is infeasible; that says something of the source only where this
        step neither lost points nor moved the optimum. This step's own value holds for the energies after ``later`` as
        far as that keeps the optimum.
        """
        if self.optimum != "kept" and self.feasible not in ("same", "grows"):
            return None
        found = [] if later.infeasible_above is None else [later.infeasible_above]
        if self.infeasible_above is not None and later.optimum != "any":
            found.append(self.infeasible_above + later.objective_error)
        return min(found, default=None)

    @property
    def exact(self) -> bool:
        """Whether a proved optimum of the result is the optimum of the source."""
        return self.optimum == "kept"

    @property
    def proves_infeasible(self) -> bool:
        """Whether "no feasible point" in the result proves that the source has none."""
        return self.feasible in ("same", "grows") and self.optimum != "any"

    def __str__(self) -> str:
        text = f"feasible set {self.feasible}, optimum {self.optimum}"
        if self.objective_error:
            text += f", objective within {self.objective_error:.6g}"
        if self.row_error:
            text += ", rows within " + ", ".join(f"{k}: {v:.6g}" for k, v in self.row_error.items())
        return text
