"""A proof for the answer to a mixed-integer program: branch and bound again, with every leaf's multipliers kept.

needs: a problem whose rows ``ir/lp_proof/model.py`` can state; a tool ``open_lp``; the answer of any solver
gives: the answer with a ``lp-tree`` certificate: optimal, infeasible, or a bracket when time was over

The solver's point is the incumbent that prunes; nothing else of its word is used. A leaf counts as closed only for what
the certificate's own arithmetic makes of its multipliers, so the checker will find the same bounds. Better points met
on the way are evaluated on the source and taken. Branching: pseudocosts, started by strong branching; plunging, then
the node of least bound.
"""

from __future__ import annotations

import heapq
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import count
from time import monotonic

import numpy as np
from scipy import sparse

from ...ir.answers import Answer
from ...ir.certificates.lp_tree import limited
from ...ir.decoding import REAL_TOLERANCE, shaped
from ...ir.errors import Refused
from ...ir.evaluate import evaluate
from ...ir.lp_proof.leaves import Leaves
from ...ir.lp_proof.model import Model
from ...ir.lp_proof.rows import activity
from ...ir.problem import Problem
from ...ir.protocols import Event, Limits, LpResult, LpSession, OpenLp
from ...ir.types import FloatArray, IntArray
from ._lp_tree import SMALL, Node, Pseudocosts, Visit, written
from ._slim_tree import slim

LARGEST = 30_000_000
"""Most nodes and most multipliers of a certificate."""
NODES = 500_000
"""Most nodes of a tree."""
TRIED = 6
"""Variables without a history that strong branching tries at a node."""
PERIOD = 0.5
"""Seconds between events."""


def certify(problem: Problem, answer: Answer, open_lp: OpenLp, limits: Limits) -> Generator[Event, None, Answer]:
    """The answer with a certificate, or as it was with a word on why there is none. ``limits``: its time goes to the
    search here."""
    try:
        search = Search.of(problem, answer, open_lp)
    except Refused as error:
        return answer.with_fields(detail=(*answer.detail, f"not certified: {error.diagnostics[0].message}"))
    yield from search.run(limits)
    found = certified(problem, answer, search)
    return found if search.finished or not limits.over else found.with_fields(time_limited=True)


@dataclass(eq=False)
class Search:
    """``point`` [variables] and ``value`` (minimised): the incumbent. ``root``: the tree; ``heap``: its open nodes.

    ``finished``: no node is open.
    """

    problem: Problem
    model: Model
    leaves: Leaves
    open_lp: OpenLp
    point: FloatArray | None
    value: float
    root: Node
    costs: Pseudocosts
    cutoff: float | None = None
    nodes: int = 1
    finished: bool = False
    heap: list[tuple[float, int, Node]] = field(default_factory=list)

    @classmethod
    def of(cls, problem: Problem, answer: Answer, open_lp: OpenLp) -> Search:
        point, value = None, np.inf
        if answer.witness is not None:
            blocks = [flat(answer.witness[name], var.labels()) for name, var in problem.vars.items()]
            point, value = accepted(problem, np.concatenate([np.zeros(0), *blocks]))
        open_ = not np.isfinite(problem.stack_bounds()).all()
        cutoff = value if open_ and point is not None else None
        model = Model.of(problem, cutoff)
        costs = Pseudocosts.of(len(model.cost))
        return cls(problem, model, Leaves(model), open_lp, point, value, Node(), costs, cutoff)

    @property
    def tolerance(self) -> float:
        """How far below ``value`` a bound may stay: what float64 objectives are off by, more where reals occur."""
        whole = self.model.whole[: self.model.variables].all()
        return (1e-9 if whole else 0.5 * REAL_TOLERANCE) * max(1.0, abs(self.value))

    def offer(self, point: FloatArray) -> None:
        """Take a point [variables] if the source accepts it and it is better."""
        found, value = accepted(self.problem, point)
        if found is not None and value < self.value:
            self.point, self.value = found, value

    def run(self, limits: Limits) -> Generator[Event, None, None]:
        """Grow the tree until every leaf is closed, or time or nodes are used up."""
        model = self.model
        session = self.open_lp(model.matrix, model.low, model.high, model.lower, model.upper, model.cost)
        order, told = count(), monotonic()
        node: Node | None = self.root
        while node is not None or self.heap:
            if node is None:
                node = heapq.heappop(self.heap)[2]
            if limits.over or self.nodes > NODES:
                return
            visit = Visit(node, *node.box(model))
            session.set_bounds(visit.lower, visit.upper)
            result = session.solve(limits.left())
            if result.status in ("limit", "unbounded"):
                return
            children = self.visited(visit, result, session, limits)
            if children:
                self.nodes += 2
                first, second = sorted(children, key=lambda one: one.guess)
                heapq.heappush(self.heap, (second.bound, next(order), second))
                node = first
            else:
                node = None
            if monotonic() - told > PERIOD:
                told = monotonic()
                yield Event(f"certify: {self.nodes} nodes, {len(self.heap)} open")
        self.finished = True

    def visited(self, visit: Visit, result: LpResult, session: LpSession, limits: Limits) -> tuple[Node, Node] | None:
        """Close a node with what its program proves, or split it."""
        node = visit.node
        if result.status == "infeasible":
            for ray in self.rays(visit, result, limits):
                if self.proved(visit, ray, True) == np.inf:
                    node.keep(ray, True, np.inf)
                    return None
            return self.divided(visit, None)
        assert result.x is not None
        assert result.dual is not None
        bound = self.proved(visit, result.dual, False)
        if bound >= node.bound:
            node.keep(result.dual, False, bound)
        if self.closed(node.bound):
            return None
        x, free = result.x, self.free(visit)
        part = np.abs(x[free] - np.rint(x[free]))
        candidates = free[part > SMALL]
        if not candidates.size:
            self.offer(x[: self.model.variables])
            return None if self.closed(node.bound) else self.divided(visit, x)
        variable = self.chosen(candidates, x, visit, result.value, session, limits)
        floor = int(np.floor(x[variable]))
        down = x[variable] - floor
        guess = self.costs.total[:, variable] / np.maximum(self.costs.count[:, variable], 1)
        value = -1 if self.model.spin[variable] else floor
        return node.split(variable, value, (guess[0] * down, guess[1] * (1 - down)))

    def rays(self, visit: Visit, result: LpResult, limits: Limits) -> Iterator[FloatArray]:
        """Multipliers [m] that may show that a node holds no point: the solver's, those of the row that fails most,
        those of the least violation."""
        model = self.model
        if result.ray is not None:
            yield result.ray
        least, most = activity(model.matrix, visit.lower, visit.upper)
        with np.errstate(invalid="ignore"):
            failing = np.maximum(least - model.high, model.low - most)
        alone = np.zeros(len(failing))
        if failing.size and np.nanmax(failing) > 0:
            worst = int(np.nanargmax(failing))
            alone[worst] = 1.0 if model.low[worst] - most[worst] == failing[worst] else -1.0
        yield alone
        elastic = self.elastic(visit, limits)
        if elastic is not None:
            yield elastic

    def elastic(self, visit: Visit, limits: Limits) -> FloatArray | None:
        """Dual multipliers of the least total violation of the rows over a box: where it is positive they show that
        there is no point, which simplex does not always have a ray for."""
        model, m = self.model, len(self.model.low)
        identity = sparse.identity(m, format="csr")
        matrix = sparse.csr_array(sparse.hstack([model.matrix, identity, -identity], format="csr"))
        lower, upper = np.append(visit.lower, np.zeros(2 * m)), np.append(visit.upper, np.full(2 * m, np.inf))
        cost = np.append(np.zeros(len(visit.lower)), np.ones(2 * m))
        return self.open_lp(matrix, model.low, model.high, lower, upper, cost).solve(limits.left()).dual

    def closed(self, bound: float) -> bool:
        """Whether no point below a bound of cost.x is better than the incumbent."""
        raised = self.model.raised(bound) if np.isfinite(bound) else None
        return bound == np.inf or (raised is not None and raised >= Fraction(self.value - self.tolerance)
                                   if np.isfinite(self.value) else False)  # fmt: skip

    def free(self, visit: Visit) -> IntArray:
        """Columns to split that are not fixed in a node."""
        return np.flatnonzero(self.model.branch & (visit.lower < visit.upper))

    def divided(self, visit: Visit, x: FloatArray | None) -> tuple[Node, Node] | None:
        """Split where the program gives no reason to: rounding errors or tolerances stand in the way of a proof."""
        free = self.free(visit)
        if not free.size:
            return None
        width = np.minimum(visit.upper[free] - visit.lower[free], 2.0**50)
        variable = int(free[np.argmax(width)])
        low, high = visit.lower[variable], visit.upper[variable]
        middle = x[variable] if x is not None else 0.0 if not np.isfinite(low + high) else (low + high) / 2
        value = int(np.floor(np.clip(middle, low, high - 1 if np.isfinite(high) else np.inf)))
        return visit.node.split(variable, -1 if self.model.spin[variable] else value, (0.0, 0.0))

    def proved(self, visit: Visit, multipliers: FloatArray, farkas: bool) -> float:
        """What multipliers [m] prove on a node, in the certificate's arithmetic."""
        row = sparse.csr_array(multipliers[None])
        found = self.leaves.bounds(row, np.array([farkas]), visit.lower[None], visit.upper[None])
        return float(found[0])

    def chosen(
        self, candidates: IntArray, x: FloatArray, visit: Visit, value: float, session: LpSession, limits: Limits
    ) -> int:
        """The variable to split: greatest product of expected rises; unknown ones are tried first."""
        unknown = candidates[(self.costs.count[:, candidates] == 0).any(axis=0)]
        middle = np.abs(x[unknown] - np.floor(x[unknown]) - 0.5)
        for variable in unknown[np.argsort(middle, kind="stable")][:TRIED].tolist():
            self.tried(variable, x[variable], visit, value, session, limits)
        return int(candidates[np.argmax(self.costs.scores(candidates, x))])

    def tried(
        self, variable: int, at: float, visit: Visit, value: float, session: LpSession, limits: Limits
    ) -> None:
        """Learn how the bound rises when a variable is rounded."""
        floor = np.floor(at)
        for side, distance in ((0, at - floor), (1, floor + 1 - at)):
            lower, upper = visit.lower.copy(), visit.upper.copy()
            if side:
                lower[variable] = 1 if self.model.spin[variable] else floor + 1
            else:
                upper[variable] = -1 if self.model.spin[variable] else floor
            session.set_bounds(lower, upper)
            result = session.solve(limits.left())
            rise = result.value - value if result.status == "optimal" else abs(value) + 1.0
            if result.status in ("optimal", "infeasible"):
                self.costs.learn(side, variable, rise, distance)

    def least(self) -> Fraction | float:
        """The bound of the minimised objective that the tree proves; inf: no point, -inf: none."""
        bounds, stack = [np.inf], [self.root]
        while stack:
            node = stack.pop()
            if node.sides is not None:
                stack += node.sides
            else:
                bounds.append(node.bound)
        return limited(self.model, min(bounds), self.cutoff)


def certified(problem: Problem, answer: Answer, search: Search) -> Answer:
    """The answer with what the tree proves."""
    least = search.least()
    answer = improved(problem, answer, search)
    if least == -np.inf:
        early = "the tree grew too large" if search.nodes > NODES else "time was over"
        why = "its linear programs give no bound" if search.finished or search.nodes == 1 else early
        return answer.with_fields(detail=(*answer.detail, f"not certified: {why}"))
    tree = slim(search.model, written(search.root, search.model, search.cutoff), least)
    if max(len(tree.variable), len(tree.multiplier)) > LARGEST:
        return answer.with_fields(detail=(*answer.detail, "not certified: the certificate would be too large"))
    certificate = tree.to_plain()
    told = f"a tree of {search.nodes} linear program{'s' if search.nodes > 1 else ''}"
    if least == np.inf:
        if search.point is not None:
            detail = "not certified: the witness holds within the tolerance for reals, exactly there is no point"
            return answer.with_fields(detail=(*answer.detail, detail))
        return answer.with_fields(
            status="infeasible", basis="certificate", certificate=certificate, lower=None, upper=None,
            detail=(*answer.detail, f"certified by {told}"),
        )  # fmt: skip
    assert isinstance(least, Fraction)
    bound = source_bound(problem, least, answer.value)
    side = {"upper": bound} if problem.source.maximize else {"lower": bound}
    done = search.point is not None and least >= Fraction(search.value - 2 * search.tolerance)
    short = "leaves a gap" if search.finished else "was not finished"
    detail = f"certified by {told}" if done else f"certified is a bound only: {told} {short}"
    return answer.with_fields(
        status="optimal" if done else "bracketed", basis="certificate", certificate=certificate,
        detail=(*answer.detail, detail), **side,
    )  # fmt: skip


def accepted(problem: Problem, point: FloatArray) -> tuple[FloatArray | None, float]:
    """A point [variables], whole numbers rounded, and its minimised objective; None where it is not feasible."""
    whole = np.concatenate([np.zeros(0, np.bool_), *(np.full(var.size, var.discrete) for var in problem.vars.values())])
    point = np.where(whole, np.rint(point), point)
    result = evaluate(problem, problem.unstack(point[None]), tolerance=REAL_TOLERANCE)
    return (point, float(result.minimised[0])) if result.feasible[0] else (None, np.inf)


def improved(problem: Problem, answer: Answer, search: Search) -> Answer:
    """The answer with the search's point where it is better than the solver's."""
    if search.point is None:
        return answer
    values = problem.unstack(search.point[None])
    value = float(problem.source.value(np.array(search.value)))
    if answer.witness is not None and answer.value == value:
        return answer
    witness = {name: shaped(var, values[name][0]) for name, var in problem.vars.items()}
    side = "lower" if problem.source.maximize else "upper"
    return answer.with_fields(status="witnessed", basis="none", value=value, witness=witness, **{side: value})


def source_bound(problem: Problem, least: Fraction, value: float | None) -> float:
    """A bound of the minimised objective in the source's sense, rounded away from it, at most up to ``value``."""
    exact = Fraction(problem.source.scale) * least + Fraction(problem.source.offset)
    found = float(exact)
    if problem.source.maximize:
        found = found if Fraction(found) >= exact else float(np.nextafter(found, np.inf))
        return found if value is None else max(found, value)
    found = found if Fraction(found) <= exact else float(np.nextafter(found, -np.inf))
    return found if value is None else min(found, value)


def flat(given: object, labels: Iterable[str]) -> FloatArray:
    """The numbers of one block of a witness."""
    table = [given[label] for label in labels] if isinstance(given, dict) else given
    return np.asarray(table, dtype=np.float64).ravel()
