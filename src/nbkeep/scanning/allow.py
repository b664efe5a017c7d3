"""`nbkeep:allow RULE reason` beside a finding: somebody says that it is none, and why."""

from __future__ import annotations

import re

_MARK = "nbkeep:allow"
_ALLOW = re.compile(r"nbkeep:allow[ \t]+([\w*.-]+)[ \t:,]+(\S[^\r\n]*)")
_LEAST_REASON = 3


def allowed(line: str, rule: str) -> str:
    """Return the reason why this line may have a finding of this rule, or "" where there is none.

    >>> allowed("key = 'AKIA…'  # nbkeep:allow aws-key the example of the manual", "aws-key")
    'the example of the manual'
    >>> allowed("key = 'AKIA…'  # nbkeep:allow aws-key", "aws-key")
    ''
    """
    if _MARK not in line:
        return ""
    for found in _ALLOW.finditer(line):
        reason = found[2].strip().removesuffix("-->").removesuffix("*/").strip()
        if found[1] == rule and len(reason) >= _LEAST_REASON:
            return reason[:200]
    return ""
