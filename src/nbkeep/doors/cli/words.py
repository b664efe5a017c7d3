"""How values of the API are written in tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from nbkeep.model.errors import Refused, invalid
from nbkeep.model.units import format_duration, format_size, parse_duration_s


def moment(iso: str | None) -> str:
    """Return a time to the minute, in UTC as everything here is; "-" where there is none."""
    return datetime.fromisoformat(iso).astimezone(UTC).strftime("%Y-%m-%d %H:%M") if iso else "-"


def past(text: str | None) -> str | None:
    """Return the moment that `2026-11-01`, `2026-11-01T14:00` (UTC) or `24h` (ago) means, for the API."""
    if text is None:
        return None
    try:
        said = datetime.fromisoformat(text)
    except ValueError:
        try:
            return (datetime.now(UTC) - timedelta(seconds=parse_duration_s(text))).isoformat()
        except Refused as error:
            raise invalid(
                "time",
                f"{text!r} is not a time.",
                "Write it like 2026-11-01, 2026-11-01T14:00 (UTC) or 24h (ago).",
            ) from error
    return (said if said.tzinfo else said.replace(tzinfo=UTC)).isoformat()


def future(text: str) -> str:
    """Return the moment that `2026-12-01`, `2026-12-01T18:00` (UTC) or `8h` (from now) means, for the API."""
    try:
        said = datetime.fromisoformat(text)
    except ValueError:
        try:
            return (datetime.now(UTC) + timedelta(seconds=parse_duration_s(text))).isoformat()
        except Refused as error:
            raise invalid(
                "time",
                f"{text!r} is not a time.",
                "Write it like 2026-12-01, 2026-12-01T18:00 (UTC) or 8h (from now).",
            ) from error
    return (said if said.tzinfo else said.replace(tzinfo=UTC)).isoformat()


def until(iso: str | None, now: str | None) -> str:
    """Return how long it is from one moment to another in one unit, such as `29min`; "-" where unknown."""
    if not iso or not now:
        return "-"
    seconds = (datetime.fromisoformat(iso) - datetime.fromisoformat(now)).total_seconds()
    if seconds <= 0:
        return "now"
    for unit_s, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * unit_s or (unit_s == 60 and seconds >= unit_s):  # 90min rather than 1h
            return f"{int(seconds // unit_s)}{unit}"
    return f"{int(seconds)}s"


def size(size_bytes: int | None) -> str:
    """Return a size, or "-"."""
    return "-" if size_bytes is None else format_size(size_bytes)


def duration(seconds: float | None) -> str:
    """Return a duration that can be typed back, or "-"."""
    return "-" if seconds is None else format_duration(seconds)


def cpus(cpu_millis: int) -> str:
    """Return CPUs, such as `2` or `0.5`."""
    return f"{cpu_millis / 1000:g}"


def gpus(flavor: dict[str, Any]) -> str:
    """Return GPUs, such as `1 x a100`, or "-"."""
    return f"{flavor['gpu_count']} x {flavor['gpu_type']}" if flavor.get("gpu_count") else "-"


def price(micros: int | None, currency: str = "") -> str:
    """Return a price with at least two decimals, such as `0.10`."""
    if micros is None:
        return "-"
    text = f"{micros / 1_000_000:.6f}".rstrip("0")
    whole, _, cents = text.partition(".")
    return f"{whole}.{cents.ljust(2, '0')} {currency}".strip()


def role(name: str) -> str:
    """Return a role without its prefix, as commands accept it too."""
    return name.removeprefix("notebook.")


def full_role(name: str) -> str:
    """Return the role's full name from either form."""
    return name if "." in name else f"notebook.{name}"
