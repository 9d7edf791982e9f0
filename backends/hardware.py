"""Sizes of machines that take Ising problems, for a count-based fit: necessary conditions, no embedding is tried.

Qubits, couplers and degrees are those of a fault-free chip of the family (the graphs ``pegasus_graph(16)`` and
``zephyr_graph(12)`` of dwave-graphs 1.2); ``clique`` is the largest complete graph that minorminer's busclique embeds
in them. A complete graph needs no embedding on machines with all-to-all coupling.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Machine:
    """``degree``: most couplers at one qubit. ``clique``: largest complete graph known to embed."""

    name: str
    qubits: int
    couplers: int
    degree: int
    clique: int


def complete(qubits: int) -> Machine:
    """All-to-all coupling."""
    return Machine(f"all-to-all machine, {qubits:,} spins", qubits, qubits * (qubits - 1) // 2, qubits - 1, qubits)


MACHINES = (
    Machine("Pegasus P16 annealer", 5640, 40_484, 15, 180),
    Machine("Zephyr Z12 annealer", 4800, 45_864, 20, 184),
    complete(100),
    complete(1000),
    complete(100_000),
)


def fit(machine: Machine, variables: int, couplers: int, greatest_degree: int) -> str:
    """``fits``, ``may fit`` or ``too large``, from counts alone."""
    if variables <= machine.clique:
        return "fits (any graph of this size does)"
    if variables > machine.qubits or couplers > machine.couplers:
        return "too large"
    if greatest_degree > machine.degree:
        # a variable of degree d needs a chain of at least (d - 2) / (degree - 2) qubits
        chain = -(-(greatest_degree - 2) // (machine.degree - 2))
        return f"may fit, with chains (of at least {chain} qubits for the busiest variable)"
    return "may fit"
