"""The organisation's own rules, as this session has them: fetched from the office when they change.

Invariant: while the office has told of rules that are not here, nothing counts as examined.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_BYTES = 2 << 20


@dataclass(frozen=True, slots=True)
class Rules:
    """Rules, TOML in UTF-8, and their SHA-256 in hex; `data` is None while they have not arrived."""

    sha256: str = ""
    data: bytes | None = b""

    def opened(self) -> int:
        """Return them as an open file in memory, which the caller closes."""
        file = os.memfd_create("rules", os.MFD_CLOEXEC)
        left = memoryview(self.data or b"")
        while left:
            left = left[os.write(file, left) :]
        return file


class OwnRules:
    """What holds now. Changed on the loop alone; may be read from any thread."""

    def __init__(self) -> None:
        self.now = Rules()

    def heed(self, view: Mapping[str, Any]) -> bool:
        """Note what a view of the session tells, and return whether rules are to be fetched."""
        told = view.get("own_rules", "")
        sha256 = told if isinstance(told, str) else "unknown"
        if sha256 != self.now.sha256:
            self.now = Rules(sha256, None if sha256 else b"")
        return self.now.data is None

    def take(self, told: Mapping[str, Any]) -> None:
        """Keep what was fetched, if it is what the last view told of; else it is fetched again."""
        text = told.get("text")
        data = text.encode("utf-8", "replace") if isinstance(text, str) else b""
        if len(data) <= MOST_BYTES and hashlib.sha256(data).hexdigest() == self.now.sha256:
            self.now = Rules(self.now.sha256, data)
