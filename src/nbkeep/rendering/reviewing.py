"""What pages for reviewers have in common: the frame, without scripts, and texts with nothing unseen."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from pathlib import Path
from typing import Any

from nbkeep.model.jsontypes import is_list

_STYLE = (Path(__file__).parent / "reviewing.css").read_text()
_POLICY = (
    "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; style-src 'sha256-"
    + base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    + "'"
)
_COLOUR = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
# Turn text around, take no room, or are no text at all.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff]+"
)
_MOST_UNSEEN = 8  # of a run, by name


def page(title: str, body: str) -> bytes:
    """Return a page that runs no script and loads nothing. `title`: words; `body`: HTML, safe already."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="referrer" content="no-referrer"><meta name="color-scheme" content="light dark">'
        f"<title>{escaped(title)}</title><style>{_STYLE}</style></head><body><main>{body}</main></body></html>\n"
    ).encode("utf-8", "replace")


def escaped(text: str) -> str:
    r"""Return a text as HTML, with what nobody would see of it shown by its number, and no colour codes.

    >>> escaped("<b>\u202e")
    '&lt;b&gt;<span class="unseen">U+202E</span>'
    """
    return _UNSEEN.sub(_named, html.escape(_COLOUR.sub("", text).replace("\r\n", "\n")))


def _named(found: re.Match[str]) -> str:
    names = " ".join(f"U+{ord(char):04X}" for char in found[0][:_MOST_UNSEEN])
    more = f" and {len(found[0]) - _MOST_UNSEEN} more" if len(found[0]) > _MOST_UNSEEN else ""
    return f'<span class="unseen">{names}{more}</span>'


def tag(words: str, kind: str = "") -> str:
    """Return a small label. `kind`: one of the classes of reviewing.css, never what a document says."""
    return f'<span class="tag {kind}">{escaped(words)}</span>'


def size(length: int) -> str:
    """Return a size in bytes for people.

    >>> size(900), size(2048), size(3_500_000)
    ('900 bytes', '2.0 KiB', '3.3 MiB')
    """
    if length < 1024:
        return f"{length} bytes"
    return f"{length / 1024:.1f} KiB" if length < 2**20 else f"{length / 2**20:.1f} MiB"


def as_text(value: Any, between: str = "") -> str:
    """Return what a value of a notebook is as a text: a string, or a list of some; other things as JSON."""
    if isinstance(value, str):
        return value
    if is_list(value) and all(isinstance(item, str) for item in value):
        return between.join(value)
    return json_text(value)


def json_text(value: Any) -> str:
    """Return a value of JSON, indented."""
    return json.dumps(value, indent=1, ensure_ascii=False)
