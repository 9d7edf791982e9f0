"""The penalty that holds a product: xy - 2xz - 2yz + 3z is 0 where z = xy and at least 1 elsewhere (Rosenberg 1975)."""

from __future__ import annotations

import numpy as np

from ...ir.blocks import Arg
from ...ir.terms.monomials import Monomials


def rosenberg(args: tuple[Arg, ...], output: str, size: int) -> Monomials:
    """One polynomial for each k: z = output[k], x and y = the k-th elements of the two arguments."""
    k = np.arange(size)
    x, y = args
    names = tuple(dict.fromkeys([x.variable, y.variable, output]))
    place = {
        "x": (names.index(x.variable), k if x.index is None else x.index),
        "y": (names.index(y.variable), k if y.index is None else y.index),
        "z": (names.index(output), k),
    }
    parts = []
    for factors, coefficient in (("xy", 1.0), ("xz", -2.0), ("yz", -2.0), ("z", 3.0)):
        which, index = np.full((size, 2), -1), np.zeros((size, 2), np.int64)
        for slot, key in enumerate(factors):
            which[:, slot], index[:, slot] = place[key]
        parts.append(Monomials(size, names, k, which, index, np.full(size, coefficient)))
    return Monomials.join(parts)
