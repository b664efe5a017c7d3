"""What a session holds in each state, and how time becomes days and money. No I/O."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from nbkeep.model.session import SessionState

from .values import FLAVOR, FROZEN, GPU, HOUR_US, MEGABYTE, SPACE, SUSPENDED, Held, Piece, PriceFrom

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_MICROCENTS_IN_MICRO = 100
_US = timedelta(microseconds=1)
# The wall clock is slewed a little all the time; more than this is a jump.
_DRIFT = timedelta(seconds=2)


def held(
    state: SessionState,
    profile: Mapping[str, Any],
    *,
    was_ready: bool,
    kept_bytes: int | None,
) -> list[Held]:
    """Return what a session holds: compute from ready to end, storage while it is suspended.

    `kept_bytes`: of its saved state; None when there is none, or it is to be deleted. A frozen session holds
    its memory: that is counted apart, and has a price of its own, which is nothing unless somebody sets it.
    """
    if state == SessionState.SUSPENDED:
        return [Held(SUSPENDED, -(-kept_bytes // MEGABYTE))] if kept_bytes else []
    if not was_ready or state not in {SessionState.READY, SessionState.FROZEN, SessionState.STOPPING}:
        return []
    name = profile["flavor"]
    if state == SessionState.FROZEN:
        return [Held(f"{FROZEN}{name}")]
    price = int(profile.get("price_per_hour_micros") or 0) * _MICROCENTS_IN_MICRO
    found = [Held(f"{FLAVOR}{name}", 1, price)]
    if profile.get("gpu_count"):
        found.append(Held(f"{GPU}{profile['gpu_type']}", int(profile["gpu_count"])))
    return found


def drifted(began_at: datetime, lasted_us: int, now: datetime) -> bool:
    """Tell whether the wall clock has jumped since an interval began: its next part needs a new beginning."""
    return abs(began_at + timedelta(microseconds=lasted_us) - now) > _DRIFT


def used(resource: str, amount: int, lasted_us: int) -> float:
    """Return hours, GPU-hours or GB-hours, for people to read; nothing is counted with it."""
    return amount * lasted_us / HOUR_US / (1000 if resource in SPACE else 1)


def cost(resource: str, amount: int, lasted_us: int, price: int) -> int:
    """Return microcents, rounded to the nearest. Storage is priced by the GB and counted in MB.

    >>> cost("flavor:small", 1, 1_800_000_000, 10_000_000)
    5000000
    """
    divisor = HOUR_US * (1000 if resource in SPACE else 1)
    return (amount * lasted_us * price + divisor // 2) // divisor


def price_at(moment: datetime, prices: Iterable[PriceFrom], list_price: int) -> int:
    """Return the price at a moment: the last one set before it, or else the flavor's own."""
    found = list_price
    for one in prices:  # in order of time
        if one.valid_from > moment:
            break
        found = one.price
    return found


def pieces(
    resource: str,
    amount: int,
    began_at: datetime,
    lasted_us: int,
    prices: list[PriceFrom],
    list_price: int,
) -> list[Piece]:
    """Cut an interval at midnights (UTC) and where prices change. The parts last as long as the whole.

    `prices`: of this resource, in order of time.
    """
    if lasted_us <= 0:
        return []
    end = began_at + timedelta(microseconds=lasted_us)
    if not prices and began_at.date() == end.date():  # as most are
        return [Piece(began_at.date(), lasted_us, cost(resource, amount, lasted_us, list_price))]
    changes = [one.valid_from for one in prices if began_at < one.valid_from < end]
    found: list[Piece] = []
    at = began_at
    while at < end:
        until = min([_midnight_after(at), end, *(one for one in changes if one > at)])
        part_us = (until - at) // _US
        price = price_at(at, prices, list_price)
        found.append(Piece(at.date(), part_us, cost(resource, amount, part_us, price)))
        at = until
    return found


def _midnight_after(at: datetime) -> datetime:
    return at.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
