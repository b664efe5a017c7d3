"""As whom a connection is logged in: the declared role, or the one that was made for the session. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, cast

_LONGEST = 63


@dataclass(frozen=True)
class Credential:
    """A role and its password."""

    role: str
    password: str = field(repr=False)

    @property
    def text(self) -> str:
        """It as a lease's value."""
        return json.dumps({"user": self.role, "password": self.password})


def credential(role: str, value: str) -> Credential:
    """Return as whom to log in with a value; `role`: the declared one, "" where each session has its own.

    Raises ValueError, which repeats nothing of it.
    """
    if role:
        return Credential(role, value)
    try:
        found: Any = json.loads(value)
    except ValueError:
        raise ValueError("not a credential") from None
    told = cast("dict[str, Any]", found) if isinstance(found, dict) else {}
    user, password = told.get("user"), told.get("password")
    if not isinstance(user, str) or not isinstance(password, str) or not password:
        raise ValueError("not a credential")
    if not 0 < len(user) <= _LONGEST or not user.isprintable():  # a zero would end it in the first message
        raise ValueError("not a credential")
    return Credential(user, password)
