"""Which texts were looked through and had nothing in them, so that a save looks only through what is new."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .interface import Hint
    from .spans import Look

_MOST = 20_000  # some three megabytes
_SHORT = 500  # characters: looked through in the time that it takes to know them again


class Clean:
    """Hashes of texts in which a detector found nothing. Of one process, written nowhere; for one thread.

    A text is known by its SHA-256 together with all that decides about it, so what counts as clean was looked
    at in just this way; asked for another detector, it begins anew. What was found in a text is not kept.
    """

    def __init__(self, most: int = _MOST) -> None:
        """`most`: how many texts; the ones not met for longest are forgotten."""
        self._most = most
        self._known: OrderedDict[bytes, None] = OrderedDict()
        self._look: Look | None = None

    def key(self, text: str, hint: Hint, look: Look) -> bytes | None:
        """Return what a text is known by, or None where that is not worth it. The text has no surrogates."""
        if len(text) < _SHORT:
            return None
        if self._look is None or not _is_same(self._look, look):
            self._known.clear()
            self._look = look
        about = repr((hint.kind, hint.column, hint.name)).encode("ascii", "backslashreplace")
        # With its length: what a text begins with is never taken for a hint.
        digest = hashlib.sha256(len(about).to_bytes(8) + about)
        digest.update(text.encode())
        return digest.digest()

    def has(self, key: bytes) -> bool:
        """Return whether there was nothing in the text with this key."""
        if key not in self._known:
            return False
        self._known.move_to_end(key)
        return True

    def add(self, key: bytes) -> None:
        """Remember that there was nothing in the text with this key."""
        self._known[key] = None
        if len(self._known) > self._most:
            self._known.popitem(last=False)


def _is_same(one: Look, other: Look) -> bool:
    """Return whether both find the same in a text."""
    return one.detector is other.detector and one.kinds == other.kinds and one.rules == other.rules
