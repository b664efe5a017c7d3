"""Time: every other room is given a clock, so that tests can move it."""

from __future__ import annotations

import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol


class Clock(Protocol):
    """What tells the time. All datetimes are timezone-aware and in UTC."""

    def now(self) -> datetime:
        """Return the current time in UTC."""
        ...

    def monotonic_s(self) -> float:
        """Return seconds from an arbitrary start that never go back."""
        ...

    def boot_id(self) -> str:
        """Return what the start of `monotonic_s` is called: only within one may two of them be compared."""
        ...


class SystemClock:
    """The host's clock."""

    def __init__(self) -> None:
        """Find out which boot this is; where the kernel does not say, each process has one of its own."""
        try:
            self._boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        except OSError:
            self._boot_id = f"process-{uuid.uuid4().hex[:24]}"

    def now(self) -> datetime:
        """Return the current time in UTC."""
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        """Return `time.monotonic()`."""
        return time.monotonic()

    def boot_id(self) -> str:
        """Return the kernel's id of this boot."""
        return self._boot_id


class ManualClock:
    """A whole fake for tests: time moves only by `advance` (and jumps by `set`)."""

    def __init__(self, start: datetime | None = None) -> None:
        self._now = start or datetime(2026, 1, 1, tzinfo=UTC)
        self._monotonic_s = 0.0
        self._boots = 1

    def now(self) -> datetime:
        """Return the time that was set."""
        return self._now

    def monotonic_s(self) -> float:
        """Return the seconds advanced so far."""
        return self._monotonic_s

    def boot_id(self) -> str:
        """Return which boot it is."""
        return f"boot-{self._boots}"

    def reboot(self) -> None:
        """Start the monotonic clock anew, as a reboot does."""
        self._boots += 1
        self._monotonic_s = 0.0

    def advance(self, seconds: float) -> None:
        """Move both clocks forward."""
        self._now += timedelta(seconds=seconds)
        self._monotonic_s += seconds

    def set(self, now: datetime) -> None:
        """Jump the wall clock, as NTP or an operator would; the monotonic clock stays."""
        self._now = now
