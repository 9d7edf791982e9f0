"""Certified upper bounds of formal Lipschitz constants of deep networks: vector networks, their duals, branching."""
