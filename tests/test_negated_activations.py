"""Claims about networks with functions other than relu: the MILP's greatest margin against dense sampling."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from networks import ScipyMilp
from test_unsafe import one_input

from isinglass.compiler.bounds.interval import Interval
from isinglass.compiler.networks.view import NetView
from isinglass.compiler.pipeline import Pipeline
from isinglass.facade.milp_export import compile_claim
from isinglass.ir.affine import Affine
from isinglass.ir.blocks import Arg, Block, Fn, Lin, Var
from isinglass.ir.errors import Infeasible, Refused
from isinglass.ir.evaluate import complete
from isinglass.ir.function import Function
from isinglass.ir.functions.hardtanh import Hardtanh
from isinglass.ir.functions.leaky_relu import LeakyRelu
from isinglass.ir.functions.max import Max
from isinglass.ir.functions.product import Product
from isinglass.ir.functions.relu import Relu
from isinglass.ir.functions.sigmoid import Sigmoid
from isinglass.ir.functions.sign import Sign
from isinglass.ir.functions.tanh import Tanh
from isinglass.ir.operators.csr import Csr
from isinglass.ir.operators.dense import Dense
from isinglass.ir.operators.identity import Identity
from isinglass.ir.problem import Problem
from isinglass.ir.protocols import Limits
from isinglass.ir.tasks import Prove

CLIPS = [Hardtanh(-0.5, 0.75), Hardtanh(0.0, np.inf), Hardtanh(-np.inf, 0.5)]
EXACT = [Relu(), LeakyRelu(0.1), LeakyRelu(0.3), Max(), *CLIPS]
GROWN = [Sign(), Sigmoid(), Tanh(), Product()]


def network(function: Function, seed: int) -> Problem:
    """2-4-function-1."""
    rng = np.random.default_rng(seed)
    first, shift = rng.normal(size=(4, 2)), rng.normal(size=4) / 2
    many = isinstance(function, (Max, Product))
    args = (Arg("z"), Arg("z", np.array([1, 2, 3, 0]))) if many else (Arg("z"),)
    if isinstance(function, Max):
        args = (*args, Arg("x", np.array([0, 1, 0, 1])))
    blocks: list[Block] = [Var.of("x", "real", (2,), -1.0, 1.0), *(Var.of(n, "real", (4,)) for n in ("z", "h"))]
    blocks += [
        Var.of("y", "real", (1,)),
        Lin("z.def", {"x": Dense(first), "z": Identity(4, -1.0)}, "==", -shift, "dyadic", defines="z"),
        Fn("h.def", "h", function, args),
        Lin("y.def", {"h": Dense(rng.normal(size=(1, 4))), "y": Identity(1, -1.0)}, "==", np.zeros(1), "dyadic",
            defines="y"),
    ]  # fmt: skip
    return Problem("net", tuple(blocks))


def claim(function: Function, seed: int) -> tuple[Prove, float]:
    """Unsafe where y is at least a little less than its greatest sampled value, and that value's margin."""
    problem = network(function, seed)
    axis = np.linspace(-1, 1, 161)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    greatest = float(complete(problem, {"x": grid})["y"].max())
    forms = Affine(np.array([0.25 - greatest]), {"y": Csr.of(np.ones((1, 1)))})
    side = np.full((1, 2), 1.0)
    unsafe = one_input(forms, [False], [0, 1], [(-1.0, 1.0)])
    unsafe = replace(unsafe, lower=-side, upper=side, inner_lower=-side, inner_upper=side)
    return Prove(problem, unsafe, "claim", "x", "y"), 0.25


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("function", [*EXACT, *GROWN], ids=lambda f: type(f).__name__)
def test_the_greatest_margin(function: Function, seed: int) -> None:
    task, sampled = claim(function, seed)
    for bounds in ("crown", "interval"):
        compiled = compile_claim(task, "lp", options={"goal": "margin", "bounds": bounds})
        found = ScipyMilp().solve(compiled.problem, Limits())
        margin = float(found.values["margin"][0, 0])
        assert margin >= sampled - 1e-7
        assert compiled.guarantee.feasible == ("grows" if function in GROWN else "same")
        if function in EXACT:
            assert margin <= sampled + 0.1  # steps of the grid times slopes
            assert compiled.answer(found).status == "sat"
        assert compiled.guarantee.proves_infeasible


@pytest.mark.parametrize("function", [*EXACT, *GROWN], ids=lambda f: type(f).__name__)
def test_no_point_of_the_network_is_lost(function: Function) -> None:
    """Completed points of the relaxed problem satisfy its rows and bounds, with every binary by its rule."""
    rng = np.random.default_rng(1)
    problem = network(function, 5)
    text = "activations-to-relu,bound-intervals,encode-activations,encode-activations{form=jumps}"
    trace = Pipeline.parse(text + ",encode-activations{form=lines}").run(problem, check=True)
    values = complete(problem, {"x": rng.uniform(-1, 1, (300, 2))})
    down, kept = trace.lift.down(values)
    assert kept.all() and not trace.problem.fns
    for lin in trace.problem.lins.values():
        activity = lin.activity.value(down)
        assert (activity <= lin.rhs + 1e-9).all() and (lin.sense == "<=" or (activity >= lin.rhs - 1e-9).all())
    for name, var in trace.problem.vars.items():
        assert (down[name] >= var.lower - 1e-9).all() and (down[name] <= var.upper + 1e-9).all(), name


def test_sign_at_zero_may_be_anything_between_its_sides() -> None:
    """x = 0: y in -1, 0, 1; elsewhere the sign."""
    blocks = (Var.of("x", "real", (1,), -1.0, 2.0), Var.of("y", "real", (1,)), Fn("f", "y", Sign(), (Arg("x"),)))
    problem = Pipeline.parse("bound-intervals,encode-activations{form=jumps}").run(Problem("p", blocks)).problem
    for x, allowed in [(-0.5, {-1.0}), (0.0, {-1.0, 0.0, 1.0}), (2.0, {1.0})]:
        found = set()
        for p, n in np.ndindex(2, 2):
            point = {"x": np.array([[x]]), "y.more": np.array([[p * 1.0]]), "y.less": np.array([[n * 1.0]])}
            point["y"] = point["y.more"] - point["y.less"]
            rows = [lin.activity.value(point)[0] <= lin.rhs for lin in problem.lins.values() if lin.sense == "<="]
            found |= {float(point["y"][0, 0])} if np.concatenate(rows).all() else set()
        assert found == allowed


def test_unbounded_arguments_are_refused() -> None:
    blocks = (Var.of("x", "real", (1,)), Var.of("y", "real", (1,)), Fn("f", "y", Sign(), (Arg("x"),)))
    for form in ("jumps", "lines"):
        with pytest.raises(Refused, match="unbounded"):
            Pipeline.parse(f"encode-activations{{form={form}}}").run(Problem("p", blocks))


def test_relus_of_bounded_parts_keep_their_bounds() -> None:
    """The parts' own intervals are sound, and the outputs keep those that they had."""
    problem = network(Hardtanh(-0.5, 0.75), 2)
    bounded = Pipeline.parse("bound-intervals,activations-to-relu,bound-intervals").run(problem).problem
    view = NetView.of(problem)
    low, high = Interval().bounds(view, view.box())["h"]
    assert (bounded.vars["h"].lower == low[0]).all() and (bounded.vars["h"].upper == high[0]).all()
    assert all(np.isfinite(var.lower).all() and np.isfinite(var.upper).all() for var in bounded.vars.values())


def test_a_claim_that_only_a_relaxation_decides() -> None:
    """tanh(x) <= 2: lines and intervals exclude it; the word of a solver is not even needed."""
    task, _ = claim(Tanh(), 0)
    forms = Affine(np.array([-99.0]), task.unsafe.forms.parts)
    with pytest.raises(Infeasible, match="bounds exclude all"):
        compile_claim(replace(task, unsafe=replace(task.unsafe, forms=forms)))
