"""What quotas are made of, as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nbkeep.meter.values import FLAVOR, GPU, HOUR_US
from nbkeep.model.money import MICROCENTS

if TYPE_CHECKING:
    from datetime import datetime

    from nbkeep.meter.values import Held

ADMIN = "admin:quotas"
READ = "audit:read"
USE = "sessions"

DAY, MONTH, AT_ONCE = "day", "month", "at-once"
# Resources beside the meter's `flavor:NAME` and `gpu:TYPE`.
HOURS, GPUS, COST, SESSIONS = "hours", "gpu", "cost", "sessions"
EVERYONE, USER, PROJECT = "everyone", "user:", "project:"

MOST_HOURS = 1_000_000
MOST_COST = 100_000_000 * MICROCENTS
MOST_AT_ONCE = 10_000

# What an admitted session has reserved, from its admission until so long after it got ready: what it uses
# until then is not known yet to whoever asks beside it.
RESERVED_S = 600
LEAST_S = 60  # a session that would be cut within a minute is not started
WARN_PERCENT = 80
EARLY_S = 600  # from when on a session is told that a quota cuts it
NOTICE_S = 120  # what it is given all the same where nobody could foresee it
# Of notices: what limits say of use, which is said anew when they change; and that an override was taken
# back. An answer of an admin has the id of what it answers.
KIND, ANSWER = "quota", "quota-answer"


@dataclass(frozen=True)
class Limit:
    """So much of a resource in a period: microseconds of one, microcents, or a number at once."""

    resource: str
    period: str
    amount: int

    @property
    def key(self) -> tuple[str, str]:
        """What there is one of for each subject."""
        return self.resource, self.period


@dataclass(frozen=True)
class Override:
    """A limit is so much, or none (None), until a moment."""

    amount: int | None
    until: datetime


@dataclass(frozen=True)
class Holding:
    """A session that has been admitted. `cost`: microcents of an hour of all it holds."""

    held: tuple[Held, ...]
    cost: int
    reserved_s: float
    is_counted: bool  # the meter runs


@dataclass(frozen=True)
class Standing:
    """How a limit stands for whoever it is on. Amounts in the limit's unit; `rate`: of it in an hour, now.

    `counted_to`: up to where the meter has counted what runs. `back_at`: when the next period begins; None
    for those at once.
    """

    subject: str
    whose: str
    limit: Limit
    used: int
    reserved: int = 0
    rate: int = 0
    counted_to: datetime | None = None
    begin: datetime | None = None
    back_at: datetime | None = None
    override: Override | None = None
    is_default: bool = False  # it is everyone's

    @property
    def allowed(self) -> int | None:
        """How much it is with its override; None: no limit."""
        if self.override is None:
            return self.limit.amount
        return None if self.override.amount is None else max(self.limit.amount, self.override.amount)

    @property
    def left(self) -> int | None:
        """What is neither used nor reserved; None: no limit."""
        return None if self.allowed is None else max(0, self.allowed - self.used - self.reserved)


def takes(resource: str, held: str) -> bool:
    """Tell whether what is held, in the meter's words, counts towards the hours, or number, of a resource."""
    if resource == HOURS:
        return held.startswith(FLAVOR)
    return held.startswith(GPU) if resource == GPUS else held == resource


def rate_of(resource: str, held: tuple[Held, ...], cost: int) -> int:
    """Return what an hour takes of a resource, in its unit: microseconds of one, or microcents."""
    if resource == COST:
        return cost
    return sum(one.amount for one in held if takes(resource, one.resource)) * HOUR_US


def number_of(resource: str, held: tuple[Held, ...]) -> int:
    """Return what a session takes at once: itself, or its GPUs."""
    return 1 if resource == SESSIONS else sum(one.amount for one in held if takes(resource, one.resource))
