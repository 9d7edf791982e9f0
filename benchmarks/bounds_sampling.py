"""Bounds of random networks against sampled points: no point of a box may lie outside, for any activation.

    python benchmarks/bounds_sampling.py [--points 1000000] [--seed 0]

For each activation (and for all of them mixed) networks with skip connections, picks and divisors, boxes of several
sizes, some split at neurons: bounds of all blocks (CROWN), bounds of rows with the linear bound itself, optimised
lines and multipliers, optimised layers. Points are compared up to the rounding error of float64 evaluation
(1e-12 of the magnitudes).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from bound_cases import FUNCTIONS, Array, points, random_network, sub_boxes

from isinglass.compiler.bounds.crown import crown_bounds
from isinglass.compiler.bounds.interval import Bounds
from isinglass.compiler.bounds.layers import optimise_layers
from isinglass.compiler.bounds.optimise import Schedule, case_problems, optimise
from isinglass.compiler.bounds.rows import row_bounds
from isinglass.compiler.bounds.splits import Splits
from isinglass.compiler.networks.view import NetView
from isinglass.ir.affine import Affine
from isinglass.ir.blocks import Fn
from isinglass.ir.function import Function
from isinglass.ir.operators.dense import Dense

ROOM = 1e-12
STEPS = Schedule(steps=10)


class Tally:
    """How many points were compared, and how many lay outside."""

    def __init__(self) -> None:
        self.points = self.wrong = 0

    def compare(self, value: Array, low: Array | float, high: Array | float) -> None:
        room = ROOM * (1 + np.abs(value))
        self.wrong += int(((value < low - room) | (value > high + room)).any(axis=-1).sum())


def one_network(rng: np.random.Generator, functions: Sequence[Function], count: int, tally: Tally) -> None:
    """All kinds of bounds of one network on a few boxes, ``count`` points each."""
    view = NetView.of(random_network(rng, functions, depth=int(rng.integers(1, 5)), width=8))
    start = sub_boxes(rng, view.box(), 4)
    forms = Affine(rng.normal(size=4), {"y": Dense(rng.normal(size=(4, 3)))})
    box = crown_bounds(view, start)
    rows = row_bounds(view, forms, "dyadic", box)
    values = view.forward(points(rng, start, count))
    tally.points += len(values["x"])
    within(tally, values, box, count)
    here = forms.value(values)
    tally.compare(here, -np.inf, np.repeat(rows.most, count, axis=0))
    linear = np.einsum("bmn,bn->bm", np.repeat(rows.slope, count, axis=0), values["x"])
    tally.compare(here, -np.inf, linear + np.repeat(rows.offset, count, axis=0))
    first = {name: array[:count] for name, array in values.items()}
    root = {name: (low[:1], high[:1]) for name, (low, high) in box.items()}
    layers, _ = optimise_layers(view, root, STEPS)
    within(tally, first, layers, count)
    split_once(rng, view, forms, layers, first, tally)


def within(tally: Tally, values: dict[str, Array], box: dict[str, Bounds], count: int) -> None:
    for name, (low, high) in box.items():
        tally.compare(values[name], np.repeat(low, count, axis=0), np.repeat(high, count, axis=0))


def split_once(
    rng: np.random.Generator, view: NetView, forms: Affine, box: dict[str, Bounds], values: dict[str, Array],
    tally: Tally,
) -> None:  # fmt: skip
    """Optimised bounds of the combination of two rows on one side of two splits."""
    names = tuple(dict.fromkeys(step.args[0].variable for step in view.steps if isinstance(step, Fn)))
    block = rng.integers(0, len(names), (1, 2))
    element = np.array([[rng.integers(box[names[b]][0].shape[1]) for b in block[0]]])
    value = np.array([[np.median(values[names[b]][:, e]) for b, e in zip(block[0], element[0], strict=True)]])
    splits = Splits(names, block, element, value, rng.random((1, 2)) < 0.5)
    found = optimise(case_problems(view, forms, np.array([[0, 1]]), box, splits), STEPS, goal=-np.inf)
    inside = np.ones(len(values["x"]), dtype=np.bool_)
    for b, e, v, above in zip(block[0], element[0], value[0], splits.above[0], strict=True):
        inside &= (values[names[b]][:, e] >= v) == above
    combined = forms.value(values)[:, :2] @ found.parameters.weights[0]
    tally.compare(combined[inside, None], -np.inf, found.most[0])


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--points", type=int, default=1_000_000, help="points for each activation")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    print(f"{'activation':28} {'networks':>9} {'points':>10} {'outside':>8}")
    wrong = 0
    for functions in [*([function] for function in FUNCTIONS), list(FUNCTIONS)]:
        rng, tally, networks = np.random.default_rng(chosen.seed), Tally(), 0
        while tally.points < chosen.points:
            one_network(rng, functions, min(250, max(1, chosen.points // 16)), tally)
            networks += 1
        name = repr(functions[0]) if len(functions) == 1 else "all"
        print(f"{name:28} {networks:9} {tally.points:10} {tally.wrong:8}", flush=True)
        wrong += tally.wrong
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
