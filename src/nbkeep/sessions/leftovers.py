"""What tools left behind in one's own home, to look at and to delete; and which secrets are to be rotated."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from nbkeep.audit import events, journal
from nbkeep.detection.records import own_rules
from nbkeep.model.errors import Refused, Unavailable, invalid, not_found
from nbkeep.model.gates import Found
from nbkeep.store.release_tables import ReleaseRow
from nbkeep.store.tables import UserRow

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from nbkeep.backends.interface import LeftFiles
    from nbkeep.model.actor import Actor
    from nbkeep.store.database import Tx

    from .interface import Parts

MOST_DELETED = 500
_LEFT = ("released", "ready")  # words of `releases.values.State`: it is with others, or can be at any moment
_MOST_RELEASES, _MOST_NAMED = 200, 100
_AT_ONCE = 2  # each takes most of a minute of a processor, and some memory
_places = threading.BoundedSemaphore(_AT_ONCE)
_looking: set[str] = set()
_looking_changes = threading.Lock()


def find_leftovers(parts: Parts, actor: Actor, user: str) -> dict[str, Any]:
    """Look through one's own home, and return what is left behind in it: masked, never a value.

    Takes up to a minute. `files`: see `backends.interface.LeftFiles`; `rotate`: secrets that may be with
    others, as they were found in what left this platform in clear, or in an export. Raises `Refused`: 404 for
    other people's, 409 while the home is looked through; `Unavailable` while too many others are.
    """
    with parts.store.read() as tx:
        row = _own(tx, actor, user)
        rules, left = own_rules(tx).text, _let_out(tx, row.id)
    with _turn(user):
        found = parts.backend.leftovers(user, rules)
    return {**asdict(found), "rotate": [*_exported(found), *left]}


def delete_leftovers(parts: Parts, actor: Actor, user: str, versions: Mapping[str, str]) -> dict[str, Any]:
    """Delete leftovers of one's own home that are as they were seen; return what went and what stays.

    `versions`: {key: version} of what `find_leftovers` returned. What is worked with is never deleted. On
    record. Twice is safe. Raises `Refused`: 400 for too many or none, 404 for other people's.
    """
    if not 0 < len(versions) <= MOST_DELETED:
        raise invalid("files", f"Name 1 to {MOST_DELETED} files.", "Choose some, and go on with others then.")
    paths = {key: _shown(key) for key in versions}
    with parts.store.read() as tx:
        _own(tx, actor, user)
    kept = parts.backend.delete_leftovers(user, versions)
    gone = [path for key, path in paths.items() if key not in kept]
    if gone:
        with parts.store.write() as tx:
            event = events.LeftoversDeleted(user=user, count=len(gone), paths=gone[:_MOST_NAMED])
            journal.append(tx, parts.clock, actor, event)
    return {
        "deleted": gone,
        "kept": [{"path": paths[key], "why": why} for key, why in kept.items() if key in paths],
    }


@contextmanager
def _turn(user: str) -> Generator[None]:
    with _looking_changes:
        if user in _looking:
            raise Refused(
                "home-in-use", "Your home is being looked through already.", "Wait a minute.", status=409
            )
        if not _places.acquire(blocking=False):
            raise Unavailable("busy", "Other homes are being looked through.", "Try again in a minute.")
        _looking.add(user)
    try:
        yield
    finally:
        _looking.discard(user)
        _places.release()


def _own(tx: Tx, actor: Actor, user: str) -> UserRow:
    actor.require("sessions")
    row = tx.get(UserRow, actor.id)
    if row is None or row.name != user:
        raise not_found("volume", user)
    return row


def _exported(found: LeftFiles) -> list[dict[str, Any]]:
    """Return the secrets in what was made to be given away."""
    once = {
        (one.rule, one.masked): {
            "title": one.title,
            "masked": one.masked,
            "path": file.path,
            "how": "",
            "at": None,
        }
        for file in found.files
        if file.kind == "export"
        for one in file.values
        if one.kind == Found.SECRET
    }
    return list(once.values())


def _let_out(tx: Tx, user_id: str) -> list[dict[str, Any]]:
    """Return the secrets in what left by a release in clear, newest first, each once for each document."""
    query = select(ReleaseRow).where(
        ReleaseRow.user_id == user_id, ReleaseRow.variant == "plain", ReleaseRow.state.in_(_LEFT)
    )
    rows = tx.scalars(query.order_by(ReleaseRow.requested_at.desc()).limit(_MOST_RELEASES))
    once: dict[tuple[str, str, str], dict[str, Any]] = {}
    for row in rows:
        for one in row.findings:
            if one["kind"] == Found.SECRET:
                at = row.taken_at or row.decided_at or row.requested_at
                told = {"title": one["title"], "masked": one["masked"], "path": row.path, "how": row.gate,
                        "at": at.isoformat()}  # fmt: skip
                once.setdefault((row.path, one["rule"], one["masked"]), told)
    return list(once.values())[:_MOST_NAMED]


def _shown(key: str) -> str:
    try:
        text = bytes.fromhex(key).decode("utf-8", "backslashreplace")
    except ValueError as error:
        raise invalid("files", f"{key[:60]!r} is no key of a file.", "Take it from the list.") from error
    return "".join(one if one.isprintable() else "\ufffd" for one in text)[:1000]
