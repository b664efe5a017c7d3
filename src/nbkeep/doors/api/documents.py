"""Documents on their way out: whatever they hold, they are no page of this site."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from fastapi.responses import Response

if TYPE_CHECKING:
    from nbkeep.releases.values import Document

# Opened by itself, or in a frame: no script, no form, nothing loaded, an origin of its own.
PAGE_POLICY = (
    "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'; font-src data:; "
    "form-action 'none'; base-uri 'none'"
)
_ALWAYS = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "x-content-type-options": "nosniff",
}


def page_answer(document: Document, framed_by: str = "'none'") -> Response:
    """Return a page for looking at. `framed_by`: the origin whose pages may show it in a frame."""
    policy = f"{PAGE_POLICY}; frame-ancestors {framed_by}"
    return Response(
        document.data, media_type=document.media_type, headers={**_ALWAYS, "content-security-policy": policy}
    )


def file_answer(document: Document) -> Response:
    """Return a file for keeping: no browser shows it."""
    policy = f"{PAGE_POLICY}; frame-ancestors 'none'"
    headers = {
        **_ALWAYS,
        "content-security-policy": policy,
        "content-disposition": f"attachment; filename*=UTF-8''{quote(document.name, safe='')}",
        "x-nbkeep-sha256": document.sha256,
    }
    return Response(document.data, media_type="application/octet-stream", headers=headers)
