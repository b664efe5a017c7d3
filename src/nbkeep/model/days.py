"""Days and months as reports, quotas and alarms count them: whole days of UTC."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from .errors import invalid

# The calendar of Python goes from the year 1 to 9999, whose last month has no month after it.
_MONTH = re.compile(r"(?!0000|9999)[0-9]{4}-(?:0[1-9]|1[0-2])")
_DECEMBER = 12


@dataclass(frozen=True)
class Span:
    """Whole days (UTC), from the first to the last."""

    first: date
    last: date

    @property
    def begin(self) -> datetime:
        """The moment at which the first day begins."""
        return midnight(self.first)

    @property
    def end(self) -> datetime:
        """The moment at which the last day is over."""
        return midnight(self.last + timedelta(days=1))


def month_span(month: str) -> Span:
    """Return the days of a month such as `2026-11`; raise `Refused` (400) for anything else."""
    if not _MONTH.fullmatch(month):
        raise invalid("month", f"{month[:20]!r} is not a month.", "Write it like 2026-11.")
    year, number = int(month[:4]), int(month[5:])
    after = date(year + 1, 1, 1) if number == _DECEMBER else date(year, number + 1, 1)
    return Span(date(year, number, 1), after - timedelta(days=1))


def month_of(now: datetime) -> Span:
    """Return the days of the month that a moment (UTC) lies in."""
    return month_span(f"{now:%Y-%m}")


def day_of(now: datetime) -> Span:
    """Return the day that a moment (UTC) lies in."""
    return Span(now.date(), now.date())


def midnight(day: date) -> datetime:
    """Return the moment at which a day begins (UTC)."""
    return datetime.combine(day, datetime.min.time(), UTC)
