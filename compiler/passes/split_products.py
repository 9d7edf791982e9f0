"""Products of three and more variables become chains of products of two.

rewrites: Fn product of arity d > 2; needs: nothing; adds: d - 2 blocks of partial products; guarantee: same, kept
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from ...ir.blocks import Arg, Block, Fn, Var
from ...ir.definition import Apply
from ...ir.functions.product import Product
from ...ir.lift.complete import Complete
from ...ir.lifting import Lift, Record
from ...ir.problem import Problem
from ...ir.step import Step


@dataclass(frozen=True)
class SplitProducts:
    removes: ClassVar[tuple[str, ...]] = ()
    adds: ClassVar[tuple[str, ...]] = ("fn",)

    def run(self, problem: Problem) -> Step:
        records: list[Record] = []
        for fn in problem.fns.values():
            while isinstance(fn.function, Product) and len(fn.args) > 2:
                pair, rest = fn.args[:2], fn.args[2:]
                output = problem.vars[fn.output]
                lower, upper = Product().interval(*self._bounds(problem, pair))
                name = problem.fresh(f"{fn.output}.part")
                part = Var(name, output.domain, (output.size,), lower, upper, output.origin)
                first = Fn(problem.fresh(f"{fn.name}.part"), name, Product(), pair, fn.origin)
                shorter = replace(fn, args=(Arg(name), *rest))
                blocks: list[Block] = []
                for block in problem.blocks:
                    blocks += [part, first, shorter] if block is fn else [block]
                problem, fn = problem.with_blocks(blocks), shorter
                records.append(Complete(name, Apply(Product(), pair)))
        return Step(problem, Lift(tuple(records)))

    @staticmethod
    def _bounds(problem: Problem, args: tuple[Arg, ...]):  # type: ignore[no-untyped-def]
        boxes = [problem.box[arg.variable] for arg in args]
        return tuple([arg.pick(box[side][None])[0] for arg, box in zip(args, boxes, strict=True)] for side in (0, 1))
