"""Run a document in quarantine: in a session that gets nothing of its person but this one file."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nbkeep.audit import events, journal
from nbkeep.model.errors import NbkeepError, Refused
from nbkeep.model.session import StopReason
from nbkeep.profiles.profiles import list_profiles

from .end import end_session
from .start import check_origins, hand_to_hub, request_session

if TYPE_CHECKING:
    from nbkeep.model.actor import Actor
    from nbkeep.rendering.kept import Documents
    from nbkeep.settings import Settings
    from nbkeep.store.database import Tx

    from .interface import Parts

MOST_BYTES = 64 << 20
_LONGEST_NAME = 100
_LONGEST_ENDING = 20


@dataclass(frozen=True)
class Document:
    """A kept document, by the SHA-256 (hex) of what it holds; `name`: as its author called it."""

    name: str
    sha256: str


def offered(tx: Tx, settings: Settings, actor: Actor) -> str | None:
    """Return the profile in quarantine that somebody would run documents in, None where none is offered.

    Of several the one that costs least, as the start page lists them. None where all sessions share one
    origin: none is started in quarantine there.
    """
    if settings.unsafe_shared_origin or not (actor.may("sessions") and actor.may("profiles:read")):
        return None
    found = (one for one, _ in list_profiles(tx, actor) if one.quarantine and one.enabled)
    return next((one.name for one in found), None)


def run_in_quarantine(
    parts: Parts, actor: Actor, documents: Documents, document: Document, profile: str | None = None
) -> str:
    """Start a session in quarantine that opens a kept document, and return its id; the hub has been asked.

    `profile`: one in quarantine, else the one that is `offered`. Raises as `start_session` does, and
    `Unavailable` where the document is gone. Not safe twice: each call asks for a session of its own.
    """
    session_id = request_in_quarantine(parts, actor, documents, document, profile)
    hand_to_hub(parts, actor, session_id)
    return session_id


def request_in_quarantine(
    parts: Parts, actor: Actor, documents: Documents, document: Document, profile: str | None = None
) -> str:
    """Do the same without asking the hub, for doors that answer first (`hand_to_hub` comes next)."""
    return request_with(parts, actor, document.name, documents.read(document.sha256), profile)


def request_with(
    parts: Parts, actor: Actor, name: str, data: bytes, profile: str | None = None, user: str | None = None
) -> str:
    """Do the same with a document that is kept nowhere. `user`: for somebody else, needs `admin:sessions`."""
    if len(data) > MOST_BYTES:
        raise Refused("document-too-large", f"A document has {MOST_BYTES:,} bytes at most here.",
                      "Start a session in quarantine, and upload it there.", status=413)  # fmt: skip
    name = file_name(name)
    profile = profile or _one_offered(parts, actor)
    session_id = request_session(parts, actor, profile, user=user, opens=name)
    try:
        parts.backend.give_file(session_id, name, data)
        sha256 = hashlib.sha256(data).hexdigest()
        with parts.store.write() as tx:
            given = events.DocumentQuarantined(
                session_id=session_id, user=user or actor.name, name=name, sha256=sha256, bytes=len(data)
            )
            journal.append(tx, parts.clock, actor, given)
    except NbkeepError as error:
        end_session(parts, actor, session_id, StopReason.START_FAILED, str(error))
        raise
    return session_id


def file_name(name: str) -> str:
    """Return a name for a file in the home itself: of what its author wrote, without folders and controls.

    >>> file_name("../../.bashrc"), file_name("a/b/plan.ipynb"), file_name("")
    ('bashrc', 'plan.ipynb', 'document')
    """
    last = name.replace("\\", "/").rpartition("/")[2]
    plain = "".join(letter if letter.isprintable() else "_" for letter in last).strip().lstrip(".~ ")
    stem, dot, ending = plain.rpartition(".")
    if dot and stem and len(ending) <= _LONGEST_ENDING:
        return f"{_cut(stem, _LONGEST_NAME - len(ending))}.{ending}"
    return _cut(plain, _LONGEST_NAME) or "document"


def _cut(text: str, most: int) -> str:
    """Return the beginning of a text that is at most so many characters, and twice as many bytes, long."""
    return text[:most].encode("utf-8", "replace")[: 2 * most].decode("utf-8", "ignore").strip()


def _one_offered(parts: Parts, actor: Actor) -> str:
    check_origins(parts.settings)
    with parts.store.read() as tx:
        found = offered(tx, parts.settings, actor)
    if found is None:
        raise Refused("no-quarantine", "No profile in quarantine is offered to you.",
                      "Ask an admin: `nbkeep profile set PROFILE --quarantine`.", status=409)  # fmt: skip
    return found
