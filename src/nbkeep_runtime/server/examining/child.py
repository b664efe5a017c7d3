"""Examines documents in a process of its own; `reader.py` starts it, and asks over a Unix socket.

It reads what anybody may have written, so it holds nothing: no token in its environment, a bound to its
memory, and where the kernel can (Landlock), no file but the program's own. Of what it has read it keeps
hashes of texts that had nothing in them: most of a notebook is the same at the next save. A request is JSON
with an open file; the answer is its length, and JSON. It ends by itself when nothing is asked for a while,
and after a large document, which leaves memory behind.
"""

from __future__ import annotations

import contextlib
import os
import resource
import select
import socket
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson

from nbkeep.model.errors import Refused
from nbkeep.scanning.clean import Clean
from nbkeep.scanning.detect import standard, with_text
from nbkeep.scanning.documents.notebook import AMBIGUOUS
from nbkeep.scanning.scan import Look, examine, is_unread
from nbkeep.scanning.values import Limits

from . import landlock, wire
from .ownrules import MOST_BYTES

if TYPE_CHECKING:
    from nbkeep.scanning.interface import Detector
    from nbkeep.scanning.values import Finding, Place, Result

MOST_FINDINGS = 500  # are shown; the others are counted
_MOST_UNREAD = 20
_MEMORY_BYTES = 2 << 30
_FILE_BYTES = 64 << 20  # of what a reader of pictures may put aside
_LARGE_BYTES = 16 << 20
_CPU_S = 400
_READ_BYTES = 8 << 20
_LONGEST_REASON = 200
_NOT_EXAMINED: dict[str, Any] = {
    "findings": [], "more": 0, "allowed": 0, "kinds": [],
    "unread": [{
        "reason": "was not examined, as the organisation's own rules cannot be read",
        "cell": 0, "cell_id": "", "part": "", "inside": "",
    }],
}  # fmt: skip


def main() -> None:
    """Answer until nobody asks any more."""
    asked = socket.socket(fileno=int(sys.argv[1]))
    idle_s = float(sys.argv[2])
    confine()
    detectors, clean = _Detectors(), Clean()
    while select.select([asked], [], [], idle_s)[0]:
        request, files, _flags, _address = socket.recv_fds(asked, wire.REQUEST_BYTES, 2)
        if not request or not files:
            return
        answer, size = _answered(request, files, detectors, clean)
        asked.sendall(len(answer).to_bytes(wire.LENGTH_BYTES) + answer)
        if size > _LARGE_BYTES:
            return


def confine() -> None:
    """Bound what this process may take and open."""
    limits = (
        (resource.RLIMIT_AS, _MEMORY_BYTES),
        (resource.RLIMIT_FSIZE, _FILE_BYTES),
        (resource.RLIMIT_CORE, 0),
    )
    for which, most in limits:
        resource.setrlimit(which, (most, most))
    with contextlib.suppress(OSError):
        os.nice(5)
    landlock.only_programs()


class _Detectors:
    """The detector of the rules that hold, made anew when they change."""

    def __init__(self) -> None:
        self._sha256, self._detector = "", standard()

    def of(self, sha256: str, files: list[int]) -> Detector:
        """Return the one of these rules, in the second file. Raises `Refused`, and OSError or ValueError."""
        if sha256 != self._sha256:
            text = _read(files[1], MOST_BYTES).decode() if sha256 else ""
            self._detector, self._sha256 = with_text(text), sha256
        return self._detector


def _answered(request: bytes, files: list[int], detectors: _Detectors, clean: Clean) -> tuple[bytes, int]:
    try:
        # A parent that was killed asks for nothing more; what it asked last must not go on for ever.
        used_s = int(time.process_time())
        resource.setrlimit(resource.RLIMIT_CPU, (used_s + _CPU_S, resource.RLIM_INFINITY))
        asked: dict[str, Any] = orjson.loads(request)
        data = _read(files[0], Limits().file_bytes)
        try:
            detector = detectors.of(str(asked.get("rules", "")), files)
        except (Refused, OSError, ValueError, IndexError):
            return orjson.dumps(_NOT_EXAMINED), len(data)
    finally:
        for file in files:
            os.close(file)
    limits = Limits() if asked.get("pictures") else replace(Limits(), ocr_s=0)
    # What leaves is judged without its author's word; a save is their own matter.
    is_strict = bool(asked.get("strict"))
    look = Look(detector, limits=limits, heed_marks=not is_strict, clean=clean)
    result = examine(data, str(asked["name"]), look)
    return orjson.dumps(as_json(result, is_strict=is_strict)), len(data)


def _read(file: int, most: int) -> bytes:
    """Return a file's bytes, at most one more than `most`: that is too large, and the asker looked at it."""
    pieces: list[bytes] = []
    at = 0
    while at <= most and (piece := os.pread(file, min(_READ_BYTES, most + 1 - at), at)):
        pieces.append(piece)
        at += len(piece)
    return b"".join(pieces)


def as_json(result: Result, *, is_strict: bool = False) -> dict[str, Any]:
    """Return what the session's server needs to know; values are masked, those allowed only counted.

    What was looked at less well than usual (a sample, bytes of a broken picture) was looked at; it counts as
    unread only where it `is_strict`, for what leaves. What JupyterLab shows otherwise than others do counts
    always: its author is to know, and no release is made of it.
    """
    counting = [one for one in result.findings if not one.allowed]
    return {
        "findings": [_finding(one) for one in counting[:MOST_FINDINGS]],
        "more": max(0, len(counting) - MOST_FINDINGS),
        "allowed": len(result.findings) - len(counting),
        "kinds": sorted({one.kind for one in counting}),
        "unread": [
            {"reason": one.reason[:_LONGEST_REASON], **_place(one.place)}
            for one in result.not_read
            if (is_unread(one) if is_strict else not one.partly or one.reason.startswith(AMBIGUOUS))
        ][:_MOST_UNREAD],
    }


def _finding(one: Finding) -> dict[str, Any]:
    return {
        "id": one.place_id,
        "rule": one.rule,
        "kind": one.kind,
        "title": one.title,
        "severity": one.severity,
        "masked": one.masked,
        "line": one.line,
        "decoded": one.decoded,
        **_place(one.place),
    }


def _place(place: Place) -> dict[str, Any]:
    return {"cell": place.cell, "cell_id": place.cell_id, "part": place.part, "inside": place.inside}


if __name__ == "__main__":
    main()
