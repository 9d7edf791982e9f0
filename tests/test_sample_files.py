"""Samples from outside: every form read back equal, everything wrong named with its place."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import dimod
import numpy as np
import pytest
from backend_cases import all_samples, binary_problem, energies_of, milp
from hypothesis import given
from hypothesis import strategies as st

from isinglass.backends.sample_files import from_table, read_samples
from isinglass.backends.target import make_target
from isinglass.ir.blocks import Poly, Var
from isinglass.ir.errors import InputError
from isinglass.ir.problem import Problem
from isinglass.ir.quadratic.assembly import assemble
from isinglass.ir.samples import Samples

PROBLEM = binary_problem(7, (2, 3))
LABELS = PROBLEM.labels()
ROWS = all_samples(5)[[0, 1, 13, 30]]
ENERGY = energies_of(PROBLEM, ROWS)


def sample_set(rows: Any, labels: Any, vartype: str = "BINARY", energy: Any = ENERGY) -> dimod.SampleSet:
    rows = 2 * rows - 1 if vartype == "SPIN" else rows
    counts = np.arange(1, len(rows) + 1)
    return dimod.SampleSet.from_samples((rows.astype(np.int8), labels), vartype, energy, num_occurrences=counts)


def table_text(header: list[str], rows: Any) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerows([header, *rows])
    return buffer.getvalue()


def check(samples: Samples, energy: bool = True) -> None:
    np.testing.assert_array_equal(PROBLEM.stack(samples.values), ROWS)
    if energy:
        assert samples.energy is not None
        np.testing.assert_allclose(samples.energy, ENERGY)


@pytest.mark.parametrize("vartype", ["BINARY", "SPIN"])
@pytest.mark.parametrize("columns", ["labels", "indices", "shuffled"])
@pytest.mark.parametrize("pack", [True, False])
def test_dimod_sample_sets_and_their_json(vartype: str, columns: str, pack: bool, tmp_path: Path) -> None:
    order = np.array([3, 0, 4, 1, 2]) if columns == "shuffled" else np.arange(5)
    labels = list(range(5)) if columns == "indices" else [LABELS[i] for i in order]
    found = sample_set(ROWS[:, order], labels, vartype)
    samples = from_table(PROBLEM, found)
    check(samples)
    assert samples.occurrences is not None and samples.occurrences.tolist() == [1, 2, 3, 4]
    path = tmp_path / "samples.json"
    path.write_text(json.dumps(found.to_serializable(pack_samples=pack)))
    again = read_samples(path, PROBLEM)
    check(again)
    assert again.occurrences is not None and again.occurrences.tolist() == [1, 2, 3, 4]


@given(rows=st.lists(st.lists(st.booleans(), min_size=5, max_size=5), min_size=1, max_size=6), kind=st.integers(0, 9))
def test_every_text_form_reads_back(
    rows: list[list[bool]], kind: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    bits = np.array(rows, dtype=int)
    spins = 2 * bits - 1
    energy = energies_of(PROBLEM, bits.astype(float))
    quoted = [[*map(str, row), repr(e), "2"] for row, e in zip(bits.tolist(), energy.tolist(), strict=True)]
    texts = [
        "\n".join("".join(map(str, row)) for row in bits.tolist()) + "\n",
        "\n".join(f"{''.join(map(str, row))} {e!r} 3" for row, e in zip(bits.tolist(), energy.tolist(), strict=True)),
        "# comment\n\n" + "\n".join("".join("+" if s > 0 else "-" for s in row) for row in spins.tolist()),
        "\n".join(" ".join(f"{s:+d}" for s in row) for row in spins.tolist()),
        "\n".join(",".join(str(s) for s in row) for row in bits.tolist()),
        "\n".join(" ".join("+" if s > 0 else "-" for s in row) for row in spins.tolist()),
        table_text([*LABELS, "energy", "num_oc."], quoted),
        ",".join([*LABELS, "energy", "occurrences"]) + "\n" + "\n".join(",".join(row) for row in quoted),
        json.dumps([dict(zip(LABELS, row, strict=True)) for row in spins.tolist()]),
        json.dumps({"samples": bits.tolist(), "labels": LABELS, "energy": energy.tolist()}),
    ]
    path = tmp_path_factory.mktemp("s") / ("s.csv" if kind in (6, 7) else "s.txt")
    path.write_text(texts[kind])
    samples = read_samples(path, PROBLEM)
    np.testing.assert_array_equal(PROBLEM.stack(samples.values), bits)
    assert (samples.energy is not None) == (kind in (1, 6, 7, 9))
    assert samples.weights().tolist() == [{1: 3, 6: 2, 7: 2}.get(kind, 1)] * len(bits)


def test_labels_with_commas_need_no_quotes(tmp_path: Path) -> None:
    problem = Problem("m", (Var.of("x", "bin", (2, 2)), Var.of("energy", "bin")))
    path = tmp_path / "s.csv"
    path.write_text(",x[0,1],x[0,0],x[1,0],x[1,1],energy,num_steps\n0,1,0,0,1,1,7\n")
    assert problem.stack(read_samples(path, problem).values).tolist() == [[0, 1, 0, 1, 1]]


def test_arrays_and_mappings() -> None:
    check(from_table(PROBLEM, ROWS), energy=False)
    check(from_table(PROBLEM, 2 * ROWS - 1), energy=False)
    check(from_table(PROBLEM, [dict(zip(LABELS, row, strict=True)) for row in ROWS]), energy=False)
    assert from_table(PROBLEM, dict.fromkeys(LABELS, 1)).count == 1
    given_samples = Samples(PROBLEM.unstack(ROWS))
    assert from_table(PROBLEM, given_samples) is given_samples
    with pytest.raises(InputError, match="type object are not understood"):
        from_table(PROBLEM, object())


def test_binaries_for_a_spin_problem() -> None:
    problem = Problem("m", (Var.of("s", "spin", (3,)), Poly("objective", "objective", (), np.zeros(1))))
    for rows in ([[1, 0, 1]], [[1, -1, 1]]):
        assert from_table(problem, np.array(rows)).values["s"].tolist() == [[1, -1, 1]]


def test_all_ones_are_ones_either_way() -> None:
    assert from_table(PROBLEM, np.ones((1, 5))).values["a"].tolist() == [[1, 1]]
    assert from_table(PROBLEM, sample_set(np.ones((1, 5)), LABELS, "SPIN", energies_of(PROBLEM, np.ones((1, 5))))).count


def test_mixed_domains_and_written_names(tmp_path: Path) -> None:
    problem = milp(0)
    written = make_target("lp")[0].write(problem, tmp_path / "m.lp")
    names = list(written.manifest["names"])
    row = ["3", "0", "1", "0", "1", "1", "0.9999999", "7", "4.25", "-1e-9"]
    path = tmp_path / "s.csv"
    path.write_text(",".join(names) + "\n" + ",".join(row) + "\n")
    samples = read_samples(path, problem, names=names)
    assert problem.stack(samples.values).tolist() == [[3, 0, 1, 0, 1, 1, 1, 7, 4.25, -1e-9]]
    path.write_text(",".join(names) + "\n" + ",".join(["9", *row[1:]]) + "\n")
    with pytest.raises(InputError, match=r"s.csv: line 2: k\[odd\]\[0\] = 9 is not a value of that variable"):
        read_samples(path, problem, names=names)
    path.write_text(",".join(names) + "\n" + ",".join(["1.5", *row[1:]]) + "\n")
    with pytest.raises(InputError, match=r"k\[odd\]\[0\] = 1.5"):
        read_samples(path, problem, names=names)


@pytest.mark.parametrize("text", ["qubo", "ising{bits=6}"])
def test_energies_without_what_the_format_drops(text: str, tmp_path: Path) -> None:
    problem = binary_problem(2, (4,), whole=True)
    written = make_target(text)[0].write(problem, tmp_path / "m")
    offset, scale = written.manifest["offset"], written.manifest.get("scale", 1.0)
    rows = all_samples(4)
    true = energies_of(problem, rows)
    path = tmp_path / "s.txt"
    for energy, settings in ((true, {}), (true / scale - offset, {"offset": offset, "scale": scale})):
        lines = (f"{''.join(str(int(b)) for b in row)} {e!r}" for row, e in zip(rows, energy.tolist(), strict=True))
        path.write_text("\n".join(lines))
        assert read_samples(path, problem, **settings).count == 16
    assert offset != 0
    with pytest.raises(InputError, match="energy"):
        read_samples(path, problem)


def test_single_precision_energies_are_accepted() -> None:
    problem = binary_problem(2, (6, 6), whole=False)
    rows = all_samples(12)[::37]
    form = assemble(problem)
    low = np.float32(0) + form.energies(rows).astype(np.float32) * np.float32(1 + 1e-7)
    assert from_table(problem, sample_set(rows, problem.labels(), energy=low), form).count == len(rows)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("s.csv", "a[0],a[1],b[0],b[1]\n0,0,0,0\n", "s.csv: no column b[2]"),
        ("s.csv", "a[0],a[1],b[0],b[1],b[3]\n0,0,0,0,0\n", "s.csv: column b[3] of no variable"),
        ("s.csv", "a[0],a[1],b[0],b[1],b[1]\n0,0,0,0,0\n", "column b[1] occurs twice"),
        ("s.csv", "a[0],a[1],b[0],b[1],b[2]\n0,0,0,0,0\n0,2,0,0,0\n", "s.csv: line 3: a[1] = 2 is not 0 or 1"),
        ("s.csv", "a[0],a[1],b[0],b[1],b[2]\n0,-1,1,1,1\n", "line 2: a[0] = 0 is not -1 or 1"),
        ("s.csv", "a[0],a[1],b[0],b[1],b[2]\n0,0,0,0\n", "s.csv:2: 4 values under 5 columns"),
        ("s.csv", "a[0],a[1],b[0],b[1],b[2]\n0,0,0,zero,0\n", "s.csv:2: b[1] = 'zero' is no finite number"),
        ("s.csv", "a[0],a[1],b[0],b[1],b[2]\n0,0,0,nan,0\n", "s.csv:2: b[1] = 'nan'"),
        ("s.csv", "a[0],a[1],b[0],b[1],b[2]\n0,0,0,1e999,0\n", "too large"),
        ("s.csv", "a[0],a[1],b[0],b[1],b[2]\n", "no samples"),
        ("s.csv", "a[0],a[1],b[0],b[1],b[2],energy\n0,0,0,0,0,1e6\n", "line 2: energy 1000000 given, but it is"),
        ("s.csv", "a[0],a[1],b[0],b[1],b[2],occurrences\n0,0,0,0,0,-1\n", "-1 occurrences"),
        ("s.txt", "01010\n0101\n", "s.txt:2: 4 bits for 5 variables"),
        ("s.txt", "01012\n", "s.txt:1: '01012' is no bit string"),
        ("s.txt", "01010 1e6\n", "line 1: energy 1000000 given"),
        ("s.txt", "01010 -1\n01010\n", "s.txt:2: no energy"),
        ("s.txt", "", "no samples"),
        ("s.txt", "# nothing\n", "no samples"),
        ("s.json", '{"type": "SampleSet"', "s.json:1:21: not JSON"),
        ("s.json", '{"type": "SampleSet", "version": {}}', "samples not understood"),
        ("s.json", '{"type": "BinaryQuadraticModel"}', "JSON without samples"),
        ("s.json", '[{"a[0]": 1}, {"a[1]": 1}]', "sample 2 has other variables"),
        ("s.json", "[[0, 1], [1]]", "samples of lengths 1 to 2"),
        ("s.json", "[[0, 1], [1, 1]]", "2 values a sample for 5 variables"),
        ("s.json", '{"samples": [[0, 1, 0, 1, 1]], "energy": [1, 2]}', "samples not understood"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(name: str, text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_samples(path, PROBLEM)
    assert message in str(caught.value) and name in str(caught.value)


def test_samples_of_another_bundle_are_recognised(tmp_path: Path) -> None:
    other = binary_problem(8, (2, 3))
    for found in (sample_set(ROWS, LABELS), sample_set(ROWS, [f"q{i}" for i in range(5)])):
        with pytest.raises(InputError, match="another bundle"):
            from_table(other, found)
    path = tmp_path / "s.json"
    path.write_text(json.dumps(sample_set(ROWS, LABELS).to_serializable())[:-200])
    with pytest.raises(InputError, match="cut off"):
        read_samples(path, PROBLEM)
    with pytest.raises(InputError, match="cannot be read"):
        read_samples(tmp_path / "none.json", PROBLEM)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="not UTF-8"):
        read_samples(path, PROBLEM)


def test_energies_that_are_unknown_are_not_compared() -> None:
    samples = from_table(PROBLEM, sample_set(ROWS, LABELS, energy=np.full(4, np.nan)))
    assert samples.energy is None
    wrong = ENERGY.copy()
    wrong[2] = np.nan
    with pytest.raises(InputError, match="sample 3: energy nan"):
        from_table(PROBLEM, sample_set(ROWS, LABELS, energy=wrong))
