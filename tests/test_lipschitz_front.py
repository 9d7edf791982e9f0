"""Questions about Lipschitz constants from Python and from files, their Ising problems, and what comes back."""

from __future__ import annotations

from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import isinglass
from isinglass.facade import checks, export
from isinglass.facade.lipschitz import Ball, question, read_where, restored, settings
from isinglass.frontends.networks.box_files import read_box, read_point
from isinglass.ir.errors import InputError, Refused, UsageError
from isinglass.ir.samples import Samples
from isinglass.ir.tasks import Bound

from .networks import save, single
from .onnx_models import node
from .onnx_models import save as save_nodes

Layers = list[tuple[np.ndarray, np.ndarray]]


def layers_of(*sizes: int, seed: int = 3) -> Layers:
    rng = np.random.default_rng(seed)
    return [(single(rng.normal(size=(a, b))), single(rng.normal(size=b))) for a, b in pairwise(sizes)]


def constant(layers: Layers, row: np.ndarray, norm: str = "linf") -> float:
    """The formal constant by enumeration of all slopes."""
    widths = [matrix.shape[1] for matrix, _ in layers[:-1]]
    best = 0.0
    for pattern in product([0.0, 1.0], repeat=sum(widths)):
        gradient, rest = layers[-1][0] @ row, list(pattern)
        for (matrix, _), width in zip(layers[-2::-1], widths[::-1], strict=True):
            y, rest = np.array(rest[-width:]), rest[:-width]
            gradient = matrix @ (y * gradient)
        best = max(best, float(np.abs(gradient).sum() if norm == "linf" else np.linalg.norm(gradient)))
    return best


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lipschitz")
    save(path / "one.onnx", layers_of(3, 5, 3))
    save(path / "two.onnx", layers_of(3, 4, 3, 2))
    return path


# -- questions -------------------------------------------------------------------------------------------------------


def test_the_greatest_of_several_becomes_relus(tmp_path: Path) -> None:
    nodes = [node("MatMul", "input w", "z"), node("Relu", "z", "r"), node("Split", "r", "a b", axis=1)]
    nodes += [node("Max", "a b", "m"), node("MatMul", "m v", "y")]
    weights = {"w": np.arange(24.0).reshape(4, 6) - 11, "v": np.array([[1.0], [-2], [3]])}
    asked = question({"network": str(save_nodes(tmp_path / "max.onnx", nodes, weights))})
    names = {type(fn.function).__name__ for fn in asked.problem.fns.values()}
    assert names == {"Relu"} and asked.labels == ("y[0]",)
    assert any(note.who == "activations-to-relu" for note in asked.problem.ledger)


def test_leaky_and_clipped_units_stay_themselves(tmp_path: Path) -> None:
    nodes = [node("MatMul", "input w", "z"), node("LeakyRelu", "z", "h"), node("Clip", "h low high", "c")]
    nodes += [node("MatMul", "c w", "y")]
    path = save_nodes(tmp_path / "units.onnx", nodes, {"w": np.eye(4), "low": np.array(-1.0), "high": np.array(1.0)})
    kinds = [type(fn.function).__name__ for fn in question({"network": str(path)}).problem.fns.values()]
    assert kinds == ["LeakyRelu", "Hardtanh"]


def test_boxes_from_files(tmp_path: Path) -> None:
    low, high = np.array([0.1, -1.0, 0.0]), np.array([0.3, 1.0, 0.0])
    np.savez(tmp_path / "box.npz", lower=low, upper=high)
    np.save(tmp_path / "box.npy", np.stack([low, high]))
    np.savez(tmp_path / "points.npz", x=np.stack([low, high]), other=low)
    text = "".join(f"(declare-const X_{k} Real)\n(assert (>= X_{k} {low[k]}))(assert (<= X_{k} {high[k]}))\n"
                   for k in range(3))  # fmt: skip
    (tmp_path / "box.vnnlib").write_text(f"{text}(declare-const Y_0 Real)\n(assert (>= Y_0 0))\n")
    for name in ("box.npz", "box.npy", "box.vnnlib"):
        box = read_box(tmp_path / name)
        assert (box.lower <= low).all() and (box.upper >= high).all()
        np.testing.assert_allclose([box.lower, box.upper], [low, high], rtol=1e-15)
    assert read_point(f"{tmp_path}/points.npz:x[1]").tolist() == high.tolist()
    assert read_point(f"{tmp_path}/points.npz:other").tolist() == low.tolist()
    ball = read_where(Ball(f"{tmp_path}/points.npz:x[0]", 0.25, (-1.0, 1.0)))
    np.testing.assert_allclose([ball.lower, ball.upper], [[-0.15, -1.0, -0.25], [0.35, -0.75, 0.25]], rtol=1e-15)


def test_boxes_that_are_none(tmp_path: Path) -> None:
    np.savez(tmp_path / "half.npz", lower=np.zeros(3))
    np.savez(tmp_path / "odd.npz", lower=np.zeros(3), upper=-np.ones(3))
    np.save(tmp_path / "flat.npy", np.zeros(3))
    (tmp_path / "box.txt").write_text("0 1")
    for name, words in [("half.npz", "no array 'upper'"), ("odd.npz", "empty"), ("flat.npy", r"array \[3\]"),
                        ("box.txt", "state no box"), ("none.npz", "no such file")]:  # fmt: skip
        with pytest.raises(InputError, match=words):
            read_box(tmp_path / name)
    for place, words in [("half.npz:upper", "no array"), ("flat.npy[0]", r"shape \[3\]"), ("flat.txt", "no point")]:
        with pytest.raises(InputError, match=words):
            read_point(f"{tmp_path}/{place}")


def test_what_was_asked_is_kept_as_plain_data(folder: Path) -> None:
    for box in (None, "box.npz", Ball("x.npy", 0.1), Ball("x.npy", 0.1, (0.0, 1.0)), ([0.0] * 3, [1.0] * 3)):
        assert restored(settings(box)) == box
    for wrong in ({"lower": [0]}, [1, 2], {"file": "a", "eps": 1}):
        with pytest.raises(InputError, match="which box"):
            restored(wrong)
    box = (np.zeros(3), np.ones(3))
    asked = {"network": str(folder / "one.onnx"), "difference": [[2, 0]], "norm": "l2", "box": settings(box)}
    task = question(asked)
    assert task.labels == ("y[2] - y[0]",) and task.norm == "l2"
    assert settings(np.stack(box)) == settings(box)
    assert task.problem.var("x").lower.tolist() == [0.0] * 3 and task.problem.var("x").upper.tolist() == [1.0] * 3


def test_questions_that_make_no_sense(folder: Path) -> None:
    network = str(folder / "one.onnx")
    for changes, words in [({"output": 3}, "outputs are 0 to 2"), ({"difference": (1, 1)}, "with itself"),
                           ({"norm": "l1"}, "linf and l2"), ({"quantity": "x"}, "inf-to-one"), ({"output": []}, "no o"),
                           ({"quantity": "inf-to-one", "norm": "l2"}, "maximum norm")]:  # fmt: skip
        with pytest.raises(InputError, match=words):
            question({"network": network, **changes})
    with pytest.raises(InputError, match="the box has 2 sides"):
        question({"network": network}, ([0.0, 0.0], [1.0, 1.0]))
    for box in (3, ["a", "b"], ([0.0],), ([[0.0], [1.0, 2.0]], [1.0])):
        with pytest.raises(InputError):
            isinglass.lipschitz(network, box=box)
    for wrong in ({"output": 1.5}, {"difference": 1}, {"difference": [[1, "a"]]}, {"output": "1"}):
        with pytest.raises(InputError):
            isinglass.lipschitz(network, **wrong)
    for options in ({"tolerance": -1.0}, {"budget": 1}, {"solver": "nela"}):
        with pytest.raises(UsageError):
            isinglass.lipschitz(network, **options)
    with pytest.raises(Refused, match="takes no Ising problems"):
        isinglass.lipschitz(network, solver="highs")
    with pytest.raises(InputError, match="states no question"):
        isinglass.read(network)


# -- exported --------------------------------------------------------------------------------------------------------


def task_of(folder: Path, name: str, **asked: Any) -> Bound:
    return question({"network": str(folder / name), **asked})


@pytest.mark.parametrize("target", ["bqm", "ising", "ising{bits=12}", "npz", "coo", "qubo"])
@pytest.mark.parametrize(("name", "sizes"), [("one.onnx", (3, 5, 3)), ("two.onnx", (3, 4, 3, 2))])
def test_every_state_is_a_lower_bound_and_the_best_one_the_constant(
    target: str, name: str, sizes: tuple[int, ...], folder: Path
) -> None:
    layers = layers_of(*sizes)
    row = np.zeros(sizes[-1])
    row[1], row[0] = 1.0, -1.0
    exact = constant(layers, row)
    compiled = isinglass.compile(task_of(folder, name, difference=(1, 0)), target)
    rng = np.random.default_rng(1)
    size = compiled.problem.size
    table = rng.integers(0, 2, (40, size)).astype(np.float64)
    spins = all(var.domain == "spin" for var in compiled.problem.vars.values())
    drawn = compiled.answer(Samples(compiled.problem.unstack(2 * table - 1 if spins else table)))
    assert drawn.status == "witnessed" and drawn.upper is None and drawn.lower is not None
    assert 0 < drawn.lower <= exact
    if "bits" not in target:
        best = isinglass.solve(compiled.source, solver="exact")
        assert best.value == pytest.approx(exact, rel=1e-12)


@pytest.mark.parametrize("name", ["one.onnx", "two.onnx"])
@pytest.mark.parametrize("target", ["lp", "mps", "cqm"])
def test_milp_targets_have_the_same_optimum(target: str, name: str, folder: Path) -> None:
    sizes = {"one.onnx": (3, 5, 3), "two.onnx": (3, 4, 3, 2)}[name]
    compiled = isinglass.compile(task_of(folder, name, output=1), target)
    solved = isinglass.solve(compiled.source, solver="highs")
    row = np.eye(sizes[-1])[1]
    assert solved.value == pytest.approx(constant(layers_of(*sizes), row), rel=1e-6)
    compiled.artifact  # noqa: B018 - it can be written


def test_from_bundle_to_checked_answer(folder: Path, tmp_path: Path) -> None:
    task = task_of(folder, "one.onnx", output=1)
    compiled = isinglass.compile(task, "bqm")
    compiled.save(tmp_path / "bundle")
    best = isinglass.solve(compiled.problem, solver="exact")
    bundle = export.load(tmp_path / "bundle")
    values = {name: np.array([np.ravel(given)], dtype=np.float64) for name, given in (best.witness or {}).items()}
    answer = bundle.answer(np.concatenate([values[name] for name in compiled.problem.vars], axis=1))
    assert answer.lower == pytest.approx(constant(layers_of(3, 5, 3), np.eye(3)[1]), rel=1e-12)
    assert answer.upper is None and answer.status == "witnessed" and "constant" in isinglass.answer_text(answer)
    file = tmp_path / "answer.json"
    file.write_text(answer.to_json())
    assert checks.check(file).verdict == "witness-only"
    wrong = [
        {"lower": answer.lower * (1 + 1e-9)}, {"value": answer.lower * 1.01}, {"upper": answer.lower * 2},
        {"upper": answer.lower * 2, "basis": "certificate", "certificate": {"kind": "lp-tree"}},
        {"status": "optimal"}, {"status": "sat"}, {"witness": {"h": [0] * 5}}, {"witness": None},
        {"basis": "solver-word"}, {"value": None}, {"upper": answer.lower / 2}, {"parts": {"y[2]": answer}},
        {"witness": {name: [2.0] * 5 for name in answer.witness}}, {"lower": float("nan")},
    ]  # fmt: skip
    for changes in wrong:
        file.write_text(answer.with_fields(**changes).to_json())
        assert checks.check(file).verdict == "rejected", changes


def test_what_is_not_exported(folder: Path) -> None:
    with pytest.raises(Refused, match="3 functionals"):
        isinglass.compile(task_of(folder, "one.onnx"), "bqm")
    with pytest.raises(Refused, match="no Ising problem"):
        isinglass.compile(task_of(folder, "one.onnx", output=1, norm="l2"), "bqm")
    with pytest.raises(Refused, match="monomials up to degree 3"):
        isinglass.compile(task_of(folder, "two.onnx", output=1), "bqm", monomials=5)
    with pytest.raises(UsageError, match="did you mean"):
        isinglass.compile(task_of(folder, "one.onnx", output=1), "bqm", slak="unit")


def test_the_norm_of_hiq_lip_is_another_number(folder: Path) -> None:
    norm = isinglass.solve(
        isinglass.compile(task_of(folder, "one.onnx", output=1, quantity="inf-to-one")).source, "exact"
    )
    formal = constant(layers_of(3, 5, 3), np.eye(3)[1])
    assert norm.value is not None and formal * (1 + 1e-9) < norm.value <= 2 * formal
    compiled = isinglass.compile(task_of(folder, "one.onnx", output=1), "ising", pinned=True)
    assert compiled.source.size == 3 + 5
    assert isinglass.solve(compiled.source, "exact").value == pytest.approx(formal, rel=1e-12)


@pytest.mark.parametrize(("name", "target"), [("one.onnx", "ising"), ("one.onnx", "lp"), ("two.onnx", "bqm")])
def test_constants_over_a_box_are_exported_too(name: str, target: str, folder: Path, tmp_path: Path) -> None:
    low, high = (0.1, 0.15) if name == "one.onnx" else (-0.2, 0.4)
    box = (np.full(3, low), np.full(3, high))
    task = question({"network": str(folder / name), "output": 1}, box)
    compiled = isinglass.compile(task, target)
    best = isinglass.solve(compiled.source, solver="exact" if target != "lp" else "highs")
    everywhere = isinglass.lipschitz(folder / name, output=1)
    bracket = isinglass.lipschitz(folder / name, output=1, box=box, exact=True)
    assert best.value == pytest.approx(bracket.value, rel=1e-6)
    assert bracket.upper is not None and everywhere.lower is not None and bracket.upper < everywhere.lower
    compiled.save(tmp_path / "bundle")
    values = [np.ravel((best.witness or {})[block]) for block in compiled.source.vars]
    samples = Samples(compiled.lift.down(compiled.source.unstack(np.concatenate(values)[None]))[0])
    answer = compiled.answer(samples)
    assert answer.lower == pytest.approx(bracket.value, rel=1e-6)
    file = tmp_path / "answer.json"
    file.write_text(answer.with_fields(options={"bundle": str(tmp_path / "bundle")}).to_json())
    assert checks.check(file).verdict == "witness-only"
