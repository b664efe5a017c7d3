"""Looks for what is unusual, beside the other loops: seconds of reading hold up no deadline and no beat."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from nbkeep.anomalies.gpus import LOOK_EVERY_S as GPUS_EVERY_S
from nbkeep.anomalies.gpus import Gpus
from nbkeep.anomalies.raise_alarms import LOOK_EVERY_S, Watch
from nbkeep.anomalies.values import KINDS
from nbkeep.model.errors import NbkeepError
from nbkeep.sessions.storage import note_storage, unnoted

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbkeep.anomalies.values import Kind
    from nbkeep.sessions.interface import Parts

_HOMES_EVERY_S = 3600.0
_HOMES_AT_ONCE = 500
_log = logging.getLogger("nbkeep.worker")


@dataclass
class Watcher:
    """The looks of one office: alarms every five minutes, GPUs every minute, homes once a day each."""

    parts: Parts
    step: Callable[[str, Callable[[], object]], bool]
    _gpus: Gpus = field(default_factory=Gpus)
    _watch: Watch | None = None
    _done_at_s: dict[str, float] = field(default_factory=dict[str, float])
    _measuring: threading.Thread | None = None

    def round(self) -> None:
        """Do what is due. A step that fails is logged, and comes again when it is due."""
        parts = self.parts
        if self._is_due("gpus", GPUS_EVERY_S):
            self.step("GPUs", lambda: self._gpus.look(parts.store, parts.clock, parts.backend))
        if self._is_due("alarms", LOOK_EVERY_S):
            for kind in KINDS:
                self.step(f"alarms about {kind}", lambda kind=kind: self._look(kind))
        if self._is_due("homes", _HOMES_EVERY_S):
            self.note_homes()

    def note_homes(self) -> None:
        """Begin to note what is stored; returns at once. The office ends without waiting for it."""
        if self._measuring is None or not self._measuring.is_alive():
            self._measuring = threading.Thread(target=self._note_homes, daemon=True)
            self._measuring.start()

    def wait(self, timeout_s: float) -> None:
        """Wait until what was begun is over, for tests."""
        if self._measuring is not None:
            self._measuring.join(timeout_s)

    def _look(self, kind: Kind) -> None:
        if self._watch is None:
            self._watch = Watch(self.parts.settings.currency)
        self._watch.look(self.parts.store, self.parts.clock, kind)

    def _note_homes(self) -> None:
        tried: set[str] = set()
        while True:
            day = f"{self.parts.clock.now():%Y-%m-%d}"
            with self.parts.store.read() as tx:
                waiting = [one for one in unnoted(tx, day, _HOMES_AT_ONCE + len(tried)) if one not in tried]
            if not waiting:
                return
            for user_id in waiting:
                tried.add(user_id)
                try:
                    note_storage(self.parts, user_id)
                except (NbkeepError, SQLAlchemyError):
                    # One home must not keep all others from being noted; the next hour tries it again.
                    _log.exception("The storage of %s was not noted", user_id)

    def _is_due(self, name: str, every_s: float) -> bool:
        now_s, before_s = self.parts.clock.monotonic_s(), self._done_at_s.get(name)
        if before_s is not None and now_s - before_s < every_s:
            return False
        self._done_at_s[name] = now_s
        return True
