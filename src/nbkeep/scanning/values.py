"""The words of this room: texts with their places, findings, what was not read, and how much is read."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .interface import Hint

SEVERITIES = ("low", "medium", "high", "critical")


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is read of one file. What lies beyond is named as not read, never dropped silently.

    Sizes in bytes, times in seconds of processor time.
    """

    file_bytes: int = 256 * 2**20
    archive_bytes: int = 512 * 2**20
    """All that is unpacked of one archive, with the archives in it."""
    archive_ratio: int = 200
    """How many times larger than itself an archive may unpack, once it is larger than a megabyte."""
    archive_members: int = 20_000
    archive_depth: int = 4
    window: int = 4 * 2**20
    """Longer texts are looked at in windows of so many characters."""
    overlap: int = 16 * 2**10
    pdf_pages: int = 2_000
    pdf_s: int = 30
    ocr_s: int = 10
    table_rows: int = 200_000
    parquet_rows: int = 20_000
    """Taken from the first and the last row groups: a sample, and said so."""
    inflated_bytes: int = 4 * 2**20
    """Of one compressed text in an image, or in a base64 string."""
    findings: int = 10_000
    """Of one file: a dump of a million addresses is known for what it is long before."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a text stands. `cell`: from 1, as JupyterLab counts them; 0 where there are none.

    `inside`: names within archives, joined by "!". `part`: e.g. "source", "output 1 text/html"; "" is the
    file itself.
    """

    inside: str = ""
    cell: int = 0
    cell_id: str = ""
    part: str = ""


class Lines(Protocol):
    """The numbers of lines, from 1; a tuple is one."""

    def __len__(self) -> int: ...
    def __getitem__(self, at: int, /) -> int: ...


@dataclass(frozen=True, slots=True)
class Part:
    """One text of a document.

    `line`: the number of its first line at its place. `lines`: the number of each of its lines, where they
    are not one after the other (a column of a table); 0 where there is none to tell. `joined`: it is put
    together of parts that came before; what was found in one of these is not found again. `marks`: what
    stands there was written by a person, so `nbkeep:allow` may count.
    """

    text: str
    hint: Hint
    place: Place = field(default_factory=Place)
    line: int = 1
    lines: Lines = ()
    joined: bool = False
    marks: bool = True


@dataclass(frozen=True, slots=True)
class Unread:
    """Something that could not be read, or only as bytes, and why.

    `partly`: it was looked at, but less well than a readable one (broken JSON as plain text, a table as a
    sample).
    """

    reason: str
    place: Place = field(default_factory=Place)
    partly: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found, and where; never the value itself.

    `path`: as a person names the file. `line`: from 1 within the part; 0: unknown. `file_line`: within the
    file as a text editor shows it, for tools that know nothing of cells. `masked`: the value with its middle
    hidden. `decoded`: it stands there encoded or split. `commit`: of git history, where it first appeared.
    `allowed`: the reason that stands beside it (`nbkeep:allow`) or in the baseline; "" where it counts.
    `place_id`: the same for the same place in every run; has nothing of the value. `check`: twelve bits of a
    keyed hash of the value; see baseline.py. `same`: equal for equal values within one run, and never written
    anywhere.
    """

    path: str
    place: Place
    line: int
    file_line: int
    rule: str
    kind: str
    title: str
    severity: str
    masked: str
    decoded: bool = False
    commit: str = ""
    allowed: str = ""
    place_id: str = ""
    check: str = ""
    same: str = ""


@dataclass(frozen=True, slots=True)
class NotRead:
    """A file, or a part of one, that was not read (or only partly), and why."""

    path: str
    place: Place
    reason: str
    partly: bool = False
    commit: str = ""


@dataclass(slots=True)
class Result:
    """What a scan found. `files` and `size_bytes`: how much was looked at."""

    findings: list[Finding] = field(default_factory=list[Finding])
    not_read: list[NotRead] = field(default_factory=list[NotRead])
    files: int = 0
    size_bytes: int = 0

    def add(self, other: Result) -> None:
        """Take in what another part of the same scan found."""
        self.findings += other.findings
        self.not_read += other.not_read
        self.files += other.files
        self.size_bytes += other.size_bytes


class LineCounter:
    """Tells the line (from 0) of a position in a text; counts the lines only when it is asked."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._starts: list[int] | None = None

    def at(self, position: int) -> int:
        """Return the line on which a character stands, from 0."""
        if self._starts is None:
            starts, found = [0], self._text.find("\n")
            while found >= 0:
                starts.append(found + 1)
                found = self._text.find("\n", found + 1)
            self._starts = starts
        return bisect_right(self._starts, position) - 1


class LinesOfRows:
    """The lines of a table's rows, from 1: each is counted when it is asked for, which is seldom."""

    def __init__(self, counter: LineCounter, positions: Sequence[int]) -> None:
        self._counter, self._positions = counter, positions

    def __len__(self) -> int:
        return len(self._positions)

    def __getitem__(self, at: int, /) -> int:
        return self._counter.at(self._positions[at]) + 1


def mask(value: str) -> str:
    """Return enough of a value for its owner to know it, and too little for anybody else.

    >>> mask("AKIAIOSFODNN7EXAMPLE"), mask("hunter2"), mask("4111 1111 1111 1111")
    ('AKIA…LE', '•••••••', '411…11')
    """
    plain = "".join(value.split())
    if len(plain) < 12:
        return "•" * min(max(len(plain), 4), 8)
    shown = 4 if len(plain) >= 20 else 3 if len(plain) >= 16 else 2
    return f"{plain[:shown]}…{plain[-2:]}"
