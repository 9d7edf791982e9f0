"""Every target: written atomically, re-read by dimod, HiGHS or numpy with equal energies and optima, and by us."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import dimod
import highspy
import numpy as np
import pytest
from backend_cases import all_samples, binary_problem, energies_of, milp, optimum_by_scipy, quadratic_program
from dimod.serialization import coo as dimod_coo
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint
from scipy.optimize import milp as scipy_milp

from isinglass.backends.mixed_integer import mixed_integer
from isinglass.backends.names import plain_names
from isinglass.backends.target import TARGETS, Target, make_target
from isinglass.ir.blocks import Lin, Poly, Var
from isinglass.ir.errors import CompileError, InputError, IsinglassError, Refused, UsageError
from isinglass.ir.lift.objective import Objective
from isinglass.ir.operators.dense import Dense
from isinglass.ir.problem import Problem
from isinglass.ir.rule_text import make
from isinglass.ir.terms.bilinear import Bilinear
from isinglass.ir.terms.linear import Linear

QUBO = [key for key in TARGETS if TARGETS[key]().level == "BQM"]
MIP = [key for key in TARGETS if TARGETS[key]().level == "MIP"] + ["npz{form=mip}"]
WHOLE = ("bqm", "qubo", "coo", "ising", "ising{matrix=true}", "npz")


def outside_bqm(text: str, path: Path, manifest: Any) -> dimod.BinaryQuadraticModel:
    """A file as dimod or numpy understand it, with what the manifest adds."""
    if text == "bqm":
        with path.open("rb") as file:
            return dimod.BinaryQuadraticModel.from_file(file)
    if text == "npz":
        with np.load(path) as z:
            return dimod.BinaryQuadraticModel.from_numpy_vectors(
                z["linear"], (z["row"], z["column"], z["value"]), float(z["offset"]), "BINARY",
                variable_order=z["labels"].tolist(),
            )  # fmt: skip
    if text == "qubo":
        table = np.loadtxt(path, comments=("c", "p"), ndmin=2)
        bqm = dimod.BinaryQuadraticModel("BINARY")
        for i, j, value in table.tolist():
            bqm.add_linear(int(i), value) if i == j else bqm.add_quadratic(int(i), int(j), value)
    elif "matrix" in text:
        table = np.loadtxt(path, ndmin=2)
        np.testing.assert_array_equal(table, table.T)
        bqm = dimod.BinaryQuadraticModel.from_ising(dict(enumerate(table.diagonal())), {})
        bqm.add_quadratic_from_dense(np.triu(table, 1))
    else:
        bqm = dimod_coo.loads(path.read_text())
    bqm.offset += manifest["offset"]
    bqm.scale(manifest.get("scale", 1.0))
    return bqm


def highs_lp(path: Path) -> tuple[highspy.Highs, Any]:
    """The model as HiGHS reads it."""
    highs = highspy.Highs()
    highs.setOptionValue("output_flag", False)
    assert highs.readModel(str(path)) == highspy.HighsStatus.kOk
    return highs, highs.getLp()


def highs_matrix(lp: Any) -> Any:
    matrix = lp.a_matrix_
    kind = sparse.csr_array if matrix.format_ == highspy.MatrixFormat.kRowwise else sparse.csc_array
    return kind((matrix.value_, matrix.index_, matrix.start_), shape=(lp.num_row_, lp.num_col_)).toarray()


@pytest.mark.parametrize("key", list(TARGETS))
def test_every_target_says_what_it_is(key: str) -> None:
    target = TARGETS[key]()
    assert isinstance(target, Target) and target.suffix.startswith(".") and target.level in ("BQM", "MIP")
    doc = TARGETS.summary(key)
    assert doc.endswith(".") and 20 < len(doc) < 120


@pytest.mark.parametrize("text", WHOLE)
@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("sizes", [(2, 3), (5,), (1,), (4, 2, 2)])
def test_outsiders_read_equal_energies(text: str, whole: bool, sizes: tuple[int, ...], tmp_path: Path) -> None:
    problem = binary_problem(3, sizes, whole)
    target, key = make_target(text)
    path = tmp_path / f"model{target.suffix}"
    written = target.write(problem, path)
    assert key == text and not written.ledger
    bqm = outside_bqm(text, path, written.manifest)
    samples = all_samples(problem.size)
    wanted = energies_of(problem, samples)
    order = problem.labels() if text in ("bqm", "npz") else list(range(problem.size))
    given_samples = 2 * samples - 1 if bqm.vartype is dimod.SPIN else samples
    found = bqm.energies((given_samples, order))
    np.testing.assert_allclose(found, wanted, rtol=0, atol=0 if whole else 1e-12 * np.abs(wanted).max())
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("text", [*WHOLE, "ising{bits=4}"])
def test_we_read_back_what_was_written(text: str, tmp_path: Path) -> None:
    problem = binary_problem(5, (2, 3), True)
    target, _ = make_target(text)
    path = tmp_path / f"model{target.suffix}"
    written = target.write(problem, path)
    again = target.read(path)
    samples = all_samples(problem.size)
    domain = next(iter(again.vars.values())).domain
    found = energies_of(again, 2 * samples - 1 if domain == "spin" else samples)
    slack = sum(note.amount for note in written.ledger)
    np.testing.assert_allclose(found, energies_of(problem, samples), rtol=0, atol=slack)
    assert slack > 0 or "bits" not in text
    if text in ("bqm", "npz"):
        assert again.labels() == problem.labels()


def test_rounded_spins_state_their_error(tmp_path: Path) -> None:
    problem = binary_problem(1, (6,), whole=False)
    target, _ = make_target("ising{bits=5,matrix=true}")
    written = target.write(problem, tmp_path / "m.ising")
    table = np.loadtxt(tmp_path / "m.ising")
    assert (table == np.rint(table)).all() and np.abs(table).max() <= 15
    (note,) = written.ledger
    spins = 2 * all_samples(6) - 1
    energies = (spins @ np.triu(table, 1) * spins).sum(axis=1) + spins @ table.diagonal() + written.manifest["offset"]
    error = np.abs(written.manifest["scale"] * energies - energies_of(problem, all_samples(6))).max()
    assert note.loss and 0 < error <= note.amount


def test_numbers_survive_every_text() -> None:
    values = np.array([1e-300, 1 / 3, 1e300, 2.0**60, -0.1, 5e-324, 123456.75])
    matrix = np.zeros((7, 7))
    matrix[0] = values
    matrix[0, 0] = 0
    terms = (Bilinear("x", "x", Dense(matrix)), Linear("x", Dense(values[None])))
    problem = Problem("numbers", (Var.of("x", "bin", (7,)), Poly("objective", "objective", terms, np.zeros(1))))
    texts = make_target("coo")[0].emit(problem).decode()
    bqm = dimod_coo.loads(texts)
    assert [bqm.linear[i] for i in range(7)] == values.tolist()
    assert [bqm.quadratic[0, i] for i in range(1, 7)] == values[1:].tolist()
    table = np.loadtxt(io.BytesIO(make_target("qubo")[0].emit(problem)), comments=("c", "p"))
    assert table[:7, 2].tolist() == values.tolist()


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("text", ["lp", "mps"])
def test_highs_reads_the_same_program(text: str, seed: int, tmp_path: Path) -> None:
    problem = milp(seed, maximize=seed % 2 == 1, whole=seed < 3)
    target, _ = make_target(text)
    path = tmp_path / f"model{target.suffix}"
    written = target.write(problem, path)
    highs, lp = highs_lp(path)
    p = mixed_integer(problem)
    sign = -1.0 if problem.source.maximize else 1.0
    assert list(lp.col_names_) == list(written.manifest["names"])
    np.testing.assert_array_equal(lp.col_cost_, sign * p.cost)
    assert lp.offset_ == sign * p.offset
    np.testing.assert_array_equal(lp.col_lower_, p.lower)
    np.testing.assert_array_equal(lp.col_upper_, p.upper)
    np.testing.assert_array_equal([kind == highspy.HighsVarType.kInteger for kind in lp.integrality_], p.integer)
    matrix, dense = highs_matrix(lp), p.matrix.toarray()
    rows = {
        (*tuple(row), low, high) for row, low, high in zip(matrix.tolist(), lp.row_lower_, lp.row_upper_, strict=True)
    }
    for row, low, high in zip(dense.tolist(), p.row_lower, p.row_upper, strict=True):
        whole = (*row, low, high)
        assert whole in rows or {(*row, -np.inf, high), (*row, low, np.inf)} <= rows
    highs.run()
    assert highs.getModelStatus() == highspy.HighsModelStatus.kOptimal
    value = problem.source.value(np.array(optimum_by_scipy(problem)))
    assert highs.getInfo().objective_function_value == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize("text", ["lp", "mps"])
def test_quadratic_objectives(text: str, tmp_path: Path) -> None:
    problem = quadratic_program()
    target, _ = make_target(text)
    target.write(problem, tmp_path / f"qp{target.suffix}")
    highs, _ = highs_lp(tmp_path / f"qp{target.suffix}")
    highs.run()
    x = np.array(highs.getSolution().col_value)
    np.testing.assert_allclose(x, [1.3, 1.7], atol=1e-5)  # on the row, 10 x = 13
    assert highs.getInfo().objective_function_value == pytest.approx(
        mixed_integer(problem).objective(x[None])[0], abs=1e-6
    )


def test_npz_of_a_program(tmp_path: Path) -> None:
    problem = milp(2, whole=False)
    target, _ = make_target("npz{form=mip}")
    assert target.level == "MIP" and TARGETS["npz"]().level == "BQM"
    path = tmp_path / "m.npz"
    target.write(problem, path)
    with np.load(path) as z:
        matrix = sparse.csr_array((z["data"], z["indices"], z["indptr"]), shape=tuple(z["shape"]))
        rows = LinearConstraint(matrix, z["row_lower"], z["row_upper"])
        bounds = Bounds(z["lower"], z["upper"])
        found = scipy_milp(z["cost"], integrality=z["integer"].astype(int), bounds=bounds, constraints=rows)
    assert found.fun + 1.25 == pytest.approx(optimum_by_scipy(problem))
    again = target.read(path)
    assert again.labels() == problem.labels()
    assert [v.domain for v in again.vars.values()] == [v.domain for v in problem.vars.values()]
    assert {lin.reading for lin in again.lins.values()} == {"simplest"}
    p, q = mixed_integer(problem), mixed_integer(again)
    np.testing.assert_array_equal(q.lower, p.lower)
    assert {(*r, a, b) for r, a, b in zip(q.matrix.toarray().tolist(), q.row_lower, q.row_upper, strict=True)} == {
        (*r, a, b) for r, a, b in zip(p.matrix.toarray().tolist(), p.row_lower, p.row_upper, strict=True)
    }
    assert optimum_by_scipy(again) == pytest.approx(optimum_by_scipy(problem))


def test_rows_bounded_below_only(tmp_path: Path) -> None:
    x = Var.of("x", "int", (2,), 0.0, 9.0)
    row = Lin("r", {"x": Dense(np.array([[1.0, 2.0]]))}, "<=", np.array([np.inf]), least=np.array([5.0]))
    objective = Poly("objective", "objective", (Linear("x", Dense(np.array([[3.0, 4.0]]))),), np.zeros(1))
    problem = Problem("cover", (x, row, objective))
    for text in ("lp", "mps"):
        target, _ = make_target(text)
        target.write(problem, tmp_path / f"m{target.suffix}")
        highs, lp = highs_lp(tmp_path / f"m{target.suffix}")
        assert (list(lp.row_lower_), list(lp.row_upper_)) == ([5.0], [np.inf])
        highs.run()
        assert highs.getInfo().objective_function_value == pytest.approx(11.0)
    target, _ = make_target("npz{form=mip}")
    target.write(problem, tmp_path / "m.npz")
    assert optimum_by_scipy(target.read(tmp_path / "m.npz")) == pytest.approx(11.0)


def test_texts_say_when_decimals_are_not_what_is_meant(tmp_path: Path) -> None:
    def ledger(value: float, reading: str) -> tuple[Any, ...]:
        row = Lin("r", {"x": Dense(np.array([[1.0, value]]))}, "<=", np.array([1.0]), reading)
        problem = Problem("m", (Var.of("x", "bin", (2,)), row))
        return make_target("lp")[0].write(problem, tmp_path / "m.lp").ledger

    assert not ledger(0.1, "simplest") and not ledger(0.1, "decimal") and not ledger(0.75, "dyadic")
    for value, reading in ((3 / 7, "simplest"), (0.1, "dyadic")):
        (note,) = ledger(value, reading)
        assert note.loss and note.block == "r" and note.count == 1 and note.amount == 2.0**-52


def test_a_scaled_objective_is_written_minimised(tmp_path: Path) -> None:
    problem = Problem("m", milp(0).blocks, Objective(-2.0, 7.0))
    written = make_target("lp")[0].write(problem, tmp_path / "m.lp")
    assert written.manifest["objective_scale"] == -2.0 and written.manifest["objective_offset"] == 7.0
    assert (tmp_path / "m.lp").read_text().splitlines()[1] == "minimize"


def test_plain_names() -> None:
    labels = ["x[1,2]", "x_1_2", "X_1_2", "e1", "e[3]", "free", "7up", "", "naïve", "inf", "a" * 300, "a" * 301]
    names = plain_names(labels, "v")
    assert len({name.lower() for name in names}) == len(labels)
    assert all(name[0].isalpha() and name.isascii() and len(name) < 210 for name in names)
    assert names[:4] == ["x_1_2", "x_1_2__2", "X_1_2__3", "v_e1"]
    assert names[5:7] == ["v_free", "v_7up"]


@pytest.mark.parametrize("text", ["qubo", "coo", "ising", "ising{matrix=true}", "npz", "bqm"])
@given(cut=st.floats(0.0, 1.0, exclude_max=True))
def test_files_cut_off_or_garbled_are_input_errors(
    text: str, cut: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("cut") / "m"
    target, _ = make_target(text)
    content = (
        target.emit(binary_problem(4, (3, 2))) if text != "bqm" else b"".join(target.render(binary_problem(4)).chunks)
    )
    whole = len(content.rstrip(b" ")) if text == "bqm" else len(content)  # dimod pads its labels with blanks
    path.write_bytes(content[: int(cut * whole)])
    with pytest.raises(InputError) as caught:
        target.read(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("text", "content", "message"),
    [
        ("qubo", "p qubo 0 2 1 1\n0 0 1\n0 1 x\n", ":3:1: error[format]"),
        ("qubo", "p qubo 0 2 1 1\n0 0 1\n0 5 1\n", "variable 5 does not fit"),
        ("qubo", "p qubo 0 2 2 1\n0 0 1\n0 1 1\n", "p line says"),
        ("qubo", "0 0 1\n", "0 program lines"),
        ("qubo", "p qubo 0 2\n0 0 1\n", "not of the form: p qubo"),
        ("coo", "0 0 1\n", "vartype"),
        ("coo", "# vartype=BINARY\n# variables=nan\n0 0 1\n", "no finite number"),
        ("coo", "# vartype=BINARY\n0 0 1e999\n", "too large"),
        ("coo", "# vartype=BINARY\n0 0 nan\n", ":2:1: error[format]"),
        ("coo", "# vartype=BINARY\n0 99999999999 1\n", "does not fit"),
        ("ising", "# symmetric\n1 2\n3 1\n", "symmetric matrix"),
        ("ising", "# symmetric\n1 2\n3\n", "not a matrix"),
        ("npz", "no zip", "not a readable .npz"),
    ],
)  # fmt: skip
def test_wrong_files_are_named(text: str, content: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "wrong"
    path.write_text(content)
    with pytest.raises(InputError) as caught:
        make_target(text)[0].read(path)
    assert message in str(caught.value) and "wrong" in str(caught.value)


def test_what_others_write_is_read(tmp_path: Path) -> None:
    bqm = dimod.BinaryQuadraticModel({0: -1.5, 1: 0.0, 2: 2.0}, {(0, 1): 1.0, (1, 2): -4.5}, 0.0, "SPIN")
    (tmp_path / "m.coo").write_text(dimod_coo.dumps(bqm, vartype_header=True))
    again = make_target("coo")[0].read(tmp_path / "m.coo")
    spins = 2 * all_samples(3) - 1
    np.testing.assert_allclose(energies_of(again, spins), bqm.energies((spins, [0, 1, 2])))
    (tmp_path / "m.qubo").write_text("c a comment\n\np qubo 0 4 1 2\n2 2 1e-3\n3 0 1\n1 3 .5\n")
    again = make_target("qubo")[0].read(tmp_path / "m.qubo")
    assert energies_of(again, np.array([[1.0, 1, 1, 1], [1, 0, 0, 1]])).tolist() == [1.501, 1.0]


@pytest.mark.parametrize("labels", [["a[0]", "a[1]", "b"], ["x", "y[1]", "y[0]"], [3, 1, 2], [("t", 1), "z", "a b"]])
def test_dimod_labels_become_blocks(labels: list[Any], tmp_path: Path) -> None:
    bqm = dimod.BinaryQuadraticModel({label: i + 1.0 for i, label in enumerate(labels)}, {}, 0.5, "BINARY")
    bqm.add_quadratic(labels[0], labels[2], 7.0)
    with (tmp_path / "m.bqm").open("wb") as file:
        file.write(bqm.to_file().read())
    problem = make_target("bqm")[0].read(tmp_path / "m.bqm")
    assert problem.labels() == [str(label) for label in labels]
    assert energies_of(problem, np.ones((1, 3))).tolist() == [13.5 + 0]


@pytest.mark.parametrize("text", [*QUBO, *MIP])
def test_wrong_levels_and_numbers_are_refused_before_anything_is_written(text: str, tmp_path: Path) -> None:
    target, _ = make_target(text)
    wrong = milp(0) if target.level == "BQM" else binary_problem(0)
    with pytest.raises(CompileError):
        target.write(wrong, tmp_path / "m")
    objective = Poly("objective", "objective", (Linear("x", Dense(np.array([[1.0, np.nan]]))),), np.zeros(1))
    with pytest.raises(InputError, match=r"x\[1\] is nan"):
        target.write(Problem("m", (Var.of("x", "bin", (2,)), objective)), tmp_path / "m")
    assert not list(tmp_path.iterdir())


def test_a_failing_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "m.qubo"
    path.write_text("old")
    target, _ = make_target("qubo")

    class Breaks(type(target)):  # type: ignore[misc]
        def render(self, problem: Problem) -> Any:
            rendered = super().render(problem)
            return type(rendered)(iter([*list(rendered.chunks)[:1], 3]), rendered.written)

    with pytest.raises(TypeError):
        Breaks().write(binary_problem(0), path)
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]
    with pytest.raises(InputError, match="cannot write"):
        target.write(binary_problem(0), tmp_path / "none" / "m.qubo")


def test_no_variables_no_file(tmp_path: Path) -> None:
    problem = Problem("none", (Poly("objective", "objective", (), np.ones(1)),))
    with pytest.raises(Refused, match="without variables"):
        make_target("lp")[0].write(problem, tmp_path / "m.lp")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ising{bit=8}", "did you mean 'bits'"),
        ("ising{bits=many}", "not of type int"),
        ("ising{bits}", "no value"),
        ("isin", "did you mean 'ising'"),
        ("ising{", "not understood"),
        ("npz{form=dense}", "no form 'dense'"),
        ("ising{bits=1}", "2 to 53 bits"),
    ],
)  # fmt: skip
def test_wrong_target_texts(text: str, message: str) -> None:
    with pytest.raises(UsageError, match="error") as caught:
        make_target(text)[0].emit(binary_problem(0))
    assert message in str(caught.value)


def test_the_text_of_a_target_makes_it_again() -> None:
    target, text = make_target("ising{ matrix = true, bits=8 }")
    assert text == "ising{bits=8,matrix=true}" and make_target(text) == (target, text)
    assert make_target("ising{bits=0}")[1] == "ising"


def test_all_wrong_options_are_named_at_once() -> None:
    with pytest.raises(IsinglassError) as caught:
        make(TARGETS, "ising{bots=8,matrix=7}")
    assert len(caught.value.diagnostics) == 2
