"""The organisation's own rules, as this gateway has them: fetched from the office when they change.

Invariant: while the office has told of rules that are not here, nothing counts as examined.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nbkeep.model.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

log = logging.getLogger("nbkeep.gateway")

_MOST_BYTES = 2 << 20
_PAUSE_S = 0.5  # also where they changed again meanwhile: the office tells of that itself


@dataclass(frozen=True, slots=True)
class Rules:
    """Rules, TOML in UTF-8, and their SHA-256 in hex, "" for none; `data` is None while they are not here."""

    sha256: str = ""
    data: bytes | None = field(default=b"", repr=False)

    def opened(self) -> int:
        """Return them as an open file in memory, which the caller closes; raises OSError."""
        file = os.memfd_create("rules", os.MFD_CLOEXEC)
        left = memoryview(self.data or b"")
        while left:
            left = left[os.write(file, left) :]
        return file


class OwnRules:
    """What holds now. `hear` takes from the office which, `follow` fetches them."""

    def __init__(self) -> None:
        self.now = Rules()
        self._changed = asyncio.Event()

    def hear(self, told: Mapping[str, Any]) -> None:
        """Put what the office tells (`own_rules` of its answer) in force; raises ValueError before that."""
        sha256: object = told.get("own_rules", "")
        if not isinstance(sha256, str):
            raise ValueError("no hash of own rules")
        if sha256 != self.now.sha256:
            self.now = Rules(sha256, None if sha256 else b"")
            self._changed.set()

    def take(self, told: Mapping[str, Any]) -> None:
        """Keep what was fetched, if it is what the office told of last."""
        text = told.get("text")
        data = text.encode("utf-8", "replace") if isinstance(text, str) else b""
        if len(data) <= _MOST_BYTES and hashlib.sha256(data).hexdigest() == self.now.sha256:
            self.now = Rules(self.now.sha256, data)

    async def follow(self, fetch: Callable[[], Awaitable[Mapping[str, Any]]]) -> None:
        """Fetch what is not here, for ever: once for each change, and again while that does not help."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            while self.now.data is None:
                try:
                    self.take(await fetch())
                except Unavailable as error:
                    log.warning("%s The organisation's own rules are not here yet.", error)
                if self.now.data is None:
                    await asyncio.sleep(_PAUSE_S)
