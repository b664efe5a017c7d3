"""Copy what somebody wants to let leave out of their home, by the node, and keep the copy by its hash."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbkeep.audit import events, journal
from nbkeep.model.actor import SYSTEM
from nbkeep.model.errors import Refused, Unavailable
from nbkeep.store.release_tables import ReleaseRow
from nbkeep.store.tables import UserRow

from . import rules
from .records import check_room
from .tell import named, tell_author
from .values import State

if TYPE_CHECKING:
    from pathlib import Path

    from nbkeep.backends.interface import Backend
    from nbkeep.model.clock import Clock
    from nbkeep.rendering.kept import Documents
    from nbkeep.settings import Settings
    from nbkeep.store.database import Store, Tx

_THIS_FILE = "copy-failed"  # of `Backend.copy_file`: the node is there, and this file cannot be copied


def copy_document(
    store: Store,
    clock: Clock,
    settings: Settings,
    documents: Documents,
    backend: Backend,
    release_id: str,
    work: Path,
) -> bool:
    """Copy the file of a release that is to be copied; tell whether it can be examined now.

    What cannot be copied fails, with the reason told to its author. Twice is safe. Raises `Unavailable` while
    the node is away, OSError where the disk is full: it is copied later then.
    """
    with store.read() as tx:
        row = tx.get(ReleaseRow, release_id)
        if row is None or row.state != State.COPYING:
            return False
        user, path = tx.get_one(UserRow, row.user_id).name, row.path
    copy = work / "copy"
    try:
        with copy.open("wb") as into:
            backend.copy_file(user, path, into, rules.MOST_BYTES)
        with store.read() as tx:
            check_room(tx, settings, row.user_id, copy.stat().st_size)
    except (Refused, Unavailable) as error:
        if isinstance(error, Unavailable) and error.code != _THIS_FILE:
            raise
        with store.write() as tx:
            _not_copied(tx, clock, release_id, error)
        return False
    data = copy.read_bytes()
    sha256 = documents.put(data)
    with store.write() as tx:
        row = tx.get(ReleaseRow, release_id)
        if row is None or row.state != State.COPYING:
            return False  # withdrawn meanwhile
        row.source_sha256, row.source_bytes = sha256, len(data)
        row.state, row.tries = State.EXAMINING.value, 0
    return True


def fail(tx: Tx, clock: Clock, row: ReleaseRow, problem: str) -> None:
    """Put on record that nothing can leave, and tell its author why."""
    row.state, row.ended_at, row.problem = State.FAILED.value, clock.now(), problem
    user = tx.get_one(UserRow, row.user_id)
    event = events.ReleaseFailed(
        session_id=row.session_id, release_id=row.id, user=user.name, gate=row.gate, problem=problem
    )
    journal.append(tx, clock, SYSTEM, event)
    tell_author(tx, clock, row, f"{named(row)} could not be let out. {problem}")


def _not_copied(tx: Tx, clock: Clock, release_id: str, error: Refused | Unavailable) -> None:
    row = tx.get(ReleaseRow, release_id)
    if row is None or row.state != State.COPYING:
        return
    row.tries += 1
    if isinstance(error, Refused) or row.tries >= rules.MOST_TRIES:
        fail(tx, clock, row, str(error))
