"""What is supported, in the words of the VNN-LIB 2.0 standard: the answers of ``isinglass supports``.

Theories are listed with those that they contain. ``real`` is the only element type: an ``unsat`` is about real
arithmetic, and what it means for float32 is for whoever asks to judge. Disjunctions are multiplied out.
"""

from __future__ import annotations

THEORIES = {
    "vnnlib-versions": ("1.0", "2.0"),
    "onnx-element-types": ("real",),
    "hidden-node-theories": ("NH",),
    "multiple-input-output-theories": ("SIO",),
    "multiple-network-theories": ("SNET",),
    "multiple-node-comparison-theories": ("SNC", "MNC"),
    "arithmetic-complexity-theories": ("BND", "COUT", "LIN"),
    "optimised-disjunctive-reasoning": ("false",),
    "serialise-assignments": ("true",),
    "unsat-proofs": ("false",),
}


def capability(name: str) -> list[str]:
    """The lines to print for a capability, named as the option of the command is."""
    if name == "onnx-operators":
        from ..networks.nodes import supported_operators

        return supported_operators()
    if name == "onnx-opset-versions":
        from ..networks.model_file import OPSETS

        return [str(OPSETS[0]), str(OPSETS[-1])]
    return list(THEORIES[name])
