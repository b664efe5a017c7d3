"""Durations, sizes and money as people write them, and back."""

from __future__ import annotations

import re
from decimal import Decimal

from .errors import invalid

_DURATION_S = {
    "": 1,
    "s": 1,
    "sec": 1,
    "m": 60,
    "min": 60,
    "h": 3600,
    "d": 86400,
    "day": 86400,
    "days": 86400,
}
_STEP = 1024
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]*)")
_SIZE_BYTES = {"": 1, "b": 1, "k": 1000, "kb": 1000, "m": 1000**2, "mb": 1000**2, "g": 1000**3, "gb": 1000**3,
               "t": 1000**4, "tb": 1000**4, "ki": 1 << 10, "kib": 1 << 10, "mi": 1 << 20, "mib": 1 << 20,
               "gi": 1 << 30, "gib": 1 << 30, "ti": 1 << 40, "tib": 1 << 40}  # fmt: skip


def parse_duration_s(text: str | float, field: str = "duration") -> int:
    """Return whole seconds of `90`, `15min`, `6h`, `1h30m`; raise `Refused` for anything else or <= 0.

    >>> parse_duration_s("15min"), parse_duration_s("1h30m"), parse_duration_s(90)
    (900, 5400, 90)
    """
    compact = str(text).strip().lower().replace(" ", "")
    parts = _DURATION_PART.findall(compact)
    whole = "".join(number + unit for number, unit in parts)
    if not parts or whole != compact or any(unit not in _DURATION_S for _, unit in parts):
        raise invalid(field, f"{text!r} is not a duration.", "Write it like 90s, 15min, 6h or 1h30m.")
    seconds = round(sum(float(number) * _DURATION_S[unit] for number, unit in parts))
    if not 0 < seconds <= 366 * 86400:
        raise invalid(field, f"{text!r} is out of range.", "A duration lies between 1 second and 366 days.")
    return seconds


def format_duration(seconds: float) -> str:
    """Return a duration that `parse_duration_s` reads back.

    >>> format_duration(5400), format_duration(28800), format_duration(45)
    ('1h30min', '8h', '45s')
    """
    rest = round(seconds)
    out = ""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, rest = divmod(rest, size)
        out += f"{count}{unit}" if count else ""
    return out or "0s"


def parse_size_bytes(text: str | float, field: str = "size") -> int:
    """Return bytes of `8GB` (10^9), `8GiB` (2^30) or a plain number; raise `Refused` otherwise.

    >>> parse_size_bytes("8GiB"), parse_size_bytes("1.5 GB"), parse_size_bytes(4096)
    (8589934592, 1500000000, 4096)
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]*)", str(text).strip().lower())
    if not match or match[2] not in _SIZE_BYTES:
        raise invalid(field, f"{text!r} is not a size.", "Write it like 500MB, 8GB or 8GiB.")
    size = round(Decimal(match[1]) * _SIZE_BYTES[match[2]])
    if not 0 < size <= 1 << 60:
        raise invalid(field, f"{text!r} is out of range.", "A size lies between 1 byte and 1 EiB.")
    return size


_ONE = 1000  # thousandths


def exact_size(size_bytes: int) -> str:
    """Return a size that `parse_size_bytes` reads back unchanged, as short as can be.

    >>> exact_size(16 << 30), exact_size(1_500_000_000), exact_size(123_456_789)
    ('16GiB', '1.5GB', '123456789')
    """
    for power in range(4, 0, -1):
        for unit, step in (("iB", 1024), ("B", 1000)):
            thousandths, rest = divmod(size_bytes * 1000, step**power)
            if _ONE <= thousandths < 10_000 * _ONE and not rest:
                return f"{Decimal(thousandths) / 1000:f}{'KMGT'[power - 1]}{unit}"
    return str(size_bytes)


def format_size(size_bytes: float) -> str:
    """Return a size in binary units with at most one decimal, as shown to people.

    >>> format_size(8 << 30), format_size(1536), format_size(10)
    ('8 GiB', '1.5 KiB', '10 B')
    """
    value = float(size_bytes)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if value < _STEP or unit == "TiB":
            return f"{value:.1f}".removesuffix(".0") + f" {unit}"
        value /= _STEP
    raise AssertionError
