"""How sensitive data is, lowest first. Words and their order, used by profiles, datasets and sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

CLASSIFICATIONS = ("public", "internal", "confidential", "pii")
PII = "pii"
_KNOWN = frozenset({"", *CLASSIFICATIONS})


def is_higher(one: str, other: str) -> bool:
    """Tell whether data of one class is more sensitive than that of another; "" is below all.

    A class that is not known (another release may have written it) is above all, and clears for nothing.

    >>> is_higher("pii", "internal"), is_higher("internal", "internal"), is_higher("public", "")
    (True, False, True)
    >>> is_higher("secret", "pii"), is_higher("public", "secret"), is_higher("secret", "secret")
    (True, True, True)
    """
    return other not in _KNOWN or _rank(one) > _rank(other)


def highest(classes: Iterable[str]) -> str:
    """Return the most sensitive of these, "" for none.

    >>> highest(["internal", "pii", "public"]), highest([]), highest(["pii", "secret"])
    ('pii', '', 'secret')
    """
    return max(classes, key=_rank, default="")


def _rank(name: str) -> int:
    if not name:
        return -1
    return CLASSIFICATIONS.index(name) if name in CLASSIFICATIONS else len(CLASSIFICATIONS)
