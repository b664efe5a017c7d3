"""Documents on their way out: whatever they hold, they are no page of this site."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from fastapi.responses import Response

from nbkeep.doors.foreign import headers_of_document

if TYPE_CHECKING:
    from nbkeep.releases.values import Document

_ALWAYS = {
    "cache-control": "no-store",
    "cross-origin-resource-policy": "same-origin",
    "x-content-type-options": "nosniff",
}


def page_answer(document: Document) -> Response:
    """Return a page for looking at, which no other page may frame."""
    headers = {**_ALWAYS, **headers_of_document()}
    return Response(document.data, media_type=document.media_type, headers=headers)


def file_answer(document: Document) -> Response:
    """Return a file for keeping: no browser shows it."""
    headers = {
        **_ALWAYS,
        **headers_of_document(),
        "content-disposition": f"attachment; filename*=UTF-8''{quote(document.name, safe='')}",
        "x-nbkeep-sha256": document.sha256,
    }
    return Response(document.data, media_type="application/octet-stream", headers=headers)
