"""What may be called in a spec: names, numbers of arguments, options."""

from __future__ import annotations

from dataclasses import dataclass

ANY = 10_000


@dataclass(frozen=True)
class Signature:
    """``over``: also takes an index set. ``mode``: ``exact`` or ``rounded`` where its arguments are
    always so."""

    usage: str
    least: int = 1
    most: int = 1
    keywords: tuple[str, ...] = ()
    over: bool = False
    mode: str = ""

    @property
    def count(self) -> str:
        """Number of arguments in words."""
        if self.most == ANY:
            return f"at least {self.least} argument{'s' * (self.least > 1)}"
        if self.least == self.most:
            return f"{self.least} argument{'s' * (self.least > 1)}"
        return f"{self.least} to {self.most} arguments"


FUNCTIONS = {
    "sum": Signature("sum(x), sum(A, axis = 0) or sum(x[i] for i in 0..3)", keywords=("axis",), over=True),
    "min": Signature("min(a, b), min(v) or min(v[i] for i in 0..3)", 1, ANY, over=True),
    "max": Signature("max(a, b), max(v) or max(v[i] for i in 0..3)", 1, ANY, over=True),
    "abs": Signature("abs(a)"),
    "sqrt": Signature("sqrt(a)"),
    "floor": Signature("floor(a / b)", mode="exact"),
    "ceil": Signature("ceil(a / b)", mode="exact"),
    "len": Signature("len(v)", mode="exact"),
    "float": Signature("float(sum(v) / 3)", mode="rounded"),
    "transpose": Signature("transpose(A)"),
    "load": Signature('load("file.npy"), load("file.npz", "key") or load("file.csv")', 1, 2),
    "argmax": Signature("argmax(y) == 7"),
    "argmin": Signature("argmin(y) == 7"),
}
NETWORKS = Signature("f(x)")
BOUNDS = {
    "lipschitz": Signature(
        "bound lipschitz(f, output = 8, norm = linf)", keywords=("output", "difference", "norm", "over")
    ),
    "inf_to_one": Signature("bound inf_to_one(f, output = 8)", keywords=("output", "difference")),
}
"""What the goal ``bound`` can be about."""
CONSTANTS = ("inf",)
