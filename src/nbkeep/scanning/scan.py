"""Looks through one document: its texts, what hides in them, and where each finding stands."""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

from .baseline import check_of
from .documents.image import NO_OCR
from .documents.read import read
from .documents.strings import without_surrogates
from .interface import Hint, TooLong
from .spans import Look, in_part, reason_beside
from .values import Finding, LineCounter, NotRead, Part, Place, Result, mask

if TYPE_CHECKING:
    from .spans import Span

__all__ = ["Look", "examine", "is_unread"]

_RUN = secrets.token_bytes(32)  # of this process, and of those that it forks
_LONGEST_NAME = 100  # of what a document calls its parts, as it is shown


def examine(data: bytes, path: str, look: Look, *, commit: str = "") -> Result:
    """Return what is in a document and what of it could not be read. Raises nothing for any content.

    `path`: its name; findings carry it. `commit`: where in the history of git it comes from.
    """
    document = _Document(data, path, commit, look)
    try:
        for one in read(data, path, look.limits):
            if not isinstance(one, Part):
                document.miss(one.reason, one.place, partly=one.partly)
            elif not document.take(one):
                document.miss(f"has more than {look.limits.findings:,} findings", one.place)
                break
    except TooLong as error:
        document.miss(str(error), Place())
    except Exception as error:  # noqa: BLE001  a document that makes its reader fail is not read, and never clean
        document.miss(f"made its reader fail ({type(error).__name__})", Place())
    return document.result


def is_unread(one: NotRead) -> bool:
    """Return whether something counts as unread where a document leaves: by a download as by a release.

    What was only partly read does, but for pictures in a notebook where nothing reads what they show: these
    are in every notebook.
    """
    is_picture_inside = one.partly and one.reason == NO_OCR and bool(one.place.cell)
    return not is_picture_inside


class _Document:
    """What is known of one document while its texts are looked through."""

    def __init__(self, data: bytes, path: str, commit: str, look: Look) -> None:
        self.result = Result(files=1, size_bytes=len(data))
        self._path, self._commit, self._look = path, commit, look
        self._lines = _FileLines(data)
        self._last: tuple[Part | None, int, int, int] = (None, 0, 0, 1)
        self._places: dict[Place, Place] = {}
        self._seen: set[tuple[Place, int, str, str]] = set()
        self._numbers: dict[tuple[Place, str], int] = {}
        self._values: set[tuple[str, str]] = set()

    def miss(self, reason: str, place: Place, *, partly: bool = False) -> None:
        """Note what could not be read, or only in part."""
        self.result.not_read.append(NotRead(self._path, self._shown(place), reason, partly, self._commit))

    def _shown(self, place: Place) -> Place:
        """Return a place without the values that its names hold: an attachment can be called like a key."""
        if place not in self._places:
            self._places[place] = Place(
                self._hidden(place.inside),
                place.cell,
                # Cut only now: a value that is cut in two would be shown in part.
                self._hidden(place.cell_id)[:_LONGEST_NAME],
                self._hidden(place.part)[:_LONGEST_NAME],
            )
        return self._places[place]

    def _hidden(self, name: str) -> str:
        hits = self._look.detector.find(name, Hint("text")) if name else []
        for hit in reversed(hits):
            name = name[: hit.begin] + mask(name[hit.begin : hit.end]) + name[hit.end :]
        return name

    def take(self, part: Part) -> bool:
        """Look through a text; return False when the document has more findings than anybody needs."""
        clean = without_surrogates(part.text)
        if clean is not part.text:
            part = replace(part, text=clean)
        counter = LineCounter(part.text)
        for found in in_part(part, self._look):
            if len(self.result.findings) >= self._look.limits.findings:
                return False
            at = counter.at(found.begin)
            line = part.lines[min(at, len(part.lines) - 1)] if part.lines else part.line + at
            known = (part.place, line, found.hit.rule, found.value)
            if part.joined and any(
                rule == found.hit.rule and value in found.value for rule, value in self._values
            ):
                continue  # it was found in one of the pieces
            self._values.add((found.hit.rule, found.value))
            if known not in self._seen:
                self._seen.add(known)
                self.result.findings.append(self._finding(part, found, line))
        return True

    def _finding(self, part: Part, found: Span, line: int) -> Finding:
        place, hit, value = part.place, found.hit, found.value
        number = self._numbers[place, hit.rule] = self._numbers.get((place, hit.rule), 0) + 1
        file_line = line if place == Place() else self._file_line(part, found)
        shown = self._shown(place)
        named = (
            self._path,
            shown.inside,
            shown.cell_id or str(place.cell),
            shown.part,
            hit.rule,
            str(number),
        )
        return Finding(
            path=self._path,
            place=shown,
            line=line,
            file_line=file_line,
            rule=hit.rule,
            kind=hit.kind,
            title=hit.title,
            severity=hit.severity,
            masked=mask(value),
            decoded=found.decoded,
            commit=self._commit,
            allowed=reason_beside(part, found, self._look),
            place_id=hashlib.sha256("\0".join(named).encode("utf-8", "replace")).hexdigest()[:16],
            check=check_of(self._look.salt, hit.rule, value),
            same=hashlib.blake2b(value.encode("utf-8", "replace"), key=_RUN, digest_size=16).hexdigest(),
        )

    def _file_line(self, part: Part, found: Span) -> int:
        if part.place.inside:
            return 1
        # Thousands of values may stand on the same characters, in base64: they are on one line.
        last, begin, end, line = self._last
        if last is not part or (begin, end) != (found.begin, found.end):
            line = self._lines.of(part.text[found.begin : found.end])
            self._last = part, found.begin, found.end, line
        return line


class _FileLines:
    """Tells the line of a notebook's file that a value stands in, as a text editor counts them."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._after: dict[bytes, int] = {}
        self._counted = (0, 1)

    def of(self, value: str) -> int:
        """Return the line, from 1; 1 where it cannot be told. Asked again, the next place of the value."""
        first = value.split("\n", 1)[0]
        for spelled in (json.dumps(first), json.dumps(first, ensure_ascii=False)):
            needle = spelled[1:-1].encode("utf-8", "replace")
            at = self._data.find(needle, self._after.get(needle, 0)) if needle else -1
            if at < 0 and needle in self._after:
                at = self._data.find(needle)
            if at >= 0:
                self._after[needle] = at + 1
                return self._line(at)
        return 1

    def _line(self, at: int) -> int:
        position, line = self._counted
        if at < position:
            position, line = 0, 1
        line += self._data.count(b"\n", position, at)
        self._counted = (at, line)
        return line
