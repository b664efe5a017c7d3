"""What is metered, as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from datetime import date, datetime

    from nbkeep.model.clock import Clock

# Resources: `flavor:NAME` and `gpu:TYPE` while a session runs, `frozen:NAME` while its flavor is frozen,
# `storage:suspended` for what suspended ones have kept.
FLAVOR, FROZEN, GPU = "flavor:", "frozen:", "gpu:"
SUSPENDED = "storage:suspended"
HOME = "storage:home"  # a person's, whether or not a session runs
SPACE = frozenset({SUSPENDED, HOME})
KINDS = (FLAVOR, GPU, FROZEN, SUSPENDED, HOME)
MEGABYTE = 1_000_000  # what storage is counted in, begun ones whole
SECOND_US = 1_000_000
HOUR_US = 3600 * SECOND_US

BEAT_S = 10.0
MARK = "meter"  # in the table of marks: who has the meter, and its last beat
# Longer than two beats: nobody has looked for so long, and only a sign of life says that it still ran.
UNSEEN_US = 25 * SECOND_US

ADMIN = "admin:prices"
READ = "audit:read"
USE = "sessions"


@dataclass(frozen=True)
class Moment:
    """Both clocks at once: the one that days are named by, and the one that is counted with."""

    now: datetime
    mono_us: int
    boot: str

    @classmethod
    def of(cls, clock: Clock) -> Moment:
        """Read both clocks."""
        return cls(clock.now(), int(clock.monotonic_s() * SECOND_US), clock.boot_id())


@dataclass(frozen=True)
class Held:
    """An amount of a resource that a session holds now."""

    resource: str
    amount: int = 1
    list_price: int = 0  # microcents an hour, where no price is set


@dataclass(frozen=True)
class PriceFrom:
    """What an hour costs from a moment on, in microcents."""

    valid_from: datetime
    price: int


class Piece(NamedTuple):
    """A part of an interval within one day (UTC) and one price."""

    day: date
    lasted_us: int
    cost: int  # microcents


def unit_of(resource: str) -> str:
    """Return what a resource is counted in."""
    if resource in SPACE:
        return "GB-hours"
    return "GPU-hours" if resource.startswith(GPU) else "hours"
