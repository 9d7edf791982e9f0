"""Brackets of random small networks against enumeration; ``benchmarks/soundness.py lipschitz`` runs thousands."""

from __future__ import annotations

from pathlib import Path

import lipschitz_cases as cases
import numpy as np
import pytest

from isinglass.compiler.lipschitz.patterns import best_patterns
from isinglass.facade.lipschitz import question
from isinglass.ir.slope_reader import slope_form
from isinglass.ir.slope_value import form_value


def test_brackets_hold_close_and_are_accepted(tmp_path: Path) -> None:
    found = cases.sweep(16, 0, tmp_path)
    assert not [text for text in found if "WRONG" in text]
    assert len(found) >= 6, "several kinds of questions were asked"


def test_patterns_reach_the_constants_of_files(tmp_path: Path) -> None:
    """The whole way from the file: reading, slopes, search, enclosure."""
    asked = 0
    for number in range(60):
        case = cases.random_case(2, number)
        if case.box is not None or case.quantity != "lipschitz":
            continue
        path = cases.save(case.net, tmp_path / "net.onnx")
        form = slope_form(question({"network": str(path), "norm": case.norm, **case.asked}))
        for row, wanted in enumerate(cases.enumerated(case, 0.0).values()):
            patterns, values = best_patterns(form, row, case.norm, seed=number)
            low, high = form_value(form, row, case.norm, patterns[0])
            assert values[0] == pytest.approx(wanted, rel=1e-9, abs=1e-12)
            assert low <= wanted * (1 + 1e-12) and wanted <= high * (1 + 1e-12)
            asked += 1
    assert asked > 30


def test_enumeration_agrees_with_differences_of_the_network() -> None:
    """The judge itself: gradients under the pattern of a point are the network's."""
    rng = np.random.default_rng(0)
    for number in range(8):
        case = cases.random_case(3, number)
        net = case.net
        least, most = cases.sampled(case, rng, 50), cases.enumerated(case, 1e-9)
        if case.quantity == "lipschitz":
            assert all(least[label] <= most[label] * (1 + 1e-12) for label in least)

        def value(x: np.ndarray, net: cases.Net = net) -> np.ndarray:
            h = x
            for layer in net.layers:
                v = cases.activation(layer.act, h @ layer.weights + layer.shift)
                h = v + h if layer.skip else v
            return np.asarray(h @ net.last)

        pattern, h = [], point = [], rng.normal(size=net.inputs)
        for layer in net.layers:
            z = h @ layer.weights + layer.shift
            pattern.append(np.array([(cases.slopes(layer.act, v, v) or [0.0])[0] for v in z]))
            v = cases.activation(layer.act, z)
            h = v + h if layer.skip else v
        step = 1e-7 * rng.normal(size=net.inputs)
        told = cases.gradients(net, pattern) @ step
        scale = 1e-7 * max(1.0, float(np.abs(cases.gradients(net, pattern)).max()))
        np.testing.assert_allclose(value(point + step) - value(point), told, atol=1e-4 * scale + 1e-12)
