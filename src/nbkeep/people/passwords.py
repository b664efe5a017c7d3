"""Passwords: hashed with argon2id, verified in the same time for people who exist and people who do not."""

from __future__ import annotations

from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

# RFC 9106, second recommended option (64 MiB); about 50 ms. Each concurrent sign-in costs that much memory.
_HASHER = PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=4)


def hash_password(password: str) -> str:
    """Return the argon2id hash, with parameters and salt. Slow on purpose: call it outside transactions."""
    return _HASHER.hash(password)


def verify_password(stored: str | None, password: str) -> bool:
    """Tell whether a password belongs to a stored hash; None (nobody, or no password yet) takes as long."""
    try:
        matches = _HASHER.verify(stored or _nobody(), password)
    except (VerificationError, InvalidHashError):
        return False
    return matches and stored is not None


def needs_rehash(stored: str) -> bool:
    """Tell whether a hash was made with older, weaker parameters than today's."""
    return _HASHER.check_needs_rehash(stored)


@cache
def _nobody() -> str:
    return _HASHER.hash("a password that nobody has")
