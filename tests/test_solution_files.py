"""Solution files of MILP solvers: every form, the status in our words, everything wrong named with its place."""

from __future__ import annotations

from pathlib import Path

import highspy
import numpy as np
import pytest
from backend_cases import milp

from isinglass.backends.sample_files import read_samples
from isinglass.backends.target import make_target
from isinglass.ir.blocks import Lin, Var
from isinglass.ir.errors import InputError
from isinglass.ir.operators.dense import Dense
from isinglass.ir.problem import Problem
from isinglass.ir.samples import Samples

PROBLEM = Problem(
    "p",
    (
        Var.of("x", "real", (2,), -5.0, 5.0),
        Var.of("on", "bin", (2,)),
        Lin("cap", {"x": Dense(np.ones((1, 2)))}, "<=", np.array([4.0]), "dyadic"),
    ),
)
NAMES = ["x_0", "x_1", "on_0", "on_1"]

HIGHS = """Model status
Optimal

# Primal solution values
Feasible
Objective 2.5
# Columns 4
x_0 0.25
x_1 -1.5e-3
on_0 1
on_1 0
# Rows 1
cap 0.2485

# Dual solution values
None
"""
GUROBI = """# Solution for model p
# Objective value = 2.5
x_0 0.25
x_1 -1.5e-03
on_0 1
on_1 0
"""
SCIP = """solution status: optimal solution found
objective value:                                  2.5
x_0                                              0.25 \t(obj:1)
x_1                                           -0.0015 \t(obj:0)
on_0                                                1 \t(obj:2)
"""
CBC = """Optimal - objective value 2.50000000
      0 x_0                     0.25                      0
      1 x_1                  -0.0015                      1
**    2 on_0                       1                      2
"""
CPLEX = """<?xml version = "1.0" encoding="UTF-8" standalone="yes"?>
<CPLEXSolution version="1.2">
 <header problemName="p" objectiveValue="2.5" solutionStatusString="integer optimal solution"/>
 <linearConstraints><constraint name="cap" index="0" slack="0"/></linearConstraints>
 <variables>
  <variable name="x_0" index="0" value="0.25"/>
  <variable name="x_1" index="1" value="-0.0015"/>
  <variable name="on_0" index="2" value="1"/>
  <variable name="on_1" index="3" value="0"/>
 </variables>
</CPLEXSolution>
"""
PLAIN = "x_0 0.25\nx_1 -0.0015\non_0 1\n"
FORMS = {"highs": HIGHS, "gurobi": GUROBI, "scip": SCIP, "cbc": CBC, "cplex": CPLEX, "plain": PLAIN}


def read(text: str, folder: Path, suffix: str = ".sol") -> Samples:
    path = folder / f"out{suffix}"
    path.write_text(text)
    return read_samples(path, PROBLEM, names=NAMES)


@pytest.mark.parametrize("form", FORMS)
def test_every_form(form: str, tmp_path: Path) -> None:
    for suffix in (".sol", ".txt") if form != "plain" else (".sol",):
        found = read(FORMS[form], tmp_path, suffix)
        assert {name: array.tolist() for name, array in found.values.items()} == {
            "x": [[0.25, -0.0015]], "on": [[1.0, 0.0]],
        }  # fmt: skip
        assert found.info.get("status", "") == ("" if form in ("gurobi", "plain") else "optimal")


NOTHING = {
    "Model status\nInfeasible\n\n# Primal solution values\nNone\n\n# Dual solution values\nNone\n": "infeasible",
    "Model status\nTime limit reached\n\n# Primal solution values\nNone\n": "time limit reached",
    "Model status\nPrimal infeasible or unbounded\n\n# Primal solution values\nNone\n": "unbounded-or-infeasible",
    "Model status\nUnbounded\n": "unbounded",
    "solution status: infeasible\nno solution available\n": "infeasible",
    "solution status: infeasible or unbounded\nno solution available\n": "unbounded-or-infeasible",
    "Infeasible - objective value 0.00000000\n": "infeasible",
    "Integer infeasible - objective value 0.0\n": "infeasible",
    "Stopped on time - objective value 1e+50\n": "stopped on time - objective value 1e+50",
}


@pytest.mark.parametrize("text", NOTHING)
def test_no_point(text: str, tmp_path: Path) -> None:
    found = read(text, tmp_path)
    assert found.count == 0 and found.info["status"] == NOTHING[text]


def test_the_point_of_an_infeasible_status_is_none(tmp_path: Path) -> None:
    """HiGHS may write the last point that it had, and says so."""
    text = HIGHS.replace("Optimal", "Infeasible").replace("\nFeasible", "\nInfeasible")
    found = read(text, tmp_path)
    assert (found.count, found.info["status"]) == (0, "infeasible")


WRONG = {
    HIGHS.replace("on_1 0\n", ""): "3 of 4 columns",
    HIGHS.replace("x_1 -1.5e-3", "x_1 minus"): ":9:",
    HIGHS[: HIGHS.index("on_0")]: "2 of 4 columns",
    GUROBI + "zz 3\n": "zz is no variable",
    GUROBI.replace("on_0 1", "on_0 0.5"): "is not 0 or 1",
    GUROBI.replace("x_0 0.25", "x_0 7"): "x[0] = 7 is not",
    PLAIN + "what is this\n": ":4:",
    PLAIN + "x_0 nan\n": "no name and number",
    CPLEX.replace('name="x_0"', ""): "not a CPLEX solution",
    CPLEX[:-20]: "not a CPLEX solution",
    CPLEX.replace("<CPLEX", '<!DOCTYPE a [<!ENTITY b "c">]><CPLEX', 1): "no entities",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_is_named(text: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read(text, tmp_path)
    assert WRONG[text] in str(caught.value) and "out.sol" in str(caught.value)


def test_solvers_tolerances_are_forgiven(tmp_path: Path) -> None:
    found = read(GUROBI.replace("on_0 1", "on_0 0.999995").replace("x_0 0.25", "x_0 5.00001"), tmp_path)
    assert found.values["on"].tolist() == [[1.0, 0.0]] and found.values["x"][0, 0] == 5.00001


@pytest.mark.parametrize("text", ["lp", "mps"])
@pytest.mark.parametrize("seed", range(3))
def test_what_highs_writes(text: str, seed: int, tmp_path: Path) -> None:
    problem = milp(seed, maximize=seed == 1)
    target, _ = make_target(text)
    path = tmp_path / f"m{target.suffix}"
    manifest = target.write(problem, path).manifest
    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    solver.readModel(str(path))
    solver.run()
    for style in (0, 1):
        out = tmp_path / f"out{style}.sol"
        solver.writeSolution(str(out), style)
        if style == 0:
            found = read_samples(out, problem, names=manifest["names"])
            wanted = np.array(solver.getSolution().col_value)
            np.testing.assert_allclose(problem.stack(found.values)[0], wanted, atol=1e-5)
            assert found.info["status"] == "optimal"
        else:
            with pytest.raises(InputError):
                read_samples(out, problem, names=manifest["names"])
