"""Sizes as people read them."""

from __future__ import annotations

_MIB, _GIB = 1 << 20, 1 << 30


def size_words(count: int | None) -> str:
    """Return "580 MiB" or "7.9 GiB": 0.6 of 0.6 GiB would hide what little there is. None is "unknown".

    >>> size_words(600 << 20), size_words(8 << 30), size_words(None)
    ('600 MiB', '8 GiB', 'unknown')
    """
    if count is None:
        return "unknown"
    if count < _GIB:
        return f"{count // _MIB} MiB"
    return f"{count / _GIB:.1f} GiB".replace(".0 GiB", " GiB")
