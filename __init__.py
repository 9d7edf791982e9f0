"""isinglass: discrete problems and questions about neural networks, compiled for QUBO, Ising and MILP solvers."""

__version__ = "0.1.0"
