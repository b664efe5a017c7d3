"""PDF: the text of its pages, read by pypdf in a process of its own whose time and memory are bounded."""

from __future__ import annotations

import base64
import binascii
import json
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

from nbkeep.scanning.interface import Hint
from nbkeep.scanning.values import Limits, Part, Place, Unread

from . import strings

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_SAID = 64 * 2**20
_HEAD = b"%PDF-"
_PAGES = "nbkeep.scanning.documents.pdf_pages"


def is_pdf(data: bytes) -> bool:
    """Return whether these are the bytes of a PDF; its head may come a little late, in what is no text."""
    head = data[:1024]
    return head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(_HEAD) or (
        _HEAD in head and strings.text_of(data) is None
    )


def read_base64(text: str, place: Place, limits: Limits) -> Iterator[Part | Unread]:
    """Yield the texts of a PDF that is written in base64."""
    try:
        data = base64.b64decode(text)
    except (binascii.Error, ValueError):
        data = b""
    if is_pdf(data):
        yield from read_pdf(data, limits, place)
    else:
        yield Part(text, Hint("output"), place)


def _said(data: bytes, limits: Limits) -> bytes:
    """Return what the reader of pages says, up to a bound: a small file may stand for any length of text."""
    command = [sys.executable, "-I", "-m", _PAGES, str(limits.pdf_pages), str(limits.pdf_s)]
    # By pipes: who examines what anybody may have written may have no file at all that it can write.
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        late = threading.Timer(limits.pdf_s * 4, process.kill)
        late.start()
        try:
            if process.stdin is None or process.stdout is None:
                return b""
            process.stdin.write(data)  # it says nothing before it has all, so neither waits for the other
            process.stdin.close()
            return process.stdout.read(_MOST_SAID)
        finally:
            late.cancel()
            process.kill()


def read_pdf(data: bytes, limits: Limits, place: Place | None = None) -> Iterator[Part | Unread]:
    """Yield the text of each page, what the document says of itself, and what could not be read."""
    place = place or Place()

    try:
        said = _said(data, limits)
    except (OSError, subprocess.SubprocessError):
        said = b""
    lines = said.splitlines()
    ended, why = False, ""
    for line in lines:
        try:
            page: dict[str, Any] = json.loads(line)
        except ValueError:
            break
        if "end" in page:
            ended, why = True, page["end"]
            if why:
                yield Unread(why, place)
        elif page["text"].strip():
            part = f"{place.part} page {page['page']}" if page["page"] else f"{place.part} properties"
            yield Part(
                page["text"], Hint("text"), Place(place.inside, place.cell, place.cell_id, part.strip())
            )
    if not ended or why:
        yield from strings.read_strings(data, place, note="")  # what stands in it in clear, at least
    if not ended:
        yield Unread("is a PDF that takes too much time or memory to read, or is broken", place)
