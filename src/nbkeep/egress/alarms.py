"""What is worth a second look although the rules allow it. Pure: what a session did in, alarms out.

No alarm proves anything, and a patient person stays below each: they tell a security officer where to begin.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from nbkeep.model.units import format_size

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Kind = Literal["volume", "upload", "many-small", "odd-names", "new-destination"]

SMALL_BYTES = 8 << 10
MANY = 300  # small connections to one host within `MANY_S`; installing a hundred packages makes fewer
MANY_S = 600
ODD_NAMES = 5  # different ones below one name within `ODD_S`
ODD_S = 3600
# A label of random hexadecimal digits has 3.5 to 4 bits a character from some length on, words have fewer.
_ODD_CHARACTERS = 24
_ODD_BITS = 3.3
_WORDS_SHARE = 0.15  # of digits: names of machines and words joined by hyphens have few


@dataclass(frozen=True)
class Thresholds:
    """From how many bytes on there is an alarm; 0: never. `volume`: of a session in a day (UTC)."""

    volume_bytes: int = 1 << 30
    upload_bytes: int = 100 << 20


@dataclass(frozen=True)
class Alarm:
    """One finding. `measured` and `threshold` are bytes, connections or names, as `kind` says."""

    kind: Kind
    host: str
    measured: int
    threshold: int
    message: str


@dataclass(frozen=True)
class Sent:
    """What one connection sent."""

    host: str
    bytes_out: int


def of_connection(sent: Sent, thresholds: Thresholds) -> Alarm | None:
    """Return the alarm of one connection by itself."""
    least = thresholds.upload_bytes
    if not least or sent.bytes_out < least:
        return None
    said = f"{format_size(sent.bytes_out)} were sent to {sent.host} in one connection"
    return Alarm("upload", sent.host, sent.bytes_out, least, f"{said} (alarm from {format_size(least)} on).")


def of_day(bytes_out: int, top_host: str, thresholds: Thresholds) -> Alarm | None:
    """Return the alarm of all that a session has sent in a day. `top_host`: where most went."""
    least = thresholds.volume_bytes
    if not least or bytes_out < least:
        return None
    said = f"The session has sent {format_size(bytes_out)} today, most of it to {top_host}"
    return Alarm("volume", top_host, bytes_out, least, f"{said} (alarm from {format_size(least)} on).")


def of_small_ones(counts: Mapping[str, int]) -> list[Alarm]:
    """Return the alarms of many small connections. `counts`: of those in the last `MANY_S`, by host."""
    minutes = MANY_S // 60
    return [
        Alarm("many-small", host, count, MANY,
              f"{count} small connections went to {host} within {minutes} minutes (alarm from {MANY} on).")
        for host, count in counts.items() if count >= MANY
    ]  # fmt: skip


def of_names(hosts: Iterable[str]) -> list[Alarm]:
    """Return the alarms of names that look like data, of all that were asked for in the last `ODD_S`."""
    below: dict[str, set[str]] = {}
    for host in set(hosts):
        if is_odd(host):
            below.setdefault(_parent(host), set()).add(host)
    return [
        Alarm("odd-names", parent, len(names), ODD_NAMES,
              f"{len(names)} names below {parent} within an hour look like data, such as {min(names)[:80]} "
              f"(alarm from {ODD_NAMES} on).")
        for parent, names in below.items() if len(names) >= ODD_NAMES
    ]  # fmt: skip


def of_new_host(host: str, profile: str) -> Alarm:
    """Return the alarm of a host that no session of a profile has reached before."""
    return Alarm("new-destination", host, 1, 1, f"No session of {profile} has reached {host} before.")


def is_odd(host: str) -> bool:
    """Tell whether what stands before the last two labels of a name looks like data rather than words.

    >>> is_odd("files.pythonhosted.org"), is_odd("3f9a0c77be21d45608aa91cd.x.example.org")
    (False, True)
    """
    text = "".join(host.split(".")[:-2])
    if len(text) < _ODD_CHARACTERS:
        return False
    digits = sum(letter.isdigit() for letter in text)
    return _entropy_bits(text) >= _ODD_BITS and digits >= _WORDS_SHARE * len(text)


def _parent(host: str) -> str:
    return ".".join(host.split(".")[-2:])


def _entropy_bits(text: str) -> float:
    """Return Shannon's entropy of the letters of a text, in bits for each."""
    return -sum(n / len(text) * math.log2(n / len(text)) for n in Counter(text).values())
