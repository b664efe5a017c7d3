"""How much each session has sent since midnight (UTC), for the limit that its profile sets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from nbkeep.model.units import exact_size

from .refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from nbkeep.model.clock import Clock

    from .rules import Compiled


@dataclass
class _Sent:
    day: date
    count: int = 0


class Volumes:
    """Bytes by session. What an earlier gateway counted is told by the office, as far as it is on record."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._sent: dict[str, _Sent] = {}

    def take(self, sent: Mapping[str, int]) -> None:
        """Take what is on record of today, and forget sessions that are not named; twice is safe."""
        self._sent = {session_id: self._of(session_id) for session_id in sent}
        for session_id, count in sent.items():
            one = self._sent[session_id]
            one.count = max(one.count, count)

    def hear(self, told: Mapping[str, Any]) -> None:
        """Take what the office says with the policies; raises ValueError for what it does not say."""
        sent: object = told.get("sent_today", {})
        if not isinstance(sent, dict):
            raise ValueError("sent_today is no table")
        self.take({str(key): int(count) for key, count in cast("dict[str, Any]", sent).items()})

    def add(self, session_id: str, count: int) -> int:
        """Count bytes, and return those of today."""
        one = self._sent[session_id] = self._of(session_id)
        one.count += count
        return one.count

    def check(self, session_id: str, policy: Compiled | None) -> None:
        """Raise `Refusal` when a session has sent what it may. A policy on trial stops nothing."""
        limit = policy.policy.volume_bytes if policy is not None and not policy.policy.dry_run else 0
        if limit and self.add(session_id, 0) >= limit:
            raise Refusal(
                403,
                "egress-volume",
                f"the session has sent {exact_size(limit)} today, the most that its profile allows",
                "It may send again after midnight (UTC). An admin may allow more: "
                "`nbkeep profile set PROFILE --egress-volume SIZE`.",
            )

    def _of(self, session_id: str) -> _Sent:
        today, found = self._clock.now().date(), self._sent.get(session_id)
        return found if found is not None and found.day == today else _Sent(today)
