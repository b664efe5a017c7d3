"""Sortable, prefixed identifiers such as `ses_06f3k2m9q1x8d4ztw7ha`."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no i, l, o, u
ID_PATTERN = re.compile(r"^[a-z]{3}_[0-9a-hjkmnp-tv-z]{20}$")


def new_id(prefix: str, now: datetime) -> str:
    """Return `prefix_` + 10 characters of milliseconds (50 bits) + 10 random ones (50 bits).

    Ids made in different milliseconds sort by time. Kept short because they become part of unix
    socket paths, which end at 107 bytes (unix(7)).
    """
    value = (int(now.timestamp() * 1000) << 50) | secrets.randbits(50)
    return prefix + "_" + "".join(_ALPHABET[(value >> shift) & 31] for shift in range(95, -1, -5))
