"""Tokens of VNN-LIB: one match per plain comparison ``(<= X_3 0.5)``, which is what nearly all of a file consists of.

Quantifiers are possessive and the sign is atomic, so that matching takes time linear in the text whatever it holds.
"""

from __future__ import annotations

import re

OPERAND = r'[^\s()\[\]"]++(?:\s*+\[[^\[\]()"]*+\])?+'
"""A number, a name, or a name with indices: ``X[0, 3]``."""
TOKEN = re.compile(
    rf"\(\s*+(?:((?><=|>=|==|!=|<|>|=))\s*+({OPERAND})\s++({OPERAND})\s*+\)|([^\s()\[\]\"]*+))"
    rf'|({OPERAND}|"[^"\n]*+")|(\))|(\S)'
)
"""Groups: sign, left, right of a plain comparison; head of any other list (maybe empty); word; ``)``; what is none."""
COMPARISON, OPEN, WORD, CLOSE = 3, 4, 5, 6
"""The last group of each kind of match."""
_COMMENT = re.compile(r'"[^"\n]*"|;[^\n]*')


def without_comments(text: str) -> str:
    """The text with comments (``;`` to the end of the line) as spaces, so that places stay what they were."""
    return _COMMENT.sub(lambda found: found[0] if found[0][0] == '"' else " " * len(found[0]), text)
