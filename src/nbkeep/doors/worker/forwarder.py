"""Sends the journal on, beside the other loops: a destination that hangs holds up nobody but itself."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nbkeep.forwarding.deliver import deliver, due
from nbkeep.model.errors import NbkeepError

if TYPE_CHECKING:
    from nbkeep.sessions.interface import Parts

_log = logging.getLogger("nbkeep.worker")


@dataclass
class Forwarder:
    """Has a thread for each destination that lacks records; the office ends without waiting for them."""

    parts: Parts
    _threads: dict[str, threading.Thread] = field(default_factory=dict[str, threading.Thread])

    def round(self) -> None:
        """Begin what is due; returns at once."""
        self._threads = {name: thread for name, thread in self._threads.items() if thread.is_alive()}
        for forward_id in due(self.parts):
            if forward_id not in self._threads:
                thread = threading.Thread(target=self._send_all, args=(forward_id,), daemon=True)
                self._threads[forward_id] = thread
                thread.start()

    def wait(self, timeout_s: float) -> None:
        """Wait until what has begun is over, for tests and benchmarks."""
        for thread in self._threads.values():
            thread.join(timeout_s)

    def _send_all(self, forward_id: str) -> None:
        try:
            while deliver(self.parts, forward_id):
                pass
        except NbkeepError as error:
            _log.warning("The audit is not sent on for now: %s", error)
