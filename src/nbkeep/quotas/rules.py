"""Whether a session may begin, and when a quota cuts it. Values in, verdict out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from nbkeep.meter.values import HOUR_US
from nbkeep.model.verdict import Allow, Refuse, Verdict

from .parse import amount_words, limit_words
from .values import AT_ONCE, EARLY_S, LEAST_S, NOTICE_S, WARN_PERCENT, Standing, number_of, rate_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nbkeep.meter.values import Held

REACHED = "quota-reached"
_HOUR_S = HOUR_US // 1_000_000
_NOBODY_KNEW_S = 30  # a session that has been ready for less was looked at for the first time


def may_begin(standings: Iterable[Standing], held: tuple[Held, ...], cost: int, currency: str) -> Verdict:
    """Decide whether a session that will hold this fits into all limits; `cost`: microcents of its hour.

    It must be able to run for a minute with what is neither used nor reserved.
    """
    for one in standings:
        allowed = one.allowed
        if allowed is None:
            continue
        if one.limit.period == AT_ONCE:
            wanted = number_of(one.limit.resource, held)
            if wanted and one.used + wanted > allowed:
                return Refuse(REACHED, _at_once(one, wanted, currency), _ASK_OR_STOP)
            continue
        rate = rate_of(one.limit.resource, held, cost)
        if rate and one.used + one.reserved + rate * LEAST_S // _HOUR_S > allowed:
            return Refuse(REACHED, f"Not started: {used_words(one, currency)}.", remedy_words(one))
    return Allow()


def quota_words(one: Standing, currency: str) -> str:
    """Return whose limit it is and how much it allows, in a few words."""
    allowed = one.limit.amount if one.allowed is None else one.allowed
    return f"the quota of {one.whose} is {limit_words(*one.limit.key, allowed, currency)}"


def used_words(one: Standing, currency: str) -> str:
    """Return how much of a limit is used, in one line."""
    resource, period = one.limit.key
    text = f"{quota_words(one, currency)}, {amount_words(resource, period, one.used, currency)} are used"
    if one.reserved:
        reserved = amount_words(resource, period, one.reserved, currency)
        text += f" and {reserved} reserved by sessions that have just begun"
    return text


def remedy_words(one: Standing) -> str:
    """Return when a quota is back, and whom to ask."""
    return f"{back_words(one)} To go on before, ask for more on the portal's page Quotas, or ask an admin."


def back_words(one: Standing) -> str:
    """Return when a quota is back, as a sentence; "" for those at once.

    >>> from .values import Limit
    >>> back = datetime(2026, 12, 1, tzinfo=UTC)
    >>> back_words(Standing("user:1", "jane", Limit("hours", "day", 1), 1, back_at=back))
    'It is back on 1 December, 00:00 UTC.'
    """
    if one.back_at is None:
        return ""
    at = one.back_at.astimezone(UTC)
    return f"It is back on {at.day} {at:%B, %H:%M} UTC."


def _at_once(one: Standing, wanted: int, currency: str) -> str:
    resource, period = one.limit.key
    amount = limit_words(resource, period, one.allowed or 0, currency)
    more = f", and this needs {wanted}" if wanted > 1 else ""
    return f"Not started: the quota of {one.whose} is {amount}, {one.used} are in use{more}."


_ASK_OR_STOP = "Stop a session first, or ask for more on the portal's page Quotas, or ask an admin."


def used_up_at(one: Standing, now: datetime) -> datetime | None:
    """Return when a limit is used up as things go on; None: not in this period.

    An override that ends meanwhile is foreseen.
    """
    if one.limit.period == AT_ONCE or one.back_at is None:
        return None
    found = _reached(one, one.allowed, now)
    if one.override is not None:
        without = _reached(one, one.limit.amount, now)
        if without is not None:
            ended = max(without, one.override.until)
            found = ended if found is None else min(found, ended)
    return found if found is not None and found < one.back_at else None


def _reached(one: Standing, allowed: int | None, now: datetime) -> datetime | None:
    if allowed is None:
        return None
    if one.used >= allowed:
        return now
    if not one.rate:
        return None
    seconds = (allowed - one.used) * _HOUR_S / one.rate
    begin = min(now, one.counted_to or now)
    # Beyond this it is in no period that begins today.
    return begin + timedelta(seconds=seconds) if seconds < 366 * 86400 else None


@dataclass(frozen=True)
class Cut:
    """When a session is cut, and by what."""

    at: datetime
    by: Standing


def next_cut(
    standings: Iterable[Standing],
    held: tuple[Held, ...],
    cost: int,
    *,
    now: datetime,
    ready_at: datetime,
    announced: datetime | None,
) -> Cut | None:
    """Return the cut of a running session that is to be announced now, or None.

    `announced`: the moment that its user has been told. Where nobody could foresee it, as when a quota is
    lowered or a clock jumps, there is notice, once: what has been announced is never put off by it.
    """
    ends = [
        Cut(at, one)
        for one in standings
        if rate_of(one.limit.resource, held, cost) and (at := used_up_at(one, now)) is not None
    ]
    if not ends:
        return None
    first = min(ends, key=lambda cut: cut.at)
    if first.at - now > timedelta(seconds=EARLY_S):
        return None
    is_new = announced is None and now - ready_at < timedelta(seconds=_NOBODY_KNEW_S)
    earliest = now + timedelta(seconds=NOTICE_S)
    if first.at < earliest and not is_new:
        first = Cut(max(first.at, min(announced or earliest, earliest)), first.by)
    return first


def is_to_be_told(one: Standing) -> bool:
    """Tell whether so much of a limit is used that people are told."""
    allowed = one.allowed
    return (
        allowed is not None
        and allowed > 0
        and one.limit.period != AT_ONCE
        and one.used * 100 >= allowed * WARN_PERCENT
    )


def forecast(one: Standing, now: datetime) -> int:
    """Return what will have been used at the end of the period, if it goes on as it did since its beginning.

    >>> from .values import Limit
    >>> begin, back = datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 5, 31, tzinfo=UTC)
    >>> one = Standing("user:1", "jane", Limit("hours", "month", 40), 10, begin=begin, back_at=back)
    >>> forecast(one, datetime(2026, 5, 11, tzinfo=UTC))
    30
    """
    if one.begin is None or one.back_at is None:
        return one.used
    passed_s = max(1.0, (now - one.begin).total_seconds())
    whole_s = (one.back_at - one.begin).total_seconds()
    # Of a period that has just begun nothing can be told: a quarter of an hour is taken for the least.
    return round(one.used * whole_s / min(whole_s, max(passed_s, 900.0)))
