"""A fingerprint of what a cell shows, taken while it is sent."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from typing import Any

from .isolated import attempt

_CHARS = 1 << 20  # of a cell's output; of more, nothing is said
_MESSAGE = 1000  # what a message counts: a flood of them is not to cost more for it
# Messages by which a cell shows something that its code alone does not tell.
_UNTOLD = frozenset({"comm_open", "comm_msg", "input_request"})


class Shown:
    """What one run of a cell shows; two runs that show the same have the same `digest`."""

    def __init__(self) -> None:
        self._parts: Any = defaultdict(lambda: hashlib.blake2b(digest_size=16))
        self._left = _CHARS

    @property
    def digest(self) -> str:
        """The fingerprint; "" when it is not known."""
        told = [(name, part.hexdigest()) for name, part in sorted(self._parts.items())]
        return hashlib.blake2b(repr(told).encode(), digest_size=16).hexdigest() if self._left > 0 else ""

    def take(self, kind: str, content: Any) -> None:
        """Take what a message to the browsers shows; never fails."""
        if self._left > 0:
            attempt(lambda: self._take(kind, content))

    def _take(self, kind: str, content: dict[str, Any]) -> None:
        if kind == "stream":
            # A text comes in pieces, which are cut differently each time.
            self._add(str(content["name"]), str(content["text"]))
        elif kind in ("display_data", "execute_result", "update_display_data"):
            self._add("", json.dumps([kind, content["data"]], sort_keys=True, default=repr))
        elif kind == "error":
            self._add("", json.dumps([kind, content["ename"], content["evalue"]]))
        elif kind == "clear_output":
            self._add("", kind)
        elif kind in _UNTOLD:
            self._left = 0

    def _add(self, part: str, text: str) -> None:
        self._left -= len(text) + _MESSAGE
        if self._left > 0:
            self._parts[part].update(text.encode("utf-8", "replace"))
