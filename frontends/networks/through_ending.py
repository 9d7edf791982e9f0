"""Claims about the outputs of Softmax, LogSoftmax or ArgMax as claims about its scores, exactly or not at all.

Softmax is increasing: a row ``a (y_i - y_j) >= 0`` says the same of outputs and of scores. LogSoftmax subtracts one
number from all scores, so that every row whose coefficients of outputs add up to zero says the same of both. Such rows
stay as they are, and that is why they may be evaluated on the real scores as well as on the float32 outputs of the
file; all other rows are refused. The index of ArgMax lies in a set S of labels where some label m in S beats all labels
that are not in S; of equal scores the one that comes first (or last) wins. These rows hold for scores just where they
hold for the index as a unit vector, 1 at the index and 0 elsewhere.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import sparse
from scipy.special import log_softmax, softmax

from ...ir.affine import Affine
from ...ir.errors import Refused
from ...ir.exact import Exact
from ...ir.operators.csr import Csr
from ...ir.types import BoolArray, FloatArray, IntArray
from ...ir.unsafe import UnsafeSet
from .network import Network

MOST_ROWS = 1_000_000
"""Rows that claims about an index may become."""


def through_ending(network: Network, unsafe: UnsafeSet, outputs: str) -> UnsafeSet:
    """The unsafe set with block ``outputs`` holding the scores instead of the network's outputs.

    Raises :class:`Refused` for rows that say nothing about scores (``y[0] >= 0.5`` after a Softmax).
    """
    if not network.ending or outputs not in unsafe.forms.parts:
        return unsafe
    if network.ending.startswith("argmax"):
        return of_labels(network, unsafe, outputs)
    rows = unsafe.forms.parts[outputs].to_csr()
    wrong = np.flatnonzero(~fine(network.ending, unsafe, rows, outputs))
    if wrong.size:
        text = unsafe.texts[unsafe.case[wrong[0]]]
        message = f"{network.path} ends with {network.ending}, and {text!r} does more than compare its outputs"
        hint = "compare two outputs (y[0] >= y[1]), or export the network without its last operator"
        raise Refused(message, code="ending", hint=hint)
    return unsafe


def file_outputs(network: Network, scores: FloatArray) -> FloatArray:
    """What the file's last operator makes of scores [k], in float64."""
    if network.ending.startswith("argmax"):
        last = network.ending.endswith("last")
        return np.array([len(scores) - 1 - scores[::-1].argmax() if last else scores.argmax()], dtype=np.float64)
    if network.ending:
        return np.asarray(log_softmax(scores) if network.ending == "log-softmax" else softmax(scores))
    return scores


def fine(ending: str, unsafe: UnsafeSet, rows: sparse.csr_array, outputs: str) -> BoolArray:
    """Which rows say the same of outputs and of scores."""
    size = np.diff(rows.indptr)
    numbers = Exact.of(np.asarray(rows.data, dtype=np.float64), unsafe.reading).top
    total = np.zeros(len(size), dtype=object)
    np.add.at(total, np.repeat(np.arange(len(size)), size), numbers)
    alone = np.asarray(total == 0, dtype=np.bool_)
    if ending == "softmax":
        alone &= (size == 2) & (unsafe.forms.offset == 0)
        for name, operator in unsafe.forms.parts.items():
            alone &= (name == outputs) | (np.diff(operator.to_csr().indptr) == 0)
    return np.asarray(alone | (size == 0))


def of_labels(network: Network, unsafe: UnsafeSet, outputs: str) -> UnsafeSet:
    """Rows about the index as rows about scores: a case for every label that may be the greatest."""
    labels, last = network.layers[-1].size, network.ending.endswith("last")
    about, allowed = meaning(network, unsafe, outputs, labels)
    source: list[IntArray] = []
    better: list[IntArray] = []
    worse: list[IntArray] = []
    case: list[int] = []
    none = np.array([-1])
    for k in range(unsafe.count):
        rows = np.arange(unsafe.start[k], unsafe.start[k + 1])
        kept, inside = rows[~about[rows]], np.flatnonzero(allowed[rows].all(axis=0))
        outside = np.setdiff1d(np.arange(labels), inside)
        if sum(map(len, source)) + len(inside) * (len(kept) + len(outside) + 1) > MOST_ROWS:
            hint = "state parts of the property as properties of their own"
            message = f"a property of {network.path} becomes more than {MOST_ROWS:,} rows"
            raise Refused(message, code="ending", hint=hint)
        for label in inside[:1] if not len(outside) else inside:
            rest = none if not len(kept) + len(outside) else none[:0]  # a case has at least one row: 0 >= 0
            source.append(np.concatenate([kept, np.full(len(outside), -1), rest]))
            better.append(np.concatenate([np.full(len(kept), -1), np.full(len(outside), label), rest]))
            worse.append(np.concatenate([np.full(len(kept), -1), outside, rest]))
            case.append(k)
    return assembled(unsafe, outputs, labels, last, source, better, worse, np.array(case, dtype=np.int64))


def meaning(network: Network, unsafe: UnsafeSet, outputs: str, labels: int) -> tuple[BoolArray, BoolArray]:
    """Which rows [M] are about the index, and for which labels [M, labels] they hold; true for all others."""
    factor = unsafe.forms.parts[outputs].to_dense()[:, 0]
    about = factor != 0
    others = [op.to_csr() for name, op in unsafe.forms.parts.items() if name != outputs]
    mixed = [row for row in np.flatnonzero(about) if any(np.diff(op.indptr)[row] for op in others)]
    if mixed:
        text = unsafe.texts[unsafe.case[mixed[0]]]
        hint = "compare the index with a number"
        raise Refused(f"{network.path} ends with argmax, and {text!r} adds inputs to it", code="ending", hint=hint)
    held = np.ones((len(factor), labels), dtype=np.bool_)
    slope, offset = (Exact.of(side[about], unsafe.reading) for side in (factor, unsafe.forms.offset))
    value = slope.top[:, None] * np.arange(labels).astype(object) * offset.bottom + (offset.top * slope.bottom)[:, None]
    held[about] = np.where(unsafe.strict[about][:, None], value > 0, value >= 0).astype(np.bool_)
    return about, held


def assembled(
    unsafe: UnsafeSet,
    outputs: str,
    labels: int,
    last: bool,
    source: list[IntArray],
    better: list[IntArray],
    worse: list[IntArray],
    case: IntArray,
) -> UnsafeSet:
    """The set of rows ``source`` of the old one, and ``score[better] - score[worse]``; -1 stands for neither."""
    row, m, n = (np.concatenate([np.zeros(0, np.int64), *parts]) for parts in (source, better, worse))
    pairs = np.flatnonzero(m >= 0)
    signs = np.repeat([1.0, -1.0], len(pairs))
    scores = sparse.csr_array((signs, (np.tile(pairs, 2), np.concatenate([m[pairs], n[pairs]]))), (len(row), labels))
    parts = {outputs: Csr.of(scores)}
    for name, operator in unsafe.forms.parts.items():
        if name != outputs:
            old = operator.to_csr()
            padded = sparse.vstack([old, sparse.csr_array((1, old.shape[1]))], format="csr")
            parts[name] = Csr.of(padded[row])
    first = n < m if not last else n > m  # an equal score that would win
    strict = np.append(unsafe.strict, False)[row] | ((m >= 0) & first)
    texts = tuple(unsafe.texts[k] for k in case.tolist())
    return replace(
        unsafe,
        forms=Affine(np.append(unsafe.forms.offset, 0.0)[row], parts),
        strict=strict,
        start=np.concatenate([[0], np.cumsum([len(part) for part in source])]).astype(np.int64),
        region=unsafe.region[case],
        texts=texts,
    )
