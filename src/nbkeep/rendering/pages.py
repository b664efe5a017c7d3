"""Words and attributes as HTML and XML have them."""

from __future__ import annotations

from html import escape


def words(text: str) -> str:
    """Return a text so that it is a text in HTML and XML."""
    return escape(text, quote=False)


def attribute(text: str) -> str:
    """Return a text so that it can stand between double quotes, as one value."""
    return escape(text, quote=True).replace("\n", " ")
