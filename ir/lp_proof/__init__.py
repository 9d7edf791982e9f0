"""What the ``lp-tree`` certificate rests on: a problem as linear rows, and bounds from multipliers that round outward.

``entries.py`` terms as entries, ``rows.py`` and ``model.py`` the rows and bounds of a problem, ``products.py`` products
of variables and ``bends.py`` relus as columns of their own, ``leaves.py`` what multipliers prove over a box,
``unbounded.py`` the same where columns have no bounds, ``tree.py`` how a proof is written down.
"""
