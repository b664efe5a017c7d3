"""Limits as people write them: `gpu-a100=8h/day`, or the options `--gpu-a100-hours-day 8`. No I/O."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING

from nbkeep.meter.values import FLAVOR, GPU, HOUR_US
from nbkeep.model.errors import invalid
from nbkeep.model.money import money_words, parse_microcents, price_words

from .values import (
    AT_ONCE,
    COST,
    DAY,
    GPUS,
    HOURS,
    MONTH,
    MOST_AT_ONCE,
    MOST_COST,
    MOST_HOURS,
    SESSIONS,
    Limit,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

EXAMPLES = "gpu-a100=8h/day, gpu=100h/month, hours=40h/month, flavor-NAME=8h/day, cost=500/month, sessions=2"
_NAME = r"[a-z0-9](?:[a-z0-9._-]{0,38}[a-z0-9])?"
_WHAT = re.compile(rf"hours|cost|sessions|gpu|(?:gpu|flavor)-{_NAME}")
_TIME = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)\s*(h|min)?")
_NUMBER = re.compile(r"[0-9]{1,6}")
_OPTION = re.compile(
    rf"--(?:(?P<cost>cost)|(?P<of>hours|gpu-hours|(?:gpu|flavor)-{_NAME}-hours))-(?P<period>day|month)"
    rf"|--(?P<once>sessions|gpu|gpu-{_NAME})-at-once"
)
_PER_MINUTE = 60


def parse_limit(text: str) -> Limit:
    """Return a limit in its short form; raise `Refused` (400) for anything else.

    >>> parse_limit("gpu-a100=8h/day")
    Limit(resource='gpu:a100', period='day', amount=28800000000)
    >>> parse_limit("sessions=2")
    Limit(resource='sessions', period='at-once', amount=2)
    """
    what, equals, rest = "".join(text.split()).lower().partition("=")
    amount, slash, period = rest.partition("/")
    if not equals or not amount:
        raise _malformed(text)
    resource, period = parse_key(what + slash + period, text)
    if period == AT_ONCE:
        if not _NUMBER.fullmatch(amount) or int(amount) > MOST_AT_ONCE:
            raise invalid("quota", f"{text[:80]!r}: that is no number of them at once.",
                          f"Write a whole number up to {MOST_AT_ONCE:,}, or a period: 8h/day.")  # fmt: skip
        return Limit(resource, period, int(amount))
    if resource == COST:
        return Limit(resource, period, parse_microcents(amount, "quota", MOST_COST))
    found = _TIME.fullmatch(amount)
    hours = Decimal(found[1]) / (_PER_MINUTE if found[2] == "min" else 1) if found else Decimal(-1)
    if not 0 <= hours <= MOST_HOURS:
        raise invalid("quota", f"{text[:80]!r}: those are no hours.",
                      f"Write them like 8h, 1.5h or 30min; at most {MOST_HOURS:,} h.")  # fmt: skip
    return Limit(resource, period, int(hours * HOUR_US))


def parse_key(key: str, text: str = "") -> tuple[str, str]:
    """Return (resource, period) of a limit without its amount; raise `Refused` (400) for anything else.

    >>> parse_key("gpu-a100/month"), parse_key("sessions")
    (('gpu:a100', 'month'), ('sessions', 'at-once'))
    """
    what, slash, period = key.strip().lower().partition("/")
    if not _WHAT.fullmatch(what) or (slash and period not in {DAY, MONTH, AT_ONCE}):
        raise _malformed(text or key)
    period = period or AT_ONCE
    can_be_at_once = what in {SESSIONS, GPUS} or what.startswith("gpu-")
    if (period == AT_ONCE and not can_be_at_once) or (period != AT_ONCE and what == SESSIONS):
        raise invalid("quota", f"{(text or key)[:80]!r}: {what} cannot be limited {_PER[period]}.",
                      f"Write it like one of these: {EXAMPLES}.")  # fmt: skip
    for prefix, resource in (("gpu-", GPU), ("flavor-", FLAVOR)):
        if what.startswith(prefix):
            return resource + what.removeprefix(prefix), period
    return what, period


def is_option(word: str) -> bool:
    """Tell whether a word is an option that sets a limit, such as `--gpu-a100-hours-month`."""
    return _OPTION.fullmatch(word.partition("=")[0]) is not None


def from_words(words: Sequence[str]) -> list[str]:
    """Return the short forms of what a command line says, options and short forms in any order.

    >>> from_words(["--gpu-a100-hours-month", "40", "cost=5/day", "--sessions-at-once=2"])
    ['gpu-a100=40h/month', 'cost=5/day', 'sessions=2']
    """
    found: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if not word.startswith("--"):
            found.append(word)
            continue
        name, equals, value = word.partition("=")
        match = _OPTION.fullmatch(name)
        if match is None:
            raise invalid("quota", f"There is no option {name[:60]}.",
                          "Write --gpu-TYPE-hours-month, --gpu-hours-day, --hours-month, "
                          "--flavor-NAME-hours-day, --cost-month, --sessions-at-once or "
                          "--gpu-TYPE-at-once.")  # fmt: skip
        if not equals:
            if not rest:
                raise invalid("quota", f"{name} needs an amount.", f"Write it like {name} 40.")
            value = rest.pop(0)
        found.append(_short(match, value))
    return found


def _short(match: re.Match[str], value: str) -> str:
    if match["once"]:
        return f"{match['once']}={value}"
    if match["cost"]:
        return f"cost={value}/{match['period']}"
    what = match["of"] if match["of"] == HOURS else match["of"].removesuffix("-hours")
    return f"{what}={value}{'h' if value[-1:].isdigit() else ''}/{match['period']}"


def key_text(resource: str, period: str) -> str:
    """Return the name of a limit as `parse_key` reads it.

    >>> key_text("gpu:a100", "day"), key_text("sessions", "at-once")
    ('gpu-a100/day', 'sessions')
    """
    return resource.replace(":", "-", 1) + ("" if period == AT_ONCE else f"/{period}")


def limit_text(limit: Limit) -> str:
    """Return a limit as `parse_limit` reads it.

    >>> limit_text(parse_limit("gpu-a100=1.5h/day"))
    'gpu-a100=1.5h/day'
    """
    what, slash, period = key_text(*limit.key).partition("/")
    return f"{what}={_exact(limit)}{slash}{period}"


def _exact(limit: Limit) -> str:
    if limit.period == AT_ONCE:
        return str(limit.amount)
    if limit.resource == COST:
        return price_words(limit.amount)
    return f"{(Decimal(limit.amount) / HOUR_US).quantize(Decimal('0.000001')).normalize():f}h"


_PER = {DAY: "a day", MONTH: "a month", AT_ONCE: "at once"}


def of_words(resource: str, period: str) -> str:
    """Return what is limited, for people.

    >>> of_words("gpu:a100", "month"), of_words("hours", "day"), of_words("sessions", "at-once")
    ('GPU-hours (a100) a month', 'hours of compute a day', 'sessions at once')
    """
    kind, _, name = resource.partition(":")
    if period == AT_ONCE:
        what = "sessions" if resource == SESSIONS else f"GPUs ({name})" if name else "GPUs"
    elif resource == COST:
        what = "cost"
    elif resource == HOURS:
        what = "hours of compute"
    elif kind == GPUS:
        what = f"GPU-hours ({name})" if name else "GPU-hours"
    else:
        what = f"hours of {name}"
    return f"{what} {_PER[period]}"


def limit_words(resource: str, period: str, amount: int, currency: str) -> str:
    """Return a whole limit, for people.

    >>> limit_words("hours", "day", 7200000000, "EUR"), limit_words("cost", "month", 50_000_000_000, "EUR")
    ('2 h of compute a day', '500.00 EUR a month')
    >>> limit_words("gpu:a100", "day", 28800000000, "EUR"), limit_words("sessions", "at-once", 3, "EUR")
    ('8 h of GPU (a100) a day', '3 sessions at once')
    """
    words = amount_words(resource, period, amount, currency)
    if period == AT_ONCE:
        return f"{words} {of_words(resource, period)}"
    if resource == COST:
        return f"{words} {_PER[period]}"
    kind, _, name = resource.partition(":")
    gpu = f"GPU ({name})" if name else "GPU"
    what = "compute" if resource == HOURS else gpu if kind == GPUS else name
    return f"{words} of {what} {_PER[period]}"


def amount_words(resource: str, period: str, amount: int, currency: str) -> str:
    """Return an amount for people.

    >>> amount_words("hours", "day", 5400000000, "EUR"), amount_words("cost", "day", 100_000_000, "EUR")
    ('1.5 h', '1.00 EUR')
    """
    if period == AT_ONCE:
        return f"{amount:,}"
    if resource == COST:
        return money_words(amount, currency)
    minutes = amount * 60 / HOUR_US
    if 0 < minutes < _PER_MINUTE:
        return f"{minutes:.3g} min"
    return f"{amount / HOUR_US:,.2f}".rstrip("0").rstrip(".") + " h"


def _malformed(text: str) -> Exception:
    return invalid("quota", f"{text[:80]!r} is no quota.", f"Write it like one of these: {EXAMPLES}.")
