"""PDF: the text of its pages, read by pypdf in a process of its own whose time and memory are bounded."""

from __future__ import annotations

import base64
import binascii
import json
import resource
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from nbkeep.scanning.interface import Hint
from nbkeep.scanning.values import Limits, Part, Place, Unread

from . import strings

if TYPE_CHECKING:
    from collections.abc import Iterator

_MEMORY_BYTES = 2 * 2**30
_HEAD = b"%PDF-"


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


def read_pdf(data: bytes, limits: Limits, place: Place | None = None) -> Iterator[Part | Unread]:
    """Yield the text of each page, what the document says of itself, and what could not be read."""
    place = place or Place()

    def bound() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (limits.pdf_s, limits.pdf_s))
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))

    command = [sys.executable, "-I", "-m", "nbkeep.scanning.documents.pdf_pages", str(limits.pdf_pages)]
    try:
        done = subprocess.run(
            command, input=data, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False,
            timeout=limits.pdf_s * 4, preexec_fn=bound,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        done = None
    lines = done.stdout.splitlines() if done else []
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
