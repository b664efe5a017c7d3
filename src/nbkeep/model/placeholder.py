"""What a session holds in place of a secret: a text that says so, and opens nothing."""

from __future__ import annotations

PREFIX = "nbkeep-placeholder-"


def placeholder(name: str) -> str:
    """Return what stands for the secret of this name.

    >>> placeholder("openai")
    'nbkeep-placeholder-openai'
    """
    return PREFIX + name


def is_placeholder(text: str) -> bool:
    """Tell whether a text stands for a secret."""
    return text.startswith(PREFIX)
