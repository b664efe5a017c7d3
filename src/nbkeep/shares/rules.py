"""What a share may say, be for, and last; who may do what with it. Values in, verdict out."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

from nbkeep.model.errors import Refused, invalid
from nbkeep.model.gates import FORMATS
from nbkeep.model.grantee import EVERYONE, PROJECT, USER, is_name
from nbkeep.model.units import format_duration

from .values import (
    ADMIN,
    ANYONE,
    DESCRIPTION_LENGTH,
    GALLERY,
    KINDS,
    MOST_AUDIENCE,
    MOST_TAGS,
    REASON_LENGTH,
    SEE,
    TAG_LENGTH,
    TITLE_LENGTH,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from nbkeep.model.actor import Actor

    from .values import Limits, Released

AUDIENCE_WORDS = "user:NAME, project:NAME, everyone (who is signed in) or anyone (with the link)"
_TAG = re.compile(rf"[a-z0-9][a-z0-9-]{{0,{TAG_LENGTH - 1}}}", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_HTML = "text/html"


def check(released: Released, limits: Limits, now: datetime) -> None:
    """Raise `Refused` for what cannot be shared like this; whether its people are there is not asked.

    400 for words and times that cannot be, 403 for what the settings do not let be shared. To be asked early,
    before anybody reviews; `make_share` asks again.
    """
    if released.gate not in KINDS or released.form not in FORMATS or not _SHA256.fullmatch(released.sha256):
        raise ValueError(f"{released.gate[:20]!r}, {released.form[:20]!r}, {released.sha256[:80]!r}")
    check_title(released.title)
    check_description(released.description)
    check_tags(released.tags)
    kind = KINDS[released.gate]
    for one in check_audience(released.audience):
        if one == ANYONE and kind == GALLERY:
            raise invalid("audience", "The gallery is for people who are signed in.",
                          "Publish it for everyone; for anyone, share it by a link.")  # fmt: skip
        if one == ANYONE and not limits.with_anyone:
            raise Refused("share-with-anyone", "Nothing is shared with people who are not signed in here.",
                          "Name people or projects; an operator may set share_with_anyone.")  # fmt: skip
    most = timedelta(seconds=limits.gallery_max_s if kind == GALLERY else limits.link_max_s)
    if released.expires_at <= now:
        raise invalid("expires-at", "The end of the share is not in the future.", "Give a later one.")
    if released.expires_at > now + most:
        words = format_duration(int(most.total_seconds()))
        setting = "gallery_max_s" if kind == GALLERY else "share_max_s"
        raise invalid("expires-at", f"A share ends by itself after {words} at most (the setting {setting}).",
                      "Give an earlier end; what is needed longer is released again.")  # fmt: skip


def check_title(text: str) -> str:
    """Return a title; raise `Refused` (400) for none, a long one, or one with what cannot be seen.

    Marks that turn the direction of writing are such: a title must not look like another one.
    """
    said = text.strip()
    if not said or len(said) > TITLE_LENGTH or not said.isprintable():
        raise invalid("title", f"A title is a line of 1 to {TITLE_LENGTH} characters that can be seen.",
                      "Say in a few words what the document shows.")  # fmt: skip
    return said


def check_description(text: str) -> str:
    """Return a description, which may have several lines; raise `Refused` (400)."""
    lines = [" ".join(line.split()) for line in text.strip().splitlines()]
    if len(text) > DESCRIPTION_LENGTH or not all(line.isprintable() for line in lines):
        raise invalid("description", f"A description has up to {DESCRIPTION_LENGTH} that can be seen.",
                      "Shorten it, or leave out what cannot be seen.")  # fmt: skip
    return "\n".join(lines)


def check_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """Return tags, each once and in order; raise `Refused` (400).

    >>> check_tags([" Churn", "q3", "churn"])
    ('churn', 'q3')
    """
    found = sorted({one.strip().lower() for one in tags if one.strip()})
    wrong = next((one for one in found if not _TAG.fullmatch(one)), None)
    if wrong is not None:
        raise invalid("tags", f"{wrong[:60]!r} is not a tag.",
                      f"A tag has up to {TAG_LENGTH} letters, digits and hyphens: a-z, 0-9.")  # fmt: skip
    if len(found) > MOST_TAGS:
        raise invalid("tags", f"These are {len(found)} tags; there may be up to {MOST_TAGS}.", "Give fewer.")
    return tuple(found)


def check_audience(audience: Iterable[str]) -> tuple[str, ...]:
    """Return whom a share is for, each once; raise `Refused` (400) for nobody, or what is nobody.

    >>> check_audience(["project:orion", "user:bob", "user:bob"])
    ('project:orion', 'user:bob')
    """
    found = sorted({one.strip() for one in audience if one.strip()})
    for one in found:
        kind, colon, name = one.partition(":")
        if one not in {EVERYONE, ANYONE} and not (kind + colon in {USER, PROJECT} and is_name(name)):
            raise invalid("audience", f"{one[:60]!r} is nobody to share with.", f"Write {AUDIENCE_WORDS}.")
    if not 1 <= len(found) <= MOST_AUDIENCE:
        raise invalid("audience", f"It is for 1 to {MOST_AUDIENCE} people or projects, not {len(found)}.",
                      "Share it with a project of many people.")  # fmt: skip
    return tuple(found)


def check_reason(reason: str, *, is_own: bool) -> str:
    """Return why a share ends; raise `Refused` (400) for a long one, and for none about somebody else's."""
    said = " ".join(reason.split())
    if len(said) > REASON_LENGTH or not said.isprintable() or not (said or is_own):
        raise invalid("reason", f"The reason has {len(said)} characters; 1 to {REASON_LENGTH} are asked for.",
                      "Its owner is told: say in a sentence why.")  # fmt: skip
    return said


def may_look(actor: Actor) -> bool:
    """Tell whether somebody may look at what is shared with them: in a browser always, else with the scope.

    A token that was made for something else opens no documents.
    """
    return actor.kind == "user" and (actor.via == "browser" or actor.may(SEE))


def may_manage(actor: Actor, owner_id: str) -> bool:
    """Tell whether somebody sees who looked at a share, and may end it."""
    return actor.may(ADMIN) or (actor.id == owner_id and actor.may(SEE))


def is_shown(media_type: str) -> bool:
    """Tell whether a document is shown in the portal; all others are only taken as a file.

    >>> is_shown("text/html; charset=utf-8"), is_shown("application/pdf"), is_shown("image/svg+xml")
    (True, False, False)
    """
    return media_type.partition(";")[0].strip().lower() == _HTML


_ENDINGS = {"text/html": "html", "application/x-ipynb+json": "ipynb", "application/json": "json",
            "application/pdf": "pdf", "text/x-python": "py", "text/x-r": "R", "text/x-r-source": "R",
            "text/x-julia": "jl", "text/csv": "csv", "text/markdown": "md", "text/plain": "txt",
            "image/png": "png", "image/jpeg": "jpg"}  # fmt: skip
_BY_FORM = {"ipynb": "ipynb", "html": "html", "slides": "html", "pdf": "pdf"}


def file_name(title: str, form: str, media_type: str) -> str:
    """Return a name for the file that cannot be taken for another one: letters, digits, hyphens, one dot.

    >>> file_name("../../Churn in Q3 (final).exe", "html", "text/html"), file_name("…", "script", "text/x-sh")
    ('churn-in-q3-final-exe.html', 'document.bin')
    """
    plain = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:60].strip("-") or "document"
    known = _ENDINGS.get(media_type.partition(";")[0].strip().lower(), "bin")
    return f"{plain}.{_BY_FORM.get(form, known)}"
