"""When an amount is unusual. Pure: amounts in, findings with their numbers out.

Amounts of people's days are skewed: most are small, some are ten times as large and mean nothing. Therefore
their logarithms are compared, by median and median absolute deviation (MAD), which a few wild days do not
move: see docs/explanation/alarms.md.
"""

from __future__ import annotations

import math
from statistics import median
from typing import TYPE_CHECKING

from nbkeep.model.money import money_words
from nbkeep.model.units import format_duration, format_size

from .values import Compared, Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .values import Kind, Rule

HISTORY_DAYS = 28
FEWEST_OWN = 7  # days of use; whoever has fewer is compared with everybody's
FEWEST_OF_ALL = 30
IDLE_PERCENT = 5  # a GPU below this does nothing
_MAD_TO_SIGMA = 1.4826  # of a normal distribution
_SIGMAS = 4.0
# Few days tell little about how much they differ: they count along with so many of a usual spread.
_PRIOR_DAYS, _PRIOR_SPREAD = 7, 0.6
_LEAST_SPREAD = 0.3
# Who lets their days differ wildly on purpose must not become invisible by it.
_MOST_FACTOR = 30.0


def compare(own: Sequence[int], everybody: Sequence[int], rule: Rule) -> Compared | None:
    """Return what today is compared with; None where too little is known. Days without use do not count."""
    mine = [one for one in own if one > 0]
    if len(mine) >= FEWEST_OWN:
        return _compared(mine, rule, is_own=True)
    others = [one for one in everybody if one > 0]
    return _compared(others, rule, is_own=False) if len(others) >= FEWEST_OF_ALL else None


def _compared(amounts: list[int], rule: Rule, *, is_own: bool) -> Compared:
    logs = [math.log(one) for one in amounts]
    middle = median(logs)
    spread = _MAD_TO_SIGMA * median(abs(one - middle) for one in logs)
    count = len(amounts)
    spread = max(_LEAST_SPREAD, (count * spread + _PRIOR_DAYS * _PRIOR_SPREAD) / (count + _PRIOR_DAYS))
    factor = max(rule.factor_percent / 100, min(math.exp(_SIGMAS * spread), _MOST_FACTOR))
    usual = round(median(amounts))
    nine_in_ten = sorted(amounts)[math.ceil(count * 0.9) - 1]
    return Compared(usual, nine_in_ten, max(rule.least, round(math.exp(middle) * factor)), count, is_own)


def judge(rule: Rule, amount: int, compared: Compared | None, currency: str) -> Finding | None:
    """Return a finding where somebody's amount of a day is unusual."""
    if not rule.enabled or compared is None or amount < compared.threshold:
        return None
    kind = rule.kind
    usual, most = words(kind, compared.median, currency), words(kind, compared.nine_in_ten, currency)
    whose = (
        f"the median of the {compared.days} days of use in the {HISTORY_DAYS} days before is {usual}"
        if compared.is_own
        else f"too few days of this person are known; the median of everybody's {compared.days} last days of "
        f"use is {usual}"
    )
    return Finding(
        amount,
        compared.median,
        compared.threshold,
        f"{words(kind, amount, currency)} {_DONE[kind]} today; {whose}, and 9 in 10 were at most {most} "
        f"(alarm from {words(kind, compared.threshold, currency)} on).",
    )


def judge_idle(
    rule: Rule, idle_s: int, gpus: str, percent: int | None, hourly_cost: int, currency: str
) -> Finding | None:
    """Return a finding where a session holds GPUs that do nothing. `gpus`: such as "2 x a100"."""
    if not rule.enabled or idle_s < rule.least:
        return None
    lasted = words("gpu-idle", idle_s, currency)
    said = (
        f"No cell has run for {lasted} in a session with {gpus}, whose use is not measured here"
        if percent is None
        else f"{gpus} of a session did nothing for {lasted}: under {IDLE_PERCENT} % at every look"
    )
    cost = f"; the session costs {money_words(hourly_cost, currency)} an hour" if hourly_cost else ""
    least = words("gpu-idle", rule.least, currency)
    return Finding(idle_s, 0, rule.least, f"{said}{cost} (alarm from {least} on).")


def words(kind: Kind, amount: int, currency: str) -> str:
    """Return an amount for people.

    >>> words("egress", 3 << 30, "EUR"), words("tokens", 2_000_000, "EUR"), words("gpu-idle", 9000, "EUR")
    ('3 GiB', '2,000,000 tokens', '2h30min')
    """
    if kind == "spend":
        return money_words(amount, currency)
    if kind == "egress":
        return format_size(amount)
    # To the minute: nobody reads finer than that.
    return f"{amount:,} tokens" if kind == "tokens" else format_duration(amount // 60 * 60)


_DONE: dict[Kind, str] = {"spend": "spent", "egress": "sent", "tokens": "used", "gpu-idle": "idle"}
