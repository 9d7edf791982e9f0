"""Claims about networks: the unsafe set is exactly what breaks the claim, ties and strictness included."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from isinglass.frontends.glass.reader import parse_spec
from isinglass.ir.errors import InputError, Refused
from isinglass.ir.evaluate import complete
from isinglass.ir.exact import Exact
from isinglass.ir.rational import read_fraction
from isinglass.ir.tasks import Optimize, Prove

from .glass_cases import codes_of
from .networks import save

HEAD = """
param k = 1
network f = onnx("net.onnx")
var x : real[2] in ball([0.5, 0.1], 0.3, linf) & 0..0.7
let y = f(x)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(5)
    save(
        tmp_path / "net.onnx",
        [(rng.normal(size=(2, 4)), rng.normal(size=4)), (rng.normal(size=(4, 3)), rng.normal(size=3))],
    )
    return tmp_path


def task_of(text: str, folder: Path) -> Prove:
    task = parse_spec(HEAD + text, base_dir=folder)
    assert isinstance(task, Prove)
    return task


def least(y: np.ndarray) -> int:
    return int(np.flatnonzero(y == y.min())[0])


def greatest(y: np.ndarray) -> int:
    return int(np.flatnonzero(y == y.max())[0])


CLAIMS: dict[str, Callable[[np.ndarray], bool]] = {
    "argmax(y) == 1": lambda y: greatest(y) == 1,
    "0 == argmax(y)": lambda y: greatest(y) == 0,
    "argmax(y) != k + 1": lambda y: greatest(y) != 2,
    "argmin(y) == k": lambda y: least(y) == 1,
    "argmin(y) != 2": lambda y: least(y) != 2,
    "y[0] <= 1 and (y[1] < y[0] or y[2] < y[0])": lambda y: y[0] <= 1 and (y[1] < y[0] or y[2] < y[0]),
    "y[0] < 1 or y[1] >= y[2]": lambda y: y[0] < 1 or y[1] >= y[2],
    "not (y[0] < 1 or y[1] >= y[2])": lambda y: not (y[0] < 1 or y[1] >= y[2]),
    "not (y[0] <= y[1] <= y[2])": lambda y: not y[0] <= y[1] <= y[2],
    "y[0] <= y[1] < y[2] + 1": lambda y: y[0] <= y[1] < y[2] + 1,
    "y[0] == y[1]": lambda y: y[0] == y[1],
    "not y[0] == y[1]": lambda y: y[0] != y[1],
    "y[0] != y[1] or y[2] == 1": lambda y: y[0] != y[1] or y[2] == 1,
    "y <= 1": lambda y: bool((y <= 1).all()),
    "not y <= 1": lambda y: not (y <= 1).all(),
    "-1 <= y <= [1, 0, 1]": lambda y: bool((y >= -1).all() and (y <= [1, 0, 1]).all()),
    "2*y[0] - 0.5*y[1] + 1/3 >= y[2] / 3": lambda y: 12 * y[0] - 3 * y[1] + 2 >= 2 * y[2],
    "y[i] <= y[2] for i in 0..1": lambda y: y[0] <= y[2] and y[1] <= y[2],
    "y[i] <= y[j] or y[i] >= 1 for i in 0..2, j in 0..2 if i < j": lambda y: all(
        y[i] <= y[j] or y[i] >= 1 for i in range(3) for j in range(i + 1, 3)
    ),
    "argmax(y) != c for c in [0, 2]": lambda y: greatest(y) not in (0, 2),
    "argmax(y) == 1 or y[1] >= max(0, 1)": lambda y: greatest(y) == 1 or y[1] >= 1,
}


@pytest.mark.parametrize("claim", CLAIMS)
def test_the_unsafe_set_is_where_the_claim_fails(claim: str, folder: Path) -> None:
    task = task_of(f"prove {claim}", folder)
    table = np.array(list(product([-1.0, 0.0, 0.5, 1.0, 2.0], repeat=3)))
    unsafe = task.unsafe.rows_hold({task.outputs: Exact.of(table)}, len(table)).any(axis=1)
    assert not task.unsafe.faults({"x": 2, "f.y": 3}, "x")
    assert unsafe.tolist() == [not CLAIMS[claim](y) for y in table]
    assert task.claim == claim


def test_cases_say_what_they_are(folder: Path) -> None:
    task = task_of("prove argmax(y) == 1", folder)
    assert task.unsafe.texts == ("y[1] <= y[0]", "y[1] < y[2]")
    assert task.unsafe.strict.tolist() == [False, True]
    named = task_of("prove y[i] <= 2 for i in 0..1", folder)
    assert named.unsafe.texts == ("y[i] > 2 (i = 0)", "y[i] > 2 (i = 1)")
    both = task_of("prove y[0] <= 1 or y[1] < y[2] <= 4", folder)
    assert both.unsafe.texts == ("y[0] > 1 and y[1] >= y[2]", "y[0] > 1 and y[2] > 4")
    assert both.unsafe.start.tolist() == [0, 2, 4] and both.unsafe.case.tolist() == [0, 0, 1, 1]


def test_numbers_of_claims_are_exact(folder: Path) -> None:
    unsafe = task_of("prove y[0]/3 - 0.1*y[1] <= 1/7", folder).unsafe
    numbers = [read_fraction(float(v), unsafe.reading) for v in unsafe.forms.parts["f.y"].to_dense()[0]]
    scale = numbers[0] * 3
    assert numbers == [scale / 3, -scale / 10, 0]
    assert read_fraction(float(unsafe.forms.offset[0]), unsafe.reading) == -scale / 7


def test_the_box_is_rounded_outward_for_proofs_and_inward_for_witnesses(folder: Path) -> None:
    task = task_of("prove y[0] <= 3\ncompile { timeout = 3 }", folder)
    box = task.problem.vars["x"]
    lower, upper = task.unsafe.inner_lower[0], task.unsafe.inner_upper[0]
    assert (task.unsafe.lower[0] == box.lower).all() and (task.unsafe.upper[0] == box.upper).all()
    exact = (["1/5", "0"], ["7/10", "2/5"])  # 0.1 - 0.3 is cut off at 0
    for k in range(2):
        low, high = (read_fraction(float(eval(side[k])), "simplest") for side in exact)
        assert read_fraction(float(box.lower[k]), "dyadic") <= low <= read_fraction(float(lower[k]), "dyadic")
        assert read_fraction(float(upper[k]), "dyadic") <= high <= read_fraction(float(box.upper[k]), "dyadic")
        assert lower[k] - box.lower[k] <= 1e-15 and box.upper[k] - upper[k] <= 1e-15
    assert (task.inputs, task.outputs, task.network) == ("x", "f.y", str(folder / "net.onnx"))
    assert task.options["timeout"] == 3


def test_a_network_inside_a_model(folder: Path) -> None:
    task = parse_spec(HEAD + "let z = f(x)\nminimize y[2] - z[0] + 0.5 * x[0]^2\nrequire c: y[1] <= 3", base_dir=folder)
    assert isinstance(task, Optimize)
    values = complete(task.problem, {"x": np.array([[0.25, 0.375]])})
    rng = np.random.default_rng(5)
    weights = [np.float32(rng.normal(size=shape)).astype(float) for shape in ((2, 4), 4, (4, 3), 3)]
    y = np.maximum([0.25, 0.375] @ weights[0] + weights[1], 0) @ weights[2] + weights[3]
    assert np.allclose(values["f.y"], y) and np.allclose(values["f2.y"], y)
    objective = task.problem.objective.value(values)
    assert np.allclose(objective, y[2] - y[0] + 0.5 * 0.25**2)


MISTAKES = {
    "prove argmax(y) == 3": ["index"],
    "prove argmax(y) <= 1": ["type"],
    "prove argmax(x[0] + 1) == 1": ["shape"],
    "prove y[0] * y[1] <= 3": ["type"],
    "prove 3 <= 4": ["type"],
    "prove y": ["type"],
    "prove y[0] <= 3 for i in 3..2": ["value"],
    "let z = f(2*x)\nprove z[0] <= 3": ["type"],
    "var w : real[3] in 0..1\nlet z = f(w)\nprove z[0] <= 3": ["shape"],
    "var w : real in 0..1\nprove y[0] <= 3": ["type"],
}


@pytest.mark.parametrize("text", MISTAKES)
def test_mistakes_in_claims(text: str, folder: Path) -> None:
    with pytest.raises(InputError):
        parse_spec(HEAD + text, base_dir=folder)
    assert codes_of(HEAD + text, base_dir=folder) == MISTAKES[text]


def test_what_claims_can_not_yet_do(folder: Path) -> None:
    for text in ("prove y[0] <= 3\nrequire x[0] <= x[1]", "let z = f(x)\nprove z[0] <= y[0]"):
        with pytest.raises(Refused, match="not available yet"):
            parse_spec(HEAD + text, base_dir=folder)
    unbounded = HEAD.replace(" & 0..0.7", "").replace("ball([0.5, 0.1], 0.3, linf)", "0..inf")
    assert codes_of(unbounded + "prove y[0] <= 3", base_dir=folder) == ["value"]
    assert codes_of("var x : real in 0..1\nprove x <= 3") == ["goal"]
