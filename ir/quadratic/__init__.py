"""Arrays of quadratic and Ising energies, and how a problem becomes them. No solvers, no files."""
