"""Small money as whole numbers: a microcent is 10^-8 of the currency, so that a token has a whole price."""

from __future__ import annotations

import re

from .errors import invalid

MICROCENTS = 100_000_000  # in one unit of the currency
PER_TOKENS = 1_000_000  # prices are for so many tokens
_AMOUNT = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,8}))?")


def parse_microcents(text: str, field: str, most: int) -> int:
    """Return the microcents of an amount such as `2.50`; raise `Refused` (400) for others or above `most`.

    >>> parse_microcents("0.25", "input", 10**12)
    25000000
    """
    found = _AMOUNT.fullmatch(text.strip())
    amount = int(found[1]) * MICROCENTS + int((found[2] or "").ljust(8, "0")) if found else -1
    if not 0 <= amount <= most:
        raise invalid(field, f"{text[:40]!r} is not an amount of money for {field}.",
                      f"Write it like 2.50: zero to {most // MICROCENTS:,}, at most 8 decimals.")  # fmt: skip
    return amount


def money_words(microcents: int, currency: str = "") -> str:
    """Return an amount for people, with two decimals, or as many as small ones need to be seen.

    >>> money_words(250_000_000, "EUR"), money_words(123_456), money_words(0)
    ('2.50 EUR', '0.0012', '0.00')
    """
    for decimals in (2, 4, 6, 8):
        step = 10 ** (8 - decimals)
        # Two digits that count, or all there are.
        if microcents >= 10 * step or not microcents or decimals == 8:  # microcents have 8 decimals
            rounded = (microcents + step // 2) // step
            whole, rest = divmod(rounded, 10**decimals)
            return f"{whole:,}.{rest:0{decimals}} {currency}".strip()
    raise AssertionError


def price_words(microcents: int) -> str:
    """Return a price exactly, with at least two decimals.

    >>> price_words(250_000_000), price_words(12_345_678)
    ('2.50', '0.12345678')
    """
    whole, rest = divmod(microcents, MICROCENTS)
    decimals = f"{rest:08}".rstrip("0")
    return f"{whole}.{decimals.ljust(2, '0')}"


def cost_of(tokens: int, price: int) -> int:
    """Return what tokens cost at a price for a million of them, rounded to the nearest microcent.

    >>> cost_of(1000, 250_000_000)
    250000
    """
    return (tokens * price + PER_TOKENS // 2) // PER_TOKENS
