"""Makes evidence packs, beside the other loops: a long journal holds up nobody."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import uuid4

from nbkeep.evidence.packs import build_next, is_due, take_up
from nbkeep.model.errors import NbkeepError

if TYPE_CHECKING:
    from nbkeep.sessions.interface import Parts

_log = logging.getLogger("nbkeep.worker")


@dataclass
class EvidenceBuilder:
    """Has one thread while packs wait; the office ends without waiting for it."""

    parts: Parts
    id: str = field(default_factory=lambda: uuid4().hex)
    _began: bool = False
    _thread: threading.Thread | None = None

    def round(self) -> None:
        """Begin what waits; returns at once."""
        if not self._began:
            if left := take_up(self.parts.store, self.parts.clock):
                _log.warning(
                    "%d evidence packs were in hand when the office ended; they are taken up again", left
                )
            self._began = True
        if (self._thread is None or not self._thread.is_alive()) and is_due(self.parts.store, self.id):
            self._thread = threading.Thread(target=self._build_all, daemon=True)
            self._thread.start()

    def wait(self, timeout_s: float) -> None:
        """Wait until what has begun is over, for tests."""
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _build_all(self) -> None:
        try:
            take_up(self.parts.store, self.parts.clock, self.id)
            while build_next(self.parts.store, self.parts.clock, self.parts.settings, self.id):
                pass
        except NbkeepError as error:
            _log.warning("Evidence is not built for now: %s", error)
        except Exception:  # noqa: BLE001 - logged with its trace; the pack says that it failed
            _log.exception("Making an evidence pack failed")
