"""From what admins write to values; every refusal names the field."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast, get_args

from nbkeep.egress.model_calls import Kind, Provider, spelled
from nbkeep.egress.parse import is_address, parse_host, parse_port
from nbkeep.model.errors import Refused, invalid
from nbkeep.model.money import MICROCENTS, parse_microcents

from .values import EVERYONE, TOTAL, Price

if TYPE_CHECKING:
    from collections.abc import Sequence

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
_MODEL = re.compile(r"[!-)+-~][!-)+-~]{0,98}\*?|\*")  # printable ASCII without blanks; a * at the end alone
_USER = re.compile(r"user:[a-z][a-z0-9-]{0,29}")
_LONGEST_PREFIX = 200
_HTTPS = 443
MOST_PRICE = 100_000 * MICROCENTS
MOST_BUDGET = 10_000_000 * MICROCENTS


def provider(name: str, host: str, kind: str) -> Provider:
    """Return a provider from a name and `HOST[:PORT][/PREFIX]`; raise `Refused` (400)."""
    if not _NAME.fullmatch(name):
        raise invalid("name", f"{name[:60]!r} is not a name for a provider.",
                      "Use 1 to 40 small letters, digits and hyphens.")  # fmt: skip
    if kind not in get_args(Kind):
        raise invalid("kind", f"{kind[:40]!r} is no kind of provider.",
                      f"One of: {', '.join(get_args(Kind))}.")  # fmt: skip
    place, slash, rest = host.strip().partition("/")
    written, _, port = place.partition(":")
    try:
        found, number = parse_host(written), parse_port(port) if port else _HTTPS
    except Refused as error:
        raise _no_host(host) from error
    if is_address(found) or "*" in found or "://" in host or (place.endswith(":")):
        raise _no_host(host)
    prefix = spelled((slash + rest).encode()).rstrip("/")
    if len(prefix) > _LONGEST_PREFIX or not prefix.isprintable():
        raise invalid("host", "The beginning of the path is too long, or not printable.", "Write it shorter.")
    return Provider(name, cast("Kind", kind), found, number, prefix)


def model_name(text: str) -> str:
    """Return the name of a model, or the beginning of names and a `*`; raise `Refused` (400)."""
    if not _MODEL.fullmatch(text):
        raise invalid("model", f"{text[:60]!r} is not the name of a model.",
                      "Write it as the provider does, such as gpt-x, or gpt-x* for all such.")  # fmt: skip
    return text


def price(model: str, amounts: Sequence[str | None]) -> Price:
    """Return a price from texts for input, output and cached input (None: as other input)."""
    for_input, for_output, cached = amounts
    paid = parse_microcents("0" if for_input is None else for_input, "input", MOST_PRICE)
    return Price(
        model_name(model),
        paid,
        parse_microcents("0" if for_output is None else for_output, "output", MOST_PRICE),
        parse_microcents(cached, "cached", MOST_PRICE) if cached is not None else paid,
    )


def scope(text: str) -> str:
    """Return whom a budget is for: `user:NAME`, `everyone` (each) or `total`; raise `Refused` (400)."""
    if text in {EVERYONE, TOTAL} or _USER.fullmatch(text):
        return text
    raise invalid("scope", f"{text[:60]!r} is nobody who can have a budget.",
                  "Write user:NAME, everyone (each by themselves) or total (all together).")  # fmt: skip


def month_limit(text: str) -> int:
    """Return the microcents of a month's budget; raise `Refused` (400)."""
    return parse_microcents(text, "month", MOST_BUDGET)


def _no_host(text: str) -> Refused:
    return invalid("host", f"{text[:300]!r} is not the place of an API.",
                   "Write its name, like api.openai.com or models.acme.com:8443/llm.")  # fmt: skip
