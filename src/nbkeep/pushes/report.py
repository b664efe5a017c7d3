"""What a forge says became of a push (gitprotocol-pack(5), "Reporting Status"). Pure."""

from __future__ import annotations

from enum import StrEnum

from . import pktline
from .pktline import UnreadableError

_MOST_BYTES = 1 << 20
"""Of a report: more than 5,000 refs with a reason each have."""
_ACCEPTED, _REFUSED, _UNPACKED = b"ok ", b"ng ", b"unpack "
_STATUS, _FATAL = 1, 3  # of the bands; the second is what people are shown


class Outcome(StrEnum):
    """What became of a push that was let out."""

    TAKEN = "taken"
    REFUSED = "refused"
    """The forge has changed no ref, or got only a part of it: nothing came of it."""
    UNKNOWN = "unknown"
    """All of it went out, and nobody can tell what came of it."""


class Report:
    r"""Reads a forge's answer as it comes; raises nothing. What is no whole report is `UNKNOWN`.

    `is_banded`: git has asked for side bands, so the report is within the first of them.

    >>> report = Report(is_banded=False)
    >>> report.feed(b"000eunpack ok\n0017ng refs/heads/x no\n0000"); report.outcome()
    <Outcome.REFUSED: 'refused'>
    """

    def __init__(self, *, is_banded: bool) -> None:
        self._is_banded, self._held, self._status = is_banded, b"", b""
        self._size, self._is_broken = 0, False

    def feed(self, data: bytes) -> None:
        """Take what comes next."""
        if self._is_broken:
            return
        if not self._is_banded:
            self._take(data)
            return
        self._held += data
        try:
            at = 0
            while end := pktline.whole(self._held, at):
                payload = self._held[at + 4 : end]
                self._is_broken = self._is_broken or payload[:1] == bytes([_FATAL])
                if payload[:1] == bytes([_STATUS]):
                    self._take(payload[1:])
                at = end
            self._held = self._held[at:]
        except UnreadableError:
            self._is_broken = True

    def outcome(self) -> Outcome:
        """Return what came of it, now that the answer has ended."""
        if self._is_broken:
            return Outcome.UNKNOWN
        try:
            lines, _ = pktline.section(self._status)
        except UnreadableError:
            return Outcome.UNKNOWN
        if not lines or not lines[0].startswith(_UNPACKED):
            return Outcome.UNKNOWN
        if any(one.startswith(_ACCEPTED) for one in lines):
            return Outcome.TAKEN
        is_unpacked = lines[0].removeprefix(_UNPACKED).strip() == b"ok"
        is_refused = not is_unpacked or any(one.startswith(_REFUSED) for one in lines)
        return Outcome.REFUSED if is_refused else Outcome.UNKNOWN

    def _take(self, data: bytes) -> None:
        self._size += len(data)
        self._is_broken = self._is_broken or self._size > _MOST_BYTES
        if not self._is_broken:
            self._status += data
