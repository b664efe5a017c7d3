"""How sensitive data is, lowest first. Words and their order, used by profiles, datasets and sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

CLASSIFICATIONS = ("public", "internal", "confidential", "pii")
PII = "pii"


def is_higher(one: str, other: str) -> bool:
    """Tell whether data of one class is more sensitive than that of another; "" is below all.

    >>> is_higher("pii", "internal"), is_higher("internal", "internal"), is_higher("public", "")
    (True, False, True)
    """
    return _rank(one) > _rank(other)


def highest(classes: Iterable[str]) -> str:
    """Return the most sensitive of these, "" for none.

    >>> highest(["internal", "pii", "public"]), highest([])
    ('pii', '')
    """
    return max(classes, key=_rank, default="")


def _rank(name: str) -> int:
    return CLASSIFICATIONS.index(name) if name else -1
