"""What is decided about, as values."""

from __future__ import annotations

from dataclasses import dataclass

ADMIN = "admin:models"
READ = "network:read"
USE = "sessions"
TOTAL, EVERYONE = "total", "everyone"
WARN_PERCENT = 80
ALL_PERCENT = 100


@dataclass(frozen=True)
class Price:
    """What a million tokens cost, in microcents. `model`: a name, or the beginning of names and a `*`."""

    model: str
    input: int
    output: int
    cached: int


@dataclass(frozen=True)
class Used:
    """How much of one budget is used in a month, in microcents. `scope`: user:NAME, everyone or total."""

    scope: str
    limit: int
    spent: int

    @property
    def percent(self) -> int:
        """The used part, rounded down, at most 999; all of it where nothing may be used."""
        if not self.limit:
            return ALL_PERCENT
        return min(999, self.spent * 100 // self.limit)

    @property
    def is_spent(self) -> bool:
        """Whether nothing more may be used."""
        return self.spent >= self.limit

    @property
    def is_worth_a_warning(self) -> bool:
        """Whether people should know."""
        return self.percent >= WARN_PERCENT
