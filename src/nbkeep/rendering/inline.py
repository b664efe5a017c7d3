"""Pictures that a text holds itself (`data:image/…`), made anew like all others."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from . import pictures, svg

if TYPE_CHECKING:
    from collections.abc import Callable

    from .notes import Notes

_HEAD = "data:image/"
# Within quotes it goes to their end: browsers skip blanks and breaks in an address.
_ADDRESS = re.compile(
    r"""(?<=")\s*data:image/[^"]*(?=")|(?<=')\s*data:image/[^']*(?=')|data:image/[^\s"'<>()\[\]]*""",
    re.IGNORECASE,
)
_SMALLEST = 32  # characters of base64: in fewer there is no picture, and people write of these addresses
_NO_PICTURE = "attachment:"  # of no name: there is none, and it is shown as one that is not included


def renewed_within(text: str, notes: Notes, has_room: Callable[[int], bool]) -> str:
    """Return a text of markdown or HTML with its own pictures made anew; what cannot be is left out.

    Code in it, too: where code ends is not told well enough to leave a picture as it is. `has_room`: whether
    so many characters more may leave.
    """
    if _HEAD not in text.lower():
        return text

    def made(found: re.Match[str]) -> str:
        head, _, body = found[0].strip().partition(",")
        if len(body) < _SMALLEST:
            return found[0]
        new = _renewed(head, body)
        if new is None or not has_room(len(new)):
            notes.add("pictures")
            return _NO_PICTURE
        return new

    return _ADDRESS.sub(made, text)


def _renewed(head: str, body: str) -> str | None:
    if head.lower().startswith("data:image/svg+xml"):
        drawing = svg.from_address(f"{head},{body}")
        return svg.as_address(drawing) if drawing else None
    picture = pictures.renewed(body) if head.lower().endswith(";base64") else None
    return f"data:{picture[0]};base64,{picture[1]}" if picture else None
