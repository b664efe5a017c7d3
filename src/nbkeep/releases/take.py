"""Give documents out: to their author once, to who may see them as pages to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbkeep.audit import events, journal
from nbkeep.model.errors import Refused
from nbkeep.rendering.compare import compare

from . import rules
from .judge import require_still
from .records import find_release, previous_of
from .values import Document, State
from .view import compared, state_of

if TYPE_CHECKING:
    from nbkeep.model.actor import Actor
    from nbkeep.model.clock import Clock
    from nbkeep.rendering.kept import Documents
    from nbkeep.store.database import Store, Tx
    from nbkeep.store.release_tables import ReleaseRow

_HTML = "text/html; charset=utf-8"


def take_document(
    store: Store, clock: Clock, documents: Documents, actor: Actor, release_id: str
) -> Document:
    """Return what its author may take, once, on record before a byte of it is given.

    Raises `Refused`: 404 for what one may not see, 403 for who is not its author, 409 where it is not ready,
    was taken before, or may not leave by what is decided since; `Unavailable` where the document is gone or
    was changed on the disk. It stays ready where it may not leave now, and where it could not be read.
    """
    with store.read() as tx:
        row = _ready(tx, clock, actor, release_id)
    data = documents.read(row.approved_sha256)
    with store.write() as tx:
        row = _ready(tx, clock, actor, release_id)  # another one may have been faster
        require_still(tx, row)
        page = row.pages.get(row.variant, {})
        row.state = State.RELEASED.value
        row.taken_at = row.ended_at = clock.now()
        event = events.ReleaseTaken(
            session_id=row.session_id,
            release_id=row.id,
            user=actor.name,
            gate=row.gate,
            path=row.path,
            sha256=row.approved_sha256,
            variant=row.variant,
            bytes=len(data),
        )
        journal.append(tx, clock, actor, event)
        name, media_type = str(page.get("name", "document")), str(page.get("media_type", ""))
        return Document(data, media_type or "application/octet-stream", name, row.approved_sha256)


def preview_of(store: Store, documents: Documents, actor: Actor, release_id: str) -> Document:
    """Return a page that shows what would leave, with what was found marked; for its author and reviewers.

    Raises `Refused` (404) where there is none, and for what one may not see; `Unavailable` where it is gone.
    """
    with store.read() as tx:
        row, _ = find_release(tx, actor, release_id)
    if not row.preview_sha256 or row.forgotten_at is not None:
        raise _no_page(row, "preview")
    data = documents.read(row.preview_sha256)
    return Document(data, _HTML, "preview.html", row.preview_sha256)


def comparison_of(store: Store, documents: Documents, actor: Actor, release_id: str) -> Document:
    """Return a page with what has changed since the last release of the same file.

    Raises as `preview_of`; there is none where the one before cannot be seen, or where `compared` has none.
    """
    with store.read() as tx:
        row, _ = find_release(tx, actor, release_id)
        before = previous_of(tx, actor, row)
    pair = compared(before, row) if before is not None else None
    if pair is None:
        raise _no_page(row, "comparison")
    old, new = documents.read(pair[0]), documents.read(pair[1])
    return Document(compare(old, new, row.path), _HTML, "compare.html", "")


def _ready(tx: Tx, clock: Clock, actor: Actor, release_id: str) -> ReleaseRow:
    row, user = find_release(tx, actor, release_id)
    if row.user_id != actor.id or not actor.may(rules.ASK):
        raise Refused("not-yours", f"{row.id} is a document of {user.name}, who alone takes it.",
                      "Ask for a share of it.")  # fmt: skip
    state = state_of(row, clock.now())
    if state is State.READY:
        return row
    again = f"Ask again: `nbkeep release request {row.path} --gate {row.gate}`."
    if state is State.RELEASED and row.taken_at is not None:
        raise Refused("already-taken", f"{row.id} was taken on {row.taken_at:%Y-%m-%d %H:%M} UTC, and is "
                      "given once.", again, status=409)  # fmt: skip
    if row.share_id:
        again = f"It is shared: `nbkeep share show {row.share_id}`."
    if state in {State.COPYING, State.EXAMINING, State.WAITING}:
        again = f"Wait; `nbkeep release show {row.id}` tells what becomes of it."
    raise Refused("not-ready", f"{row.id} is {state}, and cannot be taken.", again, status=409)


def _no_page(row: ReleaseRow, what: str) -> Refused:
    gone = "any more" if row.forgotten_at is not None else "of it"
    return Refused(f"no-{what}", f"There is no {what} {gone}.", "See `nbkeep release show`.", status=404)
