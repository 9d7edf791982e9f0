"""Claims about networks: never a verdict against all phases enumerated, witnesses that hold exactly, ties, liars."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest
from networks import Array, Layers, ScipyMilp, save, single
from scipy.optimize import linprog
from test_unsafe import one_input

from isinglass.backends.highs_session import open_lp
from isinglass.backends.network_runner import NetworkRunner
from isinglass.compiler.bounds.interval import Interval
from isinglass.compiler.driver import DRIVERS
from isinglass.compiler.drivers.milp_prove import MilpProve
from isinglass.compiler.networks.rows import interval_rows
from isinglass.compiler.networks.view import NetView
from isinglass.frontends.networks.box import Box
from isinglass.frontends.networks.properties import Property, argmax_is, prove, question
from isinglass.frontends.networks.reader import read_network
from isinglass.ir.affine import Affine
from isinglass.ir.answers import Answer
from isinglass.ir.blocks import Lin, Var
from isinglass.ir.errors import InputError, Refused
from isinglass.ir.exact import Exact
from isinglass.ir.exact_evaluation import exact_values
from isinglass.ir.operators.csr import Csr
from isinglass.ir.operators.identity import Identity
from isinglass.ir.problem import Problem
from isinglass.ir.protocols import Event, Limits
from isinglass.ir.samples import Samples
from isinglass.ir.tasks import Prove

EXAMPLES = Path(__file__).parents[1] / "examples"


@dataclass(frozen=True)
class Says:
    """A solver that says what it was told to say."""

    samples: Samples
    complete: bool = False

    def solve(self, problem: Problem, limits: Limits) -> Samples:
        return self.samples


def ask(task: Prove, solver: Any = None, timeout: float | None = None) -> Answer:
    runner = NetworkRunner(task.network) if task.network else None
    tools = SimpleNamespace(milp=solver or ScipyMilp(), open_lp=open_lp, runner=runner)
    *events, answer = MilpProve(task, tools, Limits(timeout))
    assert all(isinstance(event, Event) for event in events) and isinstance(answer, Answer)
    assert Answer.from_json(answer.to_json()).to_json() == answer.to_json()
    if answer.status == "sat":
        check_witness(task, answer)
    else:
        assert answer.witness is None and answer.arithmetic is None
    return answer


def check_witness(task: Prove, answer: Answer) -> None:
    """Re-run the witness in onnxruntime and in fractions; the inner box and the claim without any tolerance."""
    assert answer.witness is not None and task.outputs in answer.witness
    x = np.array(answer.witness[task.inputs]).reshape(1, -1)
    unsafe = task.unsafe
    inside = ((x >= unsafe.inner_lower) & (x <= unsafe.inner_upper)).all(axis=1)[unsafe.region]
    exact = exact_values(task.problem, {task.inputs: Exact.of(x)})
    real = bool((unsafe.rows_hold(exact, 1)[0] & inside).any())
    float32 = False
    if (x.astype(np.float32) == x).all():
        y = NetworkRunner(task.network)(x)
        values = {task.inputs: Exact.of(x), task.outputs: Exact.of(y)}
        float32 = bool((unsafe.rows_hold(values, 1)[0] & inside).any())
    assert {"both": (True, True), "float32-only": (False, True), "real-only": (True, False)}[
        str(answer.arithmetic)
    ] == (real, float32)


def task_of(path: Path, lower: Any, upper: Any, claim: Property) -> Prove:
    return prove(read_network(path), Box.between(np.asarray(lower, float), np.asarray(upper, float), "dyadic"), claim)


def below(outputs: int, which: int, limit: float) -> Property:
    """y[which] <= limit; broken by more."""
    row = np.zeros((1, outputs))
    row[0, which] = 1.0
    return one_case(f"y[{which}] <= {limit}", row, np.array([-limit]), True, f"y[{which}] > {limit}")


def one_case(claim: str, matrix: Array, constant: Array, strict: bool, text: str) -> Property:
    rows = len(matrix)
    return Property(claim, Csr.of(matrix), constant, np.full(rows, strict), np.array([0, rows]), (text,), "dyadic")


def enumerated(layers: Layers, lower: Array, upper: Array, rows: Array, shift: Array) -> float:
    """max over the box of min over rows of (rows y + shift): a linear program in (x, t) for every phase pattern."""
    best, n = -np.inf, len(lower)
    sizes = [np.shape(w)[1] for w, _ in layers[:-1]]
    for phases in itertools.product([0.0, 1.0], repeat=sum(sizes)):
        a, c, left, right, at = np.eye(n), np.zeros(n), [], [], 0
        for weights, bias in layers[:-1]:
            a, c = weights.T @ a, weights.T @ c + bias
            on = np.array(phases[at : at + len(bias)])
            at += len(bias)
            side = np.where(on, -1.0, 1.0)
            left.append(side[:, None] * a)
            right.append(-side * c)
            a, c = on[:, None] * a, on * c
        sides = np.vstack(left)
        if (np.minimum(sides * lower, sides * upper).sum(axis=1) > np.concatenate(right) + 1e-6).any():
            continue  # a neuron has the other phase on the whole box
        weights, bias = layers[-1]
        a, c = rows @ (weights.T @ a), rows @ (weights.T @ c + bias) + shift
        table = np.block([[sides, np.zeros((sum(sizes), 1))], [-a, np.ones((len(a), 1))]])
        found = linprog(
            np.r_[np.zeros(n), -1.0], table, np.concatenate([*right, c]),
            bounds=[*zip(lower, upper, strict=True), (None, None)],
        )  # fmt: skip
        if found.status == 0:
            best = max(best, float(found.x[-1]))
    return best


@pytest.mark.parametrize("seed", range(40))
def test_never_against_all_phases(seed: int, tmp_path: Path) -> None:
    """Random 2-3-3-3 networks, claims with one and two rows; limits drawn near the true maximum to make it hard."""
    rng = np.random.default_rng(seed)
    layers = [(single(rng.normal(size=(n, m))), single(rng.normal(size=m) / 2)) for n, m in [(2, 3), (3, 3), (3, 3)]]
    lower, upper = np.array([-1.0, -0.5]), np.array([1.0, 0.5])
    rows = np.array([[1.0, -1.0, 0.0], [0.0, 1.0, -1.0]])[: 1 + seed % 2]
    greatest = enumerated(layers, lower, upper, rows, np.zeros(len(rows)))
    path = save(tmp_path / "net.onnx", layers)
    for shift in (0.0, -greatest + 1e-4, -greatest - 1e-4, -greatest + 2e-7, -greatest - 2e-7):
        claim = one_case("claim", rows, np.full(len(rows), shift), False, "case")
        answer = ask(task_of(path, lower, upper, claim))
        margin = greatest + shift
        if margin > 1e-5:
            assert answer.status == "sat" and answer.arithmetic == "both"
        elif margin < -1e-5:
            assert answer.status == "unsat" and answer.basis in ("solver-word", "certificate")
        else:  # the solver may not decide here, but a checked witness or rigorous bounds may
            held = answer.status == "sat" and (margin > 0 or answer.arithmetic == "float32-only")
            assert answer.status == "unknown" or held or answer.basis == "certificate"
            assert answer.status != "unsat" or margin < 0


@pytest.mark.parametrize("seed", range(10))
def test_margin_bounds_hold(seed: int, tmp_path: Path) -> None:
    """The bound with layers put in is above every sample and above exact values, and not above the plain one."""
    rng = np.random.default_rng(seed)
    scale = 10.0 ** rng.integers(-4, 5)
    layers = [(rng.normal(size=(3, 5)) * scale, rng.normal(size=5)), (rng.normal(size=(5, 4)), rng.normal(size=4))]
    centre, radius = rng.normal(size=3), float(rng.choice([0.0, 1e-9, 0.2]))
    task = task_of(save(tmp_path / "net.onnx", layers), centre - radius, centre + radius, argmax_is(4, seed % 4))
    view = NetView.of(task.problem)
    box = Interval().bounds(view, view.box())
    points = np.clip(centre + rng.uniform(-radius, radius, size=(30, 3)), centre - radius, centre + radius)
    exact = exact_values(task.problem, {"x": Exact.of(points)})
    unsafe = task.unsafe
    low, high = interval_rows(view, unsafe.forms, unsafe.reading, box)
    values = exact["y"].through(unsafe.forms.parts["y"], unsafe.reading)
    for point, row in np.ndindex(values.top.shape):
        assert Fraction(low[0, row]) <= values.fraction(point, row) <= Fraction(high[0, row])
    plain = box["y"][1][0].max() - box["y"][0][0].min()
    assert (high <= plain + 1e-9 * abs(plain)).all()


def test_ties_go_to_the_lowest_index(tmp_path: Path) -> None:
    """Two equal outputs: argmax is 0 everywhere."""
    path = save(tmp_path / "net.onnx", [(np.array([[1.0, 1.0]]), np.zeros(2))])
    second = ask(task_of(path, [-1.0], [1.0], argmax_is(2, 1)))
    assert (second.status, second.arithmetic) == ("sat", "both")
    first = ask(task_of(path, [-1.0], [1.0], argmax_is(2, 0)))
    assert first.status == "unknown", "a greatest margin of 0 is too near for floating point"


def test_boundary(tmp_path: Path) -> None:
    """y = (x, 1/2) on [0, b]: argmax is 1 until x reaches 1/2, where the tie goes to 0."""
    path = save(tmp_path / "net.onnx", [(np.array([[1.0, 0.0]]), np.array([0.0, 0.5]))])
    at = ask(task_of(path, [0.0], [0.5], argmax_is(2, 1)))
    assert (at.status, at.arithmetic) == ("sat", "both")
    assert at.witness == {"x": [[0.5]], "y": [[0.5, 0.5]]}
    before = ask(task_of(path, [0.0], [np.nextafter(np.float32(0.5), 0)], argmax_is(2, 1)), Says(Samples({})))
    assert (before.status, before.basis) == ("unsat", "certificate")
    assert "excluded by linear bounds" in before.detail[0]
    other = ask(task_of(path, [0.5], [1.0], argmax_is(2, 0)))
    assert other.status in ("unknown", "unsat"), "the strict case is impossible"
    past = ask(task_of(path, [np.nextafter(np.float32(0.5), 0)], [1.0], argmax_is(2, 0)))
    assert past.status == "sat"


def test_only_float32_breaks_the_claim(tmp_path: Path) -> None:
    """x + 2^25 - 2^25 at x = 3 is 4 in float32."""
    big = np.array([2.0**25])
    path = save(tmp_path / "net.onnx", [(np.ones((1, 1)), big), (np.ones((1, 1)), -big)])
    answer = ask(task_of(path, [0.0], [3.0], below(1, 0, 3.5)))
    assert (answer.status, answer.arithmetic) == ("sat", "float32-only")
    assert answer.witness == {"x": [[3.0]], "y": [[4.0]]}
    assert ask(task_of(path, [0.0], [3.0], below(1, 0, 4.5))).status == "unsat"


def test_a_box_without_a_float32_number(tmp_path: Path) -> None:
    path = save(tmp_path / "net.onnx", [(np.ones((1, 1)), np.zeros(1))])
    answer = ask(task_of(path, [1 + 2.0**-30], [1 + 2.0**-29], below(1, 0, 1.0)))
    assert (answer.status, answer.arithmetic) == ("sat", "real-only")
    assert ask(task_of(path, [1 + 2.0**-30], [1 + 2.0**-29], below(1, 0, 2.0))).status == "unsat"


@pytest.mark.parametrize("seed", range(8))
def test_witnesses_lie_in_the_stated_ball(seed: int, tmp_path: Path) -> None:
    """Decimals: the distance, in fractions, is at most the radius as written."""
    rng = np.random.default_rng(seed)
    path = save(tmp_path / "net.onnx", [(rng.normal(size=(4, 3)), rng.normal(size=3))])
    centre, radius = rng.random(4).astype(np.float32), float(rng.choice([0.1, 0.3, 0.7]))
    network = read_network(path)
    label = int(NetworkRunner(path)(centre[None].astype(float)).argmin())
    answer = ask(prove(network, Box.ball(centre, radius).meet(Box.between(0.0, 1.0)), argmax_is(3, label)))
    assert answer.status == "sat" and answer.witness is not None
    for x, middle in zip(answer.witness["x"][0], centre.tolist(), strict=True):
        assert abs(Fraction(x) - Fraction(middle)) <= Fraction(repr(radius)) and 0 <= x <= 1


def hard_case(tmp_path: Path) -> tuple[Prove, float]:
    """Holds, by a margin that no lines see: y = relu(x) - 2 relu(x - 1/2), at most 1/2, but 3/4 for them."""
    layers = [(np.array([[1.0, 1.0]]), np.array([0.0, -0.5])), (np.array([[1.0], [-2.0]]), np.zeros(1))]
    return task_of(save(tmp_path / "net.onnx", layers), [-1.0], [1.0], below(1, 0, 0.6)), -0.1


def test_the_solver_decides_what_lines_do_not(tmp_path: Path) -> None:
    task, _ = hard_case(tmp_path)
    answer = ask(task)
    assert (answer.status, answer.basis) == ("unsat", "solver-word")
    assert answer.detail == ("y[0] > 0.6: excluded by the solver's word (margin below -1e-05)",)
    assert set(answer.timings) == {"attack", "witness", "root", "compile", "milp"}


POINT = {"x": np.array([[np.nan]]), "y": np.zeros((1, 1))}
LIARS = {
    "says nothing": (Samples({}), "unknown", "the solver claims nothing"),
    "infeasible": (Samples({}, info={"status": "infeasible"}), "unsat", "solver's word"),
    "a clear bound": (Samples({}, claimed_bound=0.5), "unsat", "solver's word"),
    "bound zero": (Samples({}, claimed_bound=0.0), "unknown", "too near to 0"),
    "bound a little below zero": (Samples({}, claimed_bound=9e-7), "unknown", "too near to 0"),
    "a margin above zero": (Samples({}, claimed_bound=-0.3), "unknown", "but no witness held"),
    "bound nan": (Samples({}, claimed_bound=float("nan")), "unknown", "claims nothing"),
    "no bound, only a word": (Samples({}, info={"status": "optimal"}), "unknown", "claims nothing"),
    "a point that is none": (Samples(POINT, claimed_bound=-0.3), "unknown", "but no witness held"),
    "a point far outside": (Samples({**POINT, "x": np.full((1, 1), 1e9)}, claimed_bound=-0.3), "unknown", "no witness"),
}


@pytest.mark.parametrize("name", LIARS)
def test_what_solvers_say(name: str, tmp_path: Path) -> None:
    """A witness is never taken from a solver unchecked; its bound makes at most an unsat on its word."""
    samples, status, reason = LIARS[name]
    answer = ask(hard_case(tmp_path)[0], Says(samples))
    assert answer.status == status and any(reason in line for line in answer.detail)
    assert answer.basis == ("solver-word" if status == "unsat" else "none")


def test_no_time_left(tmp_path: Path) -> None:
    answer = ask(hard_case(tmp_path)[0], timeout=0.0)
    assert (answer.status, answer.time_limited, answer.exit_code) == ("timeout", True, 3)


def test_the_solver_finds_what_the_attack_does_not(tmp_path: Path) -> None:
    """A bump at 2^-12 of width 2^-12, away from gradients: the MILP's point is the witness."""
    at, width = 2.0**-12, 2.0**-12
    kinks = np.array([-at, -at - width / 2, -at - width])
    layers = [(np.ones((1, 3)), kinks), (np.array([[1.0], [-2.0], [1.0]]), np.zeros(1))]
    task = task_of(save(tmp_path / "net.onnx", layers), [-1.0], [1.0], below(1, 0, width / 4))
    answer = ask(task)
    assert (answer.status, answer.arithmetic) == ("sat", "both") and "milp" in answer.timings
    assert ask(task, Says(Samples({}, claimed_bound=-1.0))).status == "unknown"


CONSTANTS = [(1.0, True, "sat"), (0.0, False, "sat"), (-1.0, False, "unsat")]


@pytest.mark.parametrize(("constant", "strict", "status"), CONSTANTS)
def test_cases_that_read_nothing(constant: float, strict: bool, status: str, tmp_path: Path) -> None:
    path = save(tmp_path / "net.onnx", [(np.ones((1, 2)), np.zeros(2))])
    task = task_of(path, [0.0], [1.0], argmax_is(2, 0))
    empty = Csr.of(np.vstack([np.zeros((1, 2)), task.unsafe.forms.parts["y"].to_dense()]))
    forms = Affine(np.r_[constant, task.unsafe.forms.offset], {"y": empty})
    unsafe = replace(
        task.unsafe, forms=forms, strict=np.r_[strict, task.unsafe.strict], start=np.array([0, 1, 2]),
        region=np.zeros(2, np.int64), texts=("constant", *task.unsafe.texts),
    )  # fmt: skip
    answer = ask(replace(task, unsafe=unsafe))
    assert answer.status == status or (status, answer.status) == ("unsat", "unknown")
    assert status == "sat" or "constant: excluded by linear bounds" in answer.detail[0]


def test_a_claim_without_cases_holds(tmp_path: Path) -> None:
    path = save(tmp_path / "net.onnx", [(np.ones((1, 1)), np.zeros(1))])
    assert ask(task_of(path, [0.0], [1.0], argmax_is(1, 0))).status == "unsat"


def test_what_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "net.onnx", [(np.ones((2, 2)), np.zeros(2))])
    task = task_of(path, [0.0, 0.0], [1.0, 1.0], argmax_is(2, 0))
    blocks, x = task.problem.blocks, task.problem.vars["x"]

    def refused(change: dict[str, Any], message: str) -> None:
        with pytest.raises(Refused, match=message):
            ask(replace(task, **change))

    def with_blocks(*more: Any) -> dict[str, Any]:
        return {"problem": task.problem.with_blocks(more)}

    refused(with_blocks(*blocks, Lin("row", {"x": Identity(2)}, "<=", np.ones(2))), "rows beside the network")
    refused(with_blocks(replace(x, domain="int"), *blocks[1:]), "one block of real variables")
    refused(with_blocks(Var.of("extra", "real", (1,), 0.0, 1.0), *blocks), "found extra, x")
    refused(with_blocks(replace(x, upper=np.full(2, np.inf)), *blocks[1:]), "unbounded")
    refused(with_blocks(x, replace(task.problem.vars["y"], upper=np.ones(2)), *blocks[2:]), "bounds of computed block")
    unsafe = task.unsafe
    hidden = Affine(np.zeros(1), {"z": Csr.of(np.ones((1, 2)))})
    refused({"unsafe": replace(unsafe, forms=hidden)}, "no input or output")
    refused({"unsafe": replace(unsafe, start=np.array([0, 0]))}, "has no row")
    refused({"unsafe": replace(unsafe, upper=unsafe.lower - 1.0)}, "an outer box is empty")
    refused({"unsafe": replace(unsafe, inner_upper=unsafe.upper + 1.0)}, "not contained")
    refused({"unsafe": replace(unsafe, upper=np.full((1, 2), np.inf))}, "not finite")
    refused({"unsafe": replace(unsafe, region=np.array([1]))}, "does not exist")
    refused({"unsafe": replace(unsafe, texts=())}, "0 texts")
    with pytest.raises(InputError, match="2 inputs"):
        task_of(path, np.zeros(3), np.ones(3), argmax_is(2, 0))
    with pytest.raises(InputError, match="about 3 outputs"):
        task_of(path, np.zeros(2), np.ones(2), argmax_is(3, 0))
    with pytest.raises(InputError, match="label 2 of 2"):
        argmax_is(2, 2)


def test_cases_in_different_boxes(tmp_path: Path) -> None:
    """y = |x| as two neurons: y > 3 in [0, 1], y > 3 in [-4, -2], y <= 0 in [1, 2]; only the middle one is possible."""
    layers = [(np.array([[1.0, -1.0]]), np.zeros(2)), (np.ones((2, 1)), np.zeros(1))]
    network = read_network(save(tmp_path / "net.onnx", layers))
    forms = Affine(np.array([-3.0, -3.0, 0.0]), {"y": Csr.of(np.array([[1.0], [1.0], [-1.0]]))})
    boxes = [(0.0, 1.0), (-4.0, -2.0), (1.0, 2.0)]
    unsafe = one_input(forms, [True, True, False], [0, 1, 2, 3], boxes)
    task = question(network, unsafe, "claim")
    assert [float(side[0]) for side in task.problem.box["x"]] == [-4.0, 2.0]
    answer = ask(task)
    assert (answer.status, answer.arithmetic, answer.detail[0].partition(":")[0]) == ("sat", "both", "case 1")
    for cases, status in [([0], "unsat"), ([2], "unsat"), ([2, 0], "unsat"), ([0, 1], "sat"), ([], "unsat")]:
        assert ask(replace(task, unsafe=unsafe.pick(np.array(cases, np.int64)))).status == status
    with pytest.raises(InputError, match="no input or output"):
        question(network, replace(unsafe, forms=Affine(np.zeros(3), {"h1": Csr.of(np.ones((3, 2)))})), "claim")


def test_rows_over_inputs_and_outputs(tmp_path: Path) -> None:
    """y = relu(x): y >= x + 1/2 happens for x <= -1/2 only."""
    layers = [(np.ones((1, 1)), np.zeros(1)), (np.ones((1, 1)), np.zeros(1))]
    network = read_network(save(tmp_path / "net.onnx", layers))
    one = Csr.of(np.ones((1, 1)))
    forms = Affine(np.array([-0.5]), {"y": one, "x": one.scaled(-1.0)})
    assert ask(question(network, one_input(forms, [False], [0, 1], [(-0.25, 1.0)]), "c")).status == "unsat"
    assert ask(question(network, one_input(forms, [False], [0, 1], [(-0.75, 1.0)]), "c")).status == "sat"


def test_the_driver_is_found_by_its_name() -> None:
    assert DRIVERS["milp-prove"] is MilpProve


def test_argmax_cases() -> None:
    claim = argmax_is(3, 1)
    assert claim.claim == "argmax(y) == 1"
    assert claim.texts == ("y[0] >= y[1]", "y[2] > y[1]") and claim.strict.tolist() == [False, True]
    assert claim.matrix.to_dense().tolist() == [[1.0, -1.0, 0.0], [0.0, -1.0, 1.0]]


@pytest.mark.parametrize(("radius", "status"), [(0.03, "unsat"), (0.1, "sat")])
def test_digits(radius: float, status: str) -> None:
    data = np.load(EXAMPLES / "digits.npz")
    box = Box.ball(data["x_test"][3], radius).meet(Box.between(0.0, 1.0))
    answer = ask(prove(read_network(EXAMPLES / "digits.onnx"), box, argmax_is(10, int(data["y_test"][3]))))
    assert answer.status == status and answer.claim == "argmax(y) == 0"
    assert answer.arithmetic == (None if status == "unsat" else "both")
    assert status == "sat" or (answer.basis == "certificate" and len(answer.detail) == 9)


def test_the_example_files() -> None:
    data = np.load(EXAMPLES / "digits.npz")
    assert data["x_test"].shape == (40, 64) and data["x_test"].dtype == np.float32
    assert data["x_test"].min() >= 0 and data["x_test"].max() <= 1
    found = NetworkRunner(EXAMPLES / "digits.onnx")(data["x_test"].astype(np.float64)).argmax(axis=1)
    assert (found == data["y_test"]).sum() >= 38
    assert {node.op_type for node in onnx.load(EXAMPLES / "digits.onnx").graph.node} == {"Gemm", "Relu"}
