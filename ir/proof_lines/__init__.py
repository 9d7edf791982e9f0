"""Linear bounds of functions for the checking of certificates, one file per function, found by its name."""
