"""The arrays of quadratic forms: assembly, reweighting, spins, integer rounding; dimod's energies judge."""

from __future__ import annotations

import dimod
import numpy as np
import pytest
from backend_cases import all_samples, energies_of, penalty
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from isinglass.backends.reweighting import Reweightable
from isinglass.backends.targets.bqm import Bqm, to_dimod
from isinglass.ir.affine import Affine
from isinglass.ir.blocks import Lin, Poly, Var
from isinglass.ir.errors import CompileError, InputError, Refused, UsageError
from isinglass.ir.operators.code import Code
from isinglass.ir.operators.csr import Csr
from isinglass.ir.operators.dense import Dense
from isinglass.ir.operators.gram_code import GramCode
from isinglass.ir.operators.identity import Identity
from isinglass.ir.problem import Problem
from isinglass.ir.quadratic.assembly import assemble
from isinglass.ir.quadratic.form import QuadraticForm
from isinglass.ir.quadratic.ising_form import common_unit
from isinglass.ir.quadratic.triplets import Triplets, fold
from isinglass.ir.term import Term
from isinglass.ir.terms.bilinear import Bilinear
from isinglass.ir.terms.linear import Linear
from isinglass.ir.terms.monomials import Monomials
from isinglass.ir.terms.square import Square
from isinglass.ir.types import FloatArray


def random_matrix(rng: np.random.Generator, m: int, n: int, density: float, whole: bool) -> FloatArray:
    entries = rng.integers(-9, 10, (m, n)) if whole else rng.normal(size=(m, n))
    return np.asarray(entries * (rng.random((m, n)) < density), dtype=np.float64)


def random_monomials(rng: np.random.Generator, rows: int, sizes: dict[str, int], whole: bool) -> Monomials:
    """Up to 12 monomials with 0, 1 or 2 factors, repeats and squares among them."""
    count = int(rng.integers(0, 13))
    which = rng.integers(0, len(sizes), (count, 2))
    index = rng.integers(0, np.array(list(sizes.values()))[which])
    degree = rng.integers(0, 3, count)
    which = np.where(np.arange(2) < degree[:, None], which, -1)
    coefficient = random_matrix(rng, 1, count, 1.0, whole)[0]
    row, index = rng.integers(0, rows, count), np.where(which >= 0, index, 0)
    return Monomials(rows, tuple(sizes), row, which, index, coefficient)


@st.composite
def problems(draw: st.DrawFn, whole: bool | None = None) -> Problem:
    """Two blocks, an objective of all term kinds, two penalty blocks; sparse or dense."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    whole = draw(st.booleans()) if whole is None else whole
    a, b = draw(st.integers(1, 5)), draw(st.integers(0, 5))
    density = draw(st.sampled_from([0.2, 1.0]))
    sizes = {"a": a, "b": b} if b else {"a": a}

    def matrix(m: int, n: int) -> FloatArray:
        return random_matrix(rng, m, n, density, whole)

    terms: list[Term] = [Linear("a", Csr.of(sparse.csr_array(matrix(1, a)))), random_monomials(rng, 1, sizes, whole)]
    square = matrix(a, a)
    terms.append(Bilinear("a", "a", Dense(square) if rng.random() < 0.5 else Csr.of(sparse.csr_array(square))))
    if b:
        terms += [Bilinear("b", "a", Dense(matrix(b, a))), Bilinear("a", "b", Csr.of(sparse.csr_array(matrix(a, b))))]
        code = Code(rng.integers(0, 2, b), np.abs(random_matrix(rng, 1, b, 1.0, whole)[0]), 2)
        terms.append(Bilinear("b", "b", GramCode(Dense(matrix(2, 2)), code, code)))
    terms.append(Square(Affine(matrix(1, 1)[0], {name: Dense(matrix(1, n)) for name, n in sizes.items()})))
    blocks: list[Var | Poly] = [Var.of(name, "bin", (n,)) for name, n in sizes.items()]
    blocks.append(Poly("objective", "objective", tuple(terms), matrix(1, 1)[0]))
    m = draw(st.integers(1, 4))
    inner = Affine(matrix(1, m)[0] / 2, {name: Csr.of(sparse.csr_array(matrix(m, n))) for name, n in sizes.items()})
    weight = rng.integers(0, 50, m).astype(np.float64)
    blocks.append(penalty("rows", (Square(inner),), np.full(m, -0.25), weight))
    plain = Linear("a", Identity(a) if a == 2 else Dense(matrix(2, a)))
    blocks.append(penalty("pairs", (random_monomials(rng, 2, sizes, whole), plain), np.zeros(2), np.array([3.0, 7.0])))
    return Problem("random", tuple(blocks))


def square_problem(n: int, matrix: FloatArray) -> Problem:
    objective = Poly("objective", "objective", (Bilinear("x", "x", Dense(matrix)),), np.zeros(1))
    return Problem("square", (Var.of("x", "bin", (n,)), objective))


@given(problems(whole=True))
def test_assembly_is_exact_for_whole_numbers(problem: Problem) -> None:
    samples = all_samples(problem.size)
    form = assemble(problem)
    wanted = energies_of(problem, samples)
    np.testing.assert_array_equal(form.energies(samples), wanted)
    np.testing.assert_array_equal(to_dimod(form).energies(samples), wanted)


@given(problems())
def test_every_form_has_the_same_energies(problem: Problem) -> None:
    samples = all_samples(problem.size)
    wanted = energies_of(problem, samples)
    scale = 1 + np.abs(wanted).max()
    form = assemble(problem)
    bqm = Bqm().emit(problem)
    assert list(bqm.variables) == problem.labels()
    ising = form.ising()
    j = ising.triplets()
    spins = dimod.BinaryQuadraticModel.from_numpy_vectors(ising.h, (j.row, j.column, j.value), ising.offset, "SPIN")
    for energies in (
        form.energies(samples),
        QuadraticForm(form.offset, form.linear, form.triplets()).energies(samples),
        QuadraticForm(form.offset, form.linear, form.matrix()).energies(samples),
        bqm.energies((samples, problem.labels())),
        ising.energies(2 * samples - 1),
        spins.energies((2 * samples - 1, range(problem.size))),
        Reweightable.of(problem).form().energies(samples),
    ):
        np.testing.assert_allclose(energies, wanted, rtol=0, atol=1e-12 * scale)


@given(problems())
def test_triplets_are_canonical(problem: Problem) -> None:
    form = assemble(problem)
    found = form.triplets()
    assert (found.row < found.column).all() and (found.value != 0).all()
    keys = found.row * form.size + found.column
    assert (np.diff(keys) > 0).all()
    assert form.count == len(keys) == Bqm().emit(problem).num_interactions


@given(problems(), st.integers(0, 2**32))
def test_reweighting_is_recompiling(problem: Problem, seed: int) -> None:
    table = Reweightable.of(problem)
    weights = np.random.default_rng(seed).integers(0, 9, len(table.weights)).astype(np.float64)
    blocks = []
    for block in problem.blocks:
        if isinstance(block, Poly) and block.penalty is not None:
            new = weights[table.blocks[block.name]]
            block = penalty(block.name, block.terms, block.constant, new)
        blocks.append(block)
    samples = all_samples(problem.size)
    wanted = energies_of(problem.with_blocks(blocks), samples)
    scale = 1 + np.abs(wanted).max()
    np.testing.assert_allclose(table.form(weights).energies(samples), wanted, rtol=0, atol=1e-12 * scale)


def test_reweighting_leaves_out_what_cancels() -> None:
    rows = (Monomials(1, ("x",), np.zeros(1, int), np.zeros((1, 2), int), np.array([[1, 0]]), np.array([1.0])),)
    problem = square_problem(2, np.array([[0.0, -5.0], [0.0, 1.0]]))
    problem = problem.with_blocks([*problem.blocks, penalty("p", rows, np.zeros(1), np.array([2.0]))])
    table = Reweightable.of(problem)
    assert table.form().triplets().value.tolist() == [-3.0]
    assert table.form(np.array([5.0])).count == 0
    assert table.with_block("p", 4.0).tolist() == [4.0]
    assert table.names == ["p"]


def test_rows_in_any_order_are_read_and_left_alone() -> None:
    data, indices = np.array([3.0, 2.0, 1.0]), np.array([2, 0, 2])
    rows = Csr(data, indices, np.array([0, 3]), 3)  # unsorted, one column twice
    problem = Problem(
        "m",
        (Var.of("x", "bin", (3,)), penalty("p", (Square(Affine(-np.ones(1), {"x": rows})),), np.zeros(1), np.ones(1))),
    )
    samples = all_samples(3)
    wanted = (samples @ [2.0, 0, 4] - 1) ** 2
    for form in (assemble(problem), Reweightable.of(problem).form()):
        np.testing.assert_array_equal(form.energies(samples), wanted)
    assert (data.tolist(), indices.tolist()) == ([3, 2, 1], [2, 0, 2])


@pytest.mark.parametrize("weights", [[1.0, 2.0], [np.nan], [np.inf]])
def test_reweighting_refuses_wrong_weights(weights: list[float]) -> None:
    rows = (Linear("x", Dense(np.ones((1, 2)))),)
    problem = square_problem(2, np.ones((2, 2)))
    table = Reweightable.of(problem.with_blocks([*problem.blocks, penalty("p", rows, np.zeros(1), np.array([2.0]))]))
    with pytest.raises(InputError, match=r"weight of p is|2 penalty weights given for 1"):
        table.form(np.array(weights))
    with pytest.raises(InputError, match="no penalty block 'q'"):
        table.with_block("q", 1.0)


@pytest.mark.parametrize("n", [1, 2, 127, 128, 129, 300])
def test_folding_in_blocks(n: int) -> None:
    square = np.random.default_rng(n).integers(-9, 10, (n, n)).astype(np.float64)
    wanted = np.triu(square, 1) + np.tril(square, -1).T
    diagonal = square.diagonal().copy()
    np.testing.assert_array_equal(fold(square), diagonal)
    np.testing.assert_array_equal(square, wanted)
    found = Triplets.of_dense(square)
    np.testing.assert_array_equal(wanted[found.row, found.column], found.value)
    assert len(found.value) == np.count_nonzero(wanted)


def test_storage_follows_the_density() -> None:
    n = 60
    rng = np.random.default_rng(0)
    assert assemble(square_problem(n, rng.normal(size=(n, n)))).dense
    chain = np.diag(np.ones(n - 1), 1)
    objective = Poly("objective", "objective", (Bilinear("x", "x", Csr.of(sparse.csr_array(chain))),), np.zeros(1))
    assert not assemble(Problem("chain", (Var.of("x", "bin", (n,)), objective))).dense


def test_nothing_small_is_dropped() -> None:
    matrix = np.triu(10.0 ** -np.arange(0, 300, 3).reshape(10, 10).astype(float), 1)
    form = assemble(square_problem(10, matrix))
    assert form.count == 45
    assert Bqm().emit(square_problem(10, matrix)).num_interactions == 45


def test_least_squares_keeps_all_couplers() -> None:
    d, bits = 16, 20
    rng = np.random.default_rng(1)
    a = np.hstack([rng.standard_normal((4 * d, d)), np.ones((4 * d, 1))])
    weight = np.tile(2.0 ** np.arange(bits) * 2 / (2**bits - 1), d + 1)
    code = Code(np.repeat(np.arange(d + 1), bits), weight, d + 1)
    n = (d + 1) * bits
    objective = Poly("objective", "objective", (Bilinear("x", "x", GramCode(Dense(a.T @ a), code, code)),), np.zeros(1))
    problem = Problem("least squares", (Var.of("x", "bin", (n,)), objective))
    form = assemble(problem)
    assert form.count == n * (n - 1) // 2 == 57_630
    samples = rng.integers(0, 2, (20, n)).astype(np.float64)
    wanted = ((code.apply(samples) @ a.T) ** 2).sum(axis=1)
    np.testing.assert_allclose(form.energies(samples), wanted, rtol=1e-12)


def test_everything_of_another_level_is_named() -> None:
    x, y, k = Var.of("x", "bin", (2,)), Var.of("y", "real"), Var.of("k", "bin", (), 1.0)
    row = Lin("cap", {"x": Dense(np.ones((1, 2)))}, "<=", np.ones(1))
    cube = Monomials(1, ("x",), np.zeros(1, int), np.zeros((1, 3), int), np.array([[0, 1, 1]]), np.ones(1))
    objective = Poly("objective", "objective", (cube,), np.zeros(1))
    rows = Poly("q", "constraint", (cube,), np.zeros(1), "<=", np.ones(1))
    with pytest.raises(CompileError) as caught:
        assemble(Problem("mixed", (x, y, k, row, rows, objective)))
    text = str(caught.value)
    assert len(caught.value.diagnostics) == 5
    for name in ("'y'", "'k'", "'cap'", "'q'", "'objective'"):
        assert f"block {name} has" in text


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [(0, 1), (1, 1)])
def test_numbers_that_are_not_finite_are_named(value: float, place: tuple[int, int]) -> None:
    matrix = np.ones((3, 3))
    matrix[place] = value
    with pytest.raises(InputError, match=r"x\[1\].* is (nan|-?inf)"):
        Bqm().emit(square_problem(3, matrix))


def test_large_finite_numbers_are_fine() -> None:
    form = assemble(square_problem(3, np.full((3, 3), 1e308) / 2))
    assert form.check() is form


def test_too_many_entries_are_refused() -> None:
    with pytest.raises(Refused, match="limit"):
        assemble(square_problem(10, np.ones((10, 10))), limit=50)


def test_empty_problems() -> None:
    form = assemble(Problem("none", (Poly("objective", "objective", (), np.array([2.5])),)))
    assert (form.size, form.count, form.offset) == (0, 0, 2.5)
    assert to_dimod(form).offset == 2.5
    assert form.ising().offset == 2.5
    assert assemble(Problem("zeros", (Var.of("x", "bin", (3,)),))).energies(np.ones((2, 3))).tolist() == [0.0, 0.0]


@given(problems(), st.integers(2, 20))
def test_rounding_of_couplers_is_within_its_word(problem: Problem, bits: int) -> None:
    form = assemble(problem).ising()
    rounded, note = form.rounded(bits)
    limit = 2 ** (bits - 1) - 1
    values = np.concatenate([rounded.h, rounded.triplets().value])
    assert (values == np.rint(values)).all() and np.abs(values).max(initial=0) <= limit
    spins = 2 * all_samples(problem.size) - 1
    difference = np.abs(form.energies(spins) - rounded.energies(spins)).max()
    assert difference <= note.amount + 1e-10 * (1 + np.abs(form.energies(spins)).max())
    assert note.loss or difference <= 1e-12 * (1 + np.abs(form.energies(spins)).max())
    matrix = rounded.symmetric()
    np.testing.assert_array_equal(matrix, matrix.T)


def test_whole_quarters_are_rounded_without_loss() -> None:
    form = assemble(square_problem(4, np.triu(np.arange(16.0).reshape(4, 4)))).ising()
    rounded, note = form.rounded(8)
    assert rounded.scale == 0.25 and not note.loss and note.amount == 0
    np.testing.assert_array_equal(rounded.energies(2 * all_samples(4) - 1), form.energies(2 * all_samples(4) - 1))
    with pytest.raises(UsageError, match="2 to 53 bits"):
        form.rounded(1)


@pytest.mark.parametrize(
    ("values", "unit"),
    [([6.0, -9.0], 3.0), ([0.75, 0.5, 0.0], 0.25), ([0.0], 1.0), ([1.0, 1e-300], 0.0), ([2.0**60, 2.0**61], 2.0**60)],
)
def test_common_unit(values: list[float], unit: float) -> None:
    assert common_unit(np.array(values)) == unit


def test_magnitudes_and_degrees() -> None:
    form = assemble(square_problem(3, np.array([[0, -8.0, 0.5], [0, 3, 0], [0, 0, 0]])))
    assert form.magnitudes() == (0.5, 8.0)
    assert form.degrees.tolist() == [2, 1, 1]
    assert assemble(square_problem(2, np.zeros((2, 2)))).magnitudes() == (0.0, 0.0)
