"""VNN-LIB files, versions 1.0 and 2.0, as properties of a network.

``scan.py`` tokens, ``parser.py`` a loop over them that keeps its own stack (nesting costs no recursion), ``frames.py``
and/or/not as a conjunction of disjunctions, ``arithmetic.py`` linear sums in fractions, ``declarations.py`` what the
names stand for, ``atoms.py`` comparisons as bounds and rows, ``cases.py`` the disjunctive normal form with merged
boxes, ``query.py`` the result, ``reader.py`` files in, ``property.py`` the task for a network.
"""
