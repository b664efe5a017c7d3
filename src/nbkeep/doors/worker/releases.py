"""Has documents copied, examined and judged that somebody asked to let leave, beside the other loops."""

from __future__ import annotations

import logging
import shutil
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import select

from nbkeep.detection.asking import Asker
from nbkeep.model.errors import NbkeepError
from nbkeep.releases.copy import copy_document
from nbkeep.releases.examine import examine_document
from nbkeep.releases.forget import forget_documents, lapse_releases
from nbkeep.releases.values import IN_WORK
from nbkeep.rendering.kept import Documents
from nbkeep.store.release_tables import ReleaseRow

if TYPE_CHECKING:
    from nbkeep.releases.interface import Make
    from nbkeep.sessions.interface import Parts

_log = logging.getLogger("nbkeep.worker")
AT_ONCE = 2  # each may take two minutes, and half a gigabyte of memory
_AGAIN_S = 10.0  # after the node, or the disk, said no
_SWEEP_EVERY_S = 3600.0


@dataclass
class ReleaseExaminer:
    """Has a thread for each of a few documents; the office ends without waiting for them.

    What is in hand stands in no row: whatever is copying or examining when an office begins is begun again.
    """

    parts: Parts
    make: Make
    asker: Asker = field(default_factory=Asker)
    _in_hand: dict[str, threading.Thread] = field(default_factory=dict[str, threading.Thread])
    _users: dict[str, str] = field(default_factory=dict[str, str])
    _not_before_s: dict[str, float] = field(default_factory=dict[str, float])
    _began: bool = False
    _swept_at_s: float | None = None

    @property
    def documents(self) -> Documents:
        """Where documents lie."""
        return Documents(self.parts.settings.documents_dir)

    def round(self) -> None:
        """End what is over, begin what waits; returns at once."""
        if not self._began:
            shutil.rmtree(self._work, ignore_errors=True)  # what an office before this one was at
            self._began = True
        lapse_releases(self.parts.store, self.parts.clock)
        for release_id, thread in list(self._in_hand.items()):
            if not thread.is_alive():
                del self._in_hand[release_id], self._users[release_id]
        now_s = self.parts.clock.monotonic_s()
        if self._swept_at_s is None or now_s - self._swept_at_s >= _SWEEP_EVERY_S:
            if self._in_hand:
                return  # begins nothing more until it has swept: see `forget_documents`
            self._swept_at_s = now_s  # first: a sweep that fails is tried in an hour, and holds nobody up
            forget_documents(self.parts.store, self.parts.clock, self.parts.settings, self.documents)
        for release_id, user_id in self._due(now_s)[: AT_ONCE - len(self._in_hand)]:
            thread = threading.Thread(target=self._do, args=(release_id,), daemon=True)
            self._in_hand[release_id], self._users[release_id] = thread, user_id
            thread.start()

    def wait(self, timeout_s: float) -> None:
        """Wait until what has begun is over, for tests."""
        for thread in list(self._in_hand.values()):
            thread.join(timeout_s)

    @property
    def _work(self) -> Path:
        return self.parts.settings.documents_dir / "work"

    def _due(self, now_s: float) -> list[tuple[str, str]]:
        """Return what can be begun, with its author: first of those of whom nothing is in hand."""
        query = select(ReleaseRow.id, ReleaseRow.user_id).where(ReleaseRow.state.in_(IN_WORK))
        with self.parts.store.read() as tx:
            waits = [(row.id, row.user_id) for row in tx.execute(query.order_by(ReleaseRow.requested_at))]
        self._not_before_s = {one: at_s for one, at_s in self._not_before_s.items() if at_s > now_s}
        due = [one for one in waits if one[0] not in self._in_hand and one[0] not in self._not_before_s]
        busy, fair = set(self._users.values()), list[tuple[str, str]]()
        for one in due:
            if one[1] not in busy:
                fair.append(one)
                busy.add(one[1])
        return [*fair, *(one for one in due if one not in fair)]

    def _do(self, release_id: str) -> None:
        parts = self.parts
        try:
            self._work.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=self._work, ignore_cleanup_errors=True) as folder:
                work = Path(folder)
                copy_document(
                    parts.store, parts.clock, parts.settings, self.documents, parts.backend, release_id, work
                )
                examine_document(
                    parts.store,
                    parts.clock,
                    parts.settings,
                    self.documents,
                    self.make,
                    release_id,
                    work,
                    self.asker,
                )
        except (NbkeepError, OSError) as error:
            _log.warning("%s is not examined for now: %s", release_id, error)
            self._not_before_s[release_id] = parts.clock.monotonic_s() + _AGAIN_S
        except Exception:  # noqa: BLE001 - logged with its trace; it is tried again, and then fails
            _log.exception("Examining %s failed; it is tried again", release_id)
            self._not_before_s[release_id] = parts.clock.monotonic_s() + _AGAIN_S
