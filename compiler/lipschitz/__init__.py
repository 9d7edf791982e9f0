"""Lipschitz constants of networks: patterns of slopes, their Ising and polynomial forms, and published estimates."""
