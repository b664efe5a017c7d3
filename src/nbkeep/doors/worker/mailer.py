"""Sends mail beside the other loops, in a thread of its own: a slow server holds up nobody."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nbkeep.meter import daily
from nbkeep.model.errors import NbkeepError
from nbkeep.model.ids import new_id
from nbkeep.outbox import compose, rules
from nbkeep.outbox.deliver import deliver, due, forget_old, note_settings
from nbkeep.people import link_mail

if TYPE_CHECKING:
    from nbkeep.outbox.compose import Composers
    from nbkeep.outbox.deliver import Outcome
    from nbkeep.sessions.interface import Parts

# Who makes the words of which kind of message.
COMPOSERS: Composers = {
    rules.LINK: link_mail.compose,
    rules.NOTICES: compose.notices,
    rules.REPORT: daily.compose,
}
_FORGET_EVERY_S = 3600.0
_log = logging.getLogger("nbkeep.worker")


@dataclass
class Mailer:
    """Has one thread while something is due; the office ends without waiting for it."""

    parts: Parts
    office_id: str = ""
    unnoted: dict[str, Outcome] = field(default_factory=dict[str, "Outcome"])
    _thread: threading.Thread | None = None
    _forgot_at_s: float | None = None

    def __post_init__(self) -> None:
        self.office_id = self.office_id or new_id("ofc", self.parts.clock.now())

    def round(self) -> None:
        """Begin to send what is due; returns at once."""
        note_settings(self.parts)
        now_s = self.parts.clock.monotonic_s()
        if self._forgot_at_s is None or now_s - self._forgot_at_s >= _FORGET_EVERY_S:
            forget_old(self.parts)
            self._forgot_at_s = now_s
        if self._thread is not None and self._thread.is_alive():
            return
        if self.unnoted or due(self.parts):
            self._thread = threading.Thread(target=self._send_all, daemon=True)
            self._thread.start()

    def wait(self, timeout_s: float) -> None:
        """Wait until what has begun is over, for tests."""
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _send_all(self) -> None:
        try:
            while deliver(self.parts, COMPOSERS, self.office_id, self.unnoted):
                pass
        except NbkeepError as error:
            _log.warning("Mail is not sent for now: %s", error)
        except Exception:  # noqa: BLE001 - logged with its trace; the next round tries again
            _log.exception("Sending mail failed; the next round tries again")
