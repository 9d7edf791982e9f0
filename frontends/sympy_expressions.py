"""SymPy polynomials and relations as expressions and rows over the variables of a builder.

    i, x = sympy.symbols("i x"); b = Builder()
    row = from_sympy(sympy.Le(x**2 + i / 3, 7), {x: b.integer("x", lower=0, upper=3), "i": b.binary("i")})

Numbers of an objective become the nearest float64. Numbers of a relation keep their exact value: it is what the row's
reading (the simplest rational that rounds to the float) gives back, after scaling the row to integers where needed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import lcm
from typing import Any

import numpy as np
import sympy
from sympy.core.relational import Equality, GreaterThan, LessThan, Relational
from sympy.logic.boolalg import BooleanAtom
from sympy.matrices.expressions.matexpr import MatrixElement

from ..ir.errors import InputError, Refused, nearest
from ..ir.expression import Constraint, Expression, from_monomials, lift
from ..ir.operators.gather import Gather
from ..ir.operators.identity import Identity
from ..ir.rational import read
from ..ir.terms.monomials import Monomials
from ..ir.types import FloatArray, IntArray

Symbols = Mapping[Any, Expression]


def from_sympy(expression: Any, symbols: Symbols) -> Expression | Constraint:
    """A sympy expression as an :class:`Expression`, a relation (<=, >=, Eq) as a :class:`Constraint`.

    ``symbols`` gives a scalar expression for each symbol, and a tensor for each IndexedBase or MatrixSymbol of which
    elements occur; keys are sympy objects or names. Raises :class:`InputError` for symbols without an entry and indices
    outside a tensor, :class:`Refused` (with the sub-expression) for what is no polynomial or no row.
    """
    if isinstance(expression, (bool, BooleanAtom)):
        raise constant(bool(expression))
    known = {name_of(key): value for key, value in symbols.items()}
    if not isinstance(expression, Relational):
        atoms, terms = polynomial(sympy.sympify(expression), known)
        return combined(atoms, list(terms), np.array([rounded(number) for number in terms.values()]), known)
    if not isinstance(expression, (LessThan, GreaterThan, Equality)):
        hint = "rows include their bounds: use <=, >= or Eq" if expression.rel_op != "!=" else "use two guarded rows"
        raise Refused(f"{expression} is no row", code="not-polynomial", hint=hint)
    sides = (
        (expression.rhs, expression.lhs) if isinstance(expression, GreaterThan) else (expression.lhs, expression.rhs)
    )
    atoms, terms = polynomial(sides[0] - sides[1], known)
    if not any(terms):
        difference = rounded(terms.get((), sympy.Integer(0)))
        raise constant(difference == 0 if isinstance(expression, Equality) else difference <= 0)
    row = combined(atoms, list(terms), exact(list(terms.values()), expression), known)
    return Constraint(row, "==" if isinstance(expression, Equality) else "<=")


def constant(holds: bool) -> InputError:
    message = f"the relation is always {holds}"
    return InputError(message, hint="equality is sympy.Eq(a, b); a == b compares the expressions as texts")


def name_of(key: Any) -> str:
    """The name under which a symbol, an indexed base or a matrix goes."""
    return key if isinstance(key, str) else str(getattr(key, "name", key))


# -- polynomials ------------------------------------------------------------------------------------------------------

Monomial = tuple[int, ...]
"""Numbers of the generators that are its factors, in order, with repeats."""
Polynomial = dict[Monomial, Any]
MONOMIALS = 5_000_000
"""Most products of monomials that multiplying out may take."""
DEGREE = 64


def polynomial(expression: Any, known: Mapping[str, Expression]) -> tuple[list[Any], Polynomial]:
    """The generators (symbols, elements of tensors), and the number of each monomial in them, zeros left out."""
    if isinstance(expression, sympy.MatrixBase) or getattr(expression, "is_Matrix", False):
        raise Refused(
            f"{shortened(expression)} is a matrix", code="not-polynomial", hint="convert its elements one by one"
        )
    expression = expression.doit()
    refuse(expression)
    places: dict[Any, int] = {}
    found = multiplied_out(expression, places)
    for atom in places:
        element(atom, known)
    return list(places), {monomial: number for monomial, number in found.items() if number != 0}


def multiplied_out(node: Any, places: dict[Any, int]) -> Polynomial:
    """Sparse arithmetic: sympy's own polynomials are dense in the number of generators."""
    if isinstance(node, (sympy.Symbol, sympy.Indexed, MatrixElement)):
        return {(places.setdefault(node, len(places)),): sympy.Integer(1)}
    if not node.free_symbols:
        return {(): node}
    if isinstance(node, sympy.Add):
        total: Polynomial = {}
        for arg in node.args:
            for monomial, number in multiplied_out(arg, places).items():
                total[monomial] = total[monomial] + number if monomial in total else number
        return total
    base, times = (node.args[0], int(node.exp)) if isinstance(node, sympy.Pow) else (None, 0)
    if times > DEGREE:
        raise Refused(
            f"{shortened(node)} is of degree {times}", code="too-large", hint=f"at most {DEGREE} is supported"
        )
    factors = (
        [multiplied_out(arg, places) for arg in node.args] if base is None else [multiplied_out(base, places)] * times
    )
    result: Polynomial = {(): sympy.Integer(1)}
    for factor in factors:
        result = product(result, factor, node)
    return result


def product(left: Polynomial, right: Polynomial, node: Any) -> Polynomial:
    if len(left) * len(right) > MONOMIALS:
        message = f"multiplying out {shortened(node)} takes more than {MONOMIALS:,} products"
        raise Refused(message, code="too-large", hint="build it from whole tensors with the builder")
    found: Polynomial = {}
    for first, one in left.items():
        for second, two in right.items():
            key = tuple(sorted(first + second))
            found[key] = found[key] + one * two if key in found else one * two
    return found


def refuse(expression: Any) -> None:
    """Raise :class:`Refused` for the first sub-expression that is no polynomial."""
    left = [expression]
    while left:
        node = left.pop()
        if isinstance(node, (sympy.Symbol, sympy.Indexed, MatrixElement)) or not node.free_symbols:
            continue
        power = isinstance(node, sympy.Pow) and node.exp.is_Integer and node.exp >= 0
        if not (power or isinstance(node, (sympy.Add, sympy.Mul))):
            message = f"{shortened(node)} is no polynomial"
            raise Refused(message, code="not-polynomial", hint="write sums, products and whole powers of variables")
        left += node.args[:1] if power else node.args


def shortened(expression: Any) -> str:
    text = str(expression)
    return text if len(text) <= 60 else text[:57] + "..."


# -- numbers --------------------------------------------------------------------------------------------------------


def rounded(number: Any) -> float:
    """The nearest float64. Raises :class:`Refused` for numbers that are not real and finite."""
    if not number.is_number or number.is_real is False or number.is_finite is False:
        raise Refused(f"{shortened(number)} is no real number", code="not-polynomial", hint="use finite real numbers")
    if number.is_Rational:
        try:
            return int(number.p) / int(number.q)
        except OverflowError:
            raise InputError(f"{shortened(number)} is beyond the float64 range", hint="rescale the model") from None
    return float(number)


def exact(numbers: Sequence[Any], row: Any) -> FloatArray:
    """Floats that the reading of rows turns back into the numbers, times a common factor where needed."""
    floats = np.array([rounded(number) for number in numbers])
    fractions = [number if number.is_Rational else None for number in numbers]
    top, bottom = read(floats, "simplest")
    back = zip(top.tolist(), bottom.tolist(), fractions, strict=True)
    if all(given is None or (n, d) == (int(given.p), int(given.q)) for n, d, given in back):
        return floats
    wrong = next(g for n, d, g in zip(top.tolist(), bottom.tolist(), fractions, strict=True)
                 if g is not None and (n, d) != (int(g.p), int(g.q)))  # fmt: skip
    factor = lcm(*(int(given.q) for given in fractions if given is not None))
    scaled = [0 if given is None else int(given.p) * (factor // int(given.q)) for given in fractions]
    if None in fractions or max(map(abs, scaled)) > 2**53:
        message = f"{shortened(wrong)} in {shortened(row)} is no float64, nor is the row after scaling to integers"
        raise Refused(message, code="value", hint="round it on purpose: sympy.Float(...)")
    return np.array(scaled, dtype=np.float64)


# -- building -------------------------------------------------------------------------------------------------------


def element(atom: Any, known: Mapping[str, Expression]) -> Expression:
    """The scalar expression that a symbol or an element of a tensor stands for."""
    base = (
        atom if isinstance(atom, sympy.Symbol) else atom.base.label if isinstance(atom, sympy.Indexed) else atom.parent
    )
    base, index = name_of(base), subscripts(atom)
    if base not in known:
        raise InputError(f"no variable for the symbol {base!r}", code="unknown-name", hint=nearest(base, known))
    tensor = lift(known[base])
    if len(index) == 2 and len(tensor.shape) == 1 and index[1] == 0:
        index = index[:1]  # a column of a matrix symbol
    if len(index) != len(tensor.shape) or not all(0 <= k < n for k, n in zip(index, tensor.shape, strict=True)):
        message = f"{atom} does not fit the variable of shape {list(tensor.shape)}"
        raise InputError(message, code="shape", hint="give one index for each axis, counted from 0")
    return tensor[index] if index else tensor


def subscripts(atom: Any) -> tuple[int, ...]:
    """The indices of an element, which have to be numbers; none for a symbol."""
    if isinstance(atom, sympy.Symbol):
        return ()
    indices = atom.indices if isinstance(atom, sympy.Indexed) else (atom.i, atom.j)
    if not all(index.is_Integer for index in indices):
        raise Refused(
            f"{atom} has an index that is no number", code="not-polynomial", hint="sum it up with sympy.Sum and doit"
        )
    return tuple(int(index) for index in indices)


def combined(
    atoms: Sequence[Any], terms: Sequence[Monomial], numbers: FloatArray, known: Mapping[str, Expression]
) -> Expression:
    """The sum of number times monomial; one list of monomials where every generator is a variable."""
    elements = [element(atom, known) for atom in atoms]
    found = [variable(expression) for expression in elements]
    where = [place for place in found if place is not None]
    if len(where) == len(atoms):
        names = tuple(dict.fromkeys(name for name, _ in where))
        degree = max([len(term) for term in terms], default=0)
        padded = np.array([term + (-1,) * (max(1, degree) - len(term)) for term in terms], np.int64)
        factors: IntArray = padded.reshape(len(terms), max(1, degree))
        which = np.array([*(names.index(name) for name, _ in where), -1], np.int64)[factors]
        index = np.array([*(place for _, place in where), 0], np.int64)[factors]
        return from_monomials(Monomials(1, names, np.zeros(len(terms), np.int64), which, index, numbers).tidy(), ())
    total = lift(0.0)
    for term, number in zip(terms, numbers.tolist(), strict=True):
        value = lift(number)
        for factor in term:
            value = value * elements[factor]
        total = total + value
    return total


def variable(expression: Expression) -> tuple[str, int] | None:
    """Block and place where an expression is one variable; None for any other."""
    parts = list(expression.affine.parts.items())
    if expression.size != 1 or expression.terms or expression.affine.offset.any() or len(parts) != 1:
        return None
    name, operator = parts[0]
    if isinstance(operator, Identity):
        return (name, 0) if operator.factor == 1.0 else None
    if isinstance(operator, Gather):
        return (name, int(operator.index[0])) if operator.weight[0] == 1.0 else None
    return None
