"""Whom something is granted to, in words: the one place where they are read and written."""

from __future__ import annotations

import re

from .actor import Role
from .errors import invalid

EVERYONE = "everyone"
USER, PROJECT, ROLE = "user:", "project:", "role:"
GRANTEE_WORDS = "user:NAME, project:NAME, role:ROLE or everyone"
_NAME = re.compile(r"[a-z][a-z0-9-]{0,29}")  # of a user, and of a project


def is_name(text: str) -> bool:
    """Tell whether a user or a project may have this name."""
    return _NAME.fullmatch(text) is not None


def parse_grantee(text: str) -> str:
    """Return whom a grant is to, in the form that is stored; raise `Refused` (400) for anything else.

    Whether there is such a user or project is not asked.

    >>> parse_grantee("role:user"), parse_grantee(" project:orion ")
    ('role:notebook.user', 'project:orion')
    """
    kind, colon, name = text.strip().partition(":")
    if text.strip() == EVERYONE:
        return EVERYONE
    if kind + colon in {USER, PROJECT} and is_name(name):
        return f"{kind}:{name}"
    if kind + colon == ROLE:
        full = name if name.startswith("notebook.") else f"notebook.{name}"
        if full in {role.value for role in Role}:
            return f"role:{full}"
    raise invalid("grant", f"{text[:60]!r} is nobody to whom something can be granted.",
                  f"Write {GRANTEE_WORDS}; roles are user, admin and reviewer.")  # fmt: skip
