"""Claims that hold or fail by a tie: small integer networks, thresholds exactly at the greatest value, every driver.

Where a non-strict row can reach exactly 0 the claim fails; where only a strict one can, it holds in real arithmetic,
and no driver may say otherwise (``unknown`` is allowed: bounds are rounded).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from networks import Layers, save
from test_prove import enumerated

from isinglass.api import prove
from isinglass.compiler.driver import DRIVERS
from isinglass.facade.checks import check_prove
from isinglass.frontends.networks.properties import question
from isinglass.frontends.networks.reader import read_network
from isinglass.ir.affine import Affine
from isinglass.ir.operators.csr import Csr
from isinglass.ir.protocols import Limits
from isinglass.ir.tasks import Prove
from isinglass.ir.unsafe import UnsafeSet

SEEDS = 14
PROVERS = [key for key in ("milp-prove", "verify", "bisect", "branch") if key in DRIVERS]


@dataclass(frozen=True)
class Tied:
    """``truth``: what the claim's answer is; None where the enumeration's floats leave it open."""

    task: Prove
    truth: str | None


def tied(seed: int, folder: Path) -> Tied:
    """Up to three cases in up to two boxes, the offsets of most moved so that the greatest margin is exactly 0."""
    rng = np.random.default_rng(seed)
    n, m, k = (int(rng.integers(*ends)) for ends in ((1, 3), (2, 5), (1, 4)))
    layers: Layers = [(rng.integers(-2, 3, s).astype(float), rng.integers(-2, 3, s[1]).astype(float))
                      for s in ((n, m), (m, k))]  # fmt: skip
    cases, boxes = int(rng.integers(1, 4)), int(rng.integers(1, 3))
    sizes = rng.integers(1, 3, cases)
    start, region = np.concatenate([[0], np.cumsum(sizes)]), rng.integers(0, boxes, cases)
    low = rng.integers(-3, 3, (boxes, n)).astype(float)
    high = low + rng.integers(0, 4, (boxes, n))
    rows, offset = rng.integers(-2, 3, (start[-1], k)).astype(float), rng.integers(-3, 3, start[-1]).astype(float)
    strict = np.repeat(rng.random(cases) < 0.75, sizes)
    truth: str | None = "unsat"
    for case, (a, b) in enumerate(pairwise(start)):
        most = enumerated(layers, low[region[case]], high[region[case]], rows[a:b], offset[a:b])
        grid = np.rint(most * 8) / 8 if np.isfinite(most) else most
        if rng.random() < 0.95 and abs(grid - most) < 1e-7:
            offset[a:b] -= grid  # all numbers are small multiples of 1/8: nothing is rounded
            most = 0.0
        if most > 1e-6 or (most == 0.0 and not strict[a]):
            truth = "sat"
        elif abs(most) <= 1e-6 and most != 0.0 and truth != "sat":
            truth = None
    network = read_network(save(folder / "net.onnx", layers))
    texts = tuple(f"case {c}" for c in range(cases))
    forms = Affine(offset, {"y": Csr.of(rows)})
    unsafe = UnsafeSet(forms, strict, start, region, low, high, low, high, "dyadic", texts)
    return Tied(question(network, unsafe, "claim"), truth)


@pytest.fixture(scope="module")
def ties(tmp_path_factory: pytest.TempPathFactory) -> list[Tied]:
    return [tied(seed, tmp_path_factory.mktemp("tie")) for seed in range(SEEDS)]


@pytest.mark.parametrize("method", PROVERS)
@pytest.mark.parametrize("seed", range(SEEDS))
def test_no_driver_is_wrong_about_a_tie(seed: int, method: str, ties: list[Tied]) -> None:
    tie = ties[seed]
    answer = prove(tie.task, {"method": method}, Limits(0.25), None)
    if answer.arithmetic == "float32-only":  # rounding broke the tie
        assert answer.status == "sat" and tie.truth != "sat"
    elif tie.truth is not None:
        assert answer.status in (tie.truth, "unknown", "timeout")
    if answer.status != "timeout":
        assert check_prove(tie.task, answer).verdict != "rejected"


def test_the_ties_are_of_all_kinds(ties: list[Tied]) -> None:
    found = [tie.truth for tie in ties]
    assert found.count("sat") >= 4 and found.count("unsat") >= 4 and found.count(None) <= 3, found
