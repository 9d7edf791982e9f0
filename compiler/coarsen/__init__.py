"""Ising problems larger than the device: signed coarsening, block re-solves, blocks on one cooling schedule."""
