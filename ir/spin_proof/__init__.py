"""What the numbers on the leaves of a spin tree prove: the arithmetic of the checker, which finders may call."""
