"""Linear sums of operands in fractions, made bottom-up without recursion; adding costs the shorter of the two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from ...ir.errors import InputError, Refused

BITS = 4096
"""Longest numerator or denominator that a product of constants may have: far beyond the range of float64."""


@dataclass
class Linear:
    """``factor * (sum_k terms[k] operand_k + constant)``."""

    terms: dict[int, Fraction] = field(default_factory=dict)
    constant: Fraction = Fraction(0)
    factor: Fraction = Fraction(1)

    @property
    def is_constant(self) -> bool:
        return not self.factor or not any(self.terms.values())

    @property
    def value(self) -> Fraction:
        """The constant part."""
        return self.factor * self.constant

    def coefficients(self) -> dict[int, Fraction]:
        """Operand -> coefficient, zeros left out."""
        return {key: self.factor * one for key, one in self.terms.items() if one and self.factor}


def combine(head: str, forms: Sequence[Linear]) -> Linear:
    """``(+ a b ...)``, ``(- a)``, ``(- a b ...)``, ``(* a b ...)``, ``(/ a b ...)``; the forms are used up.

    Raises :class:`Refused` for products of variables, :class:`InputError` for divisions by zero and numbers without
    end.
    """
    match head:
        case "+":
            return total(forms)
        case "-" if len(forms) == 1:
            return scaled(forms[0], Fraction(-1))
        case "-":
            return total([forms[0], *(scaled(one, Fraction(-1)) for one in forms[1:])])
        case "*":
            return product(forms)
    result = forms[0]
    for one in forms[1:]:
        if not one.is_constant:
            raise Refused("division by a variable", hint="only linear constraints are supported")
        if not one.value:
            raise InputError("division by zero", hint="check the constants")
        result = scaled(result, 1 / one.value)
    return result


def product(forms: Sequence[Linear]) -> Linear:
    varying = [one for one in forms if not one.is_constant]
    if len(varying) > 1:
        hint = "only linear constraints are supported: at most one factor may hold variables"
        raise Refused("product of variables", hint=hint)
    result = varying[0] if varying else Linear(constant=Fraction(1))
    for one in forms:
        if one is not result:
            result = scaled(result, one.value)
    return result


def scaled(form: Linear, factor: Fraction) -> Linear:
    form.factor *= factor
    if max(form.factor.numerator.bit_length(), form.factor.denominator.bit_length()) > BITS:
        raise InputError("a product of constants is beyond the range of numbers", hint="check the constants")
    return form


def total(forms: Sequence[Linear]) -> Linear:
    """The sum; the longest form takes up the others."""
    result = max(forms, key=lambda one: len(one.terms) if one.factor else -1)
    if not result.factor:
        return Linear()
    for one in forms:
        if one is result or not one.factor:
            continue
        ratio = one.factor / result.factor
        result.constant += ratio * one.constant
        for key, value in one.terms.items():
            result.terms[key] = result.terms.get(key, Fraction(0)) + ratio * value
    if max(result.constant.numerator.bit_length(), result.constant.denominator.bit_length()) > 4 * BITS:
        raise InputError("a sum of constants is beyond the range of numbers", hint="check the constants")
    return result
