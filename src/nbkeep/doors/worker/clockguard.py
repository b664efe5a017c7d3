"""Wall clocks jump (NTP, an operator, a laptop that slept); deadlines must not jump with them.

Sessions keep wall-clock deadlines, so that portal and JupyterLab can show them. Each round of the loops
compares how far the wall clock moved with how far the monotonic clock moved since the last round. When they
differ by more than `TOLERANCE_S` the wall clock jumped by the difference, and every deadline of a live
session is shifted by it: what was 20 minutes from now still is. The monotonic clock of Linux stands still
while the host sleeps, so a laptop that slept for a night stops nobody in the morning either.

What was seen last is kept in the database: a jump while the office was away is noticed too. After a reboot
the monotonic clock starts anew and nothing can be compared; nothing runs then either.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

TOLERANCE_S = 30.0


@dataclass(frozen=True)
class Sight:
    """Both clocks at one moment, and the boot during which they were read."""

    now: datetime
    monotonic_s: float
    boot_id: str

    def as_mark(self) -> dict[str, Any]:
        """Return what is kept in the database."""
        return {"now": self.now.isoformat(), "monotonic_s": self.monotonic_s, "boot_id": self.boot_id}

    @classmethod
    def from_mark(cls, value: dict[str, Any]) -> Sight:
        """Return what was kept."""
        return cls(datetime.fromisoformat(value["now"]), float(value["monotonic_s"]), str(value["boot_id"]))


def jump_s(before: Sight, after: Sight) -> float:
    """Return how many seconds the wall clock jumped between two sights; 0.0 for little, or after a reboot."""
    if before.boot_id != after.boot_id:
        return 0.0
    jump = (after.now - before.now).total_seconds() - (after.monotonic_s - before.monotonic_s)
    return jump if abs(jump) > TOLERANCE_S else 0.0


def boot_id() -> str:
    """Return the kernel's id of this boot, or "" where there is none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
