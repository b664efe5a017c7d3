"""Documents in frames of our pages: of no origin, without scripts, forms and cookies, whatever they hold."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from fastapi.responses import Response

from nbkeep.doors.foreign import headers_of_document

from .browser import origin_of
from .headers import CONTENT_SECURITY_POLICY

if TYPE_CHECKING:
    from nbkeep.settings import Settings

_HTML = "text/html"
_PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
_TEXTS = frozenset({"application/json", "application/x-ipynb+json"})
_MOST_TEXT = 2 << 20
_CUT = "\n… the rest is not shown here.\n"


def policy_with_frames(settings: Settings, path: str) -> dict[str, str]:
    """Return the headers of a page that shows documents from below one path of the portal in a frame."""
    frames = f"{origin_of(settings.public_url)}{path}"
    return {"content-security-policy": f"{CONTENT_SECURITY_POLICY}; frame-src {frames}"}


def is_shown(media_type: str) -> bool:
    """Tell whether a document can be shown in a frame: a page, a text, or a picture made of pixels.

    >>> is_shown("text/html; charset=utf-8"), is_shown("application/pdf"), is_shown("image/svg+xml")
    (True, False, False)
    """
    return bool(_as_shown(media_type))


def framed(settings: Settings, data: bytes, media_type: str) -> Response:
    """Return a document for the frame of a page of ours. Texts are shown as texts, the long ones in part."""
    shown = _as_shown(media_type) or "text/plain"
    if shown == "text/plain":
        text = data[:_MOST_TEXT].decode("utf-8", "replace")
        data = f"{text}{_CUT if len(data) > _MOST_TEXT else ''}".encode()
    headers = headers_of_document(origin_of(settings.public_url)) | {"x-frame-options": "SAMEORIGIN"}
    kind = shown if shown in _PICTURES else f"{shown}; charset=utf-8"
    return Response(data, headers=headers, media_type=kind)


def as_file(data: bytes, name: str) -> Response:
    """Return a document as a file that no browser shows, under its own name."""
    plain = "".join(char if char.isascii() and (char.isalnum() or char in "._-") else "_" for char in name)
    headers = headers_of_document() | {
        "content-disposition": f'attachment; filename="{plain or "document"}"; '
        f"filename*=utf-8''{quote(name, safe='')}"
    }
    return Response(data, headers=headers, media_type="application/octet-stream")


def _as_shown(media_type: str) -> str:
    """Return as what a browser is given a document, "" for what is not shown."""
    kind = media_type.partition(";")[0].strip().lower()
    if kind == _HTML or kind in _PICTURES:
        return kind
    return "text/plain" if kind in _TEXTS or kind.startswith("text/") else ""
