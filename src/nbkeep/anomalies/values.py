"""Kinds of alarms, and how each is set as long as nobody has set it otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from nbkeep.model.money import MICROCENTS

Kind = Literal["spend", "egress", "tokens", "gpu-idle"]
KINDS: tuple[Kind, ...] = get_args(Kind)
READ, ADMIN = "audit:read", "admin:alarms"


@dataclass(frozen=True)
class Rule:
    """How one kind is set. `least`: below it there is no alarm; in microcents, bytes, tokens or seconds.

    `factor_percent`: how much of the usual a threshold is at least, such as 300. GPUs that do nothing are
    compared with nothing usual: for them `least` is all.
    """

    kind: Kind
    least: int
    factor_percent: int = 300
    enabled: bool = True


# Small numbers do not alarm: nobody would thank for a mail about two euros.
USUAL: dict[Kind, Rule] = {
    "spend": Rule("spend", 20 * MICROCENTS),
    "egress": Rule("egress", 500 << 20),
    "tokens": Rule("tokens", 2_000_000),
    "gpu-idle": Rule("gpu-idle", 2 * 3600),
}


@dataclass(frozen=True)
class Compared:
    """What an amount is compared with: `days` amounts of days, its subject's own or everybody's."""

    median: int
    nine_in_ten: int  # nine in ten of these days were at most this
    threshold: int
    days: int
    is_own: bool


@dataclass(frozen=True)
class Finding:
    """Something unusual, in numbers and in a sentence."""

    measured: int
    usual: int
    threshold: int
    message: str
