"""Give documents out: to their author once, to who may look at them as pages; on record before a byte."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbkeep.audit import events, journal
from nbkeep.model.errors import Refused
from nbkeep.model.verdict import Refuse
from nbkeep.rendering.compare import compare

from . import rules
from .judge import require_still
from .let_out import hash_of
from .look import COMPARE, PREVIEW, may_look, note_look
from .records import find_release, reach_of
from .values import Document, State
from .view import comparable, state_of

if TYPE_CHECKING:
    from nbkeep.model.actor import Actor
    from nbkeep.model.clock import Clock
    from nbkeep.rendering.kept import Documents
    from nbkeep.store.database import Store, Tx
    from nbkeep.store.release_tables import ReleaseRow

    from .records import Pair

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


def preview_of(store: Store, clock: Clock, documents: Documents, actor: Actor, release_id: str) -> Document:
    """Return a page that shows what would leave, with what was found marked. That they looked is recorded.

    Raises `Refused`: 404 where there is none, and for what one may not see; 403 where one sees the row alone
    (`look.may_look`); `Unavailable` where it is gone.
    """
    with store.read() as tx:
        row, _ = _find_shown(tx, clock, actor, release_id)
    if not row.preview_sha256 or row.forgotten_at is not None:
        raise _no_page(row, "preview")
    data = documents.read(row.preview_sha256)
    _note(store, clock, actor, release_id, PREVIEW, row.preview_sha256)
    return Document(data, _HTML, "preview.html", row.preview_sha256)


def comparison_of(
    store: Store, clock: Clock, documents: Documents, actor: Actor, release_id: str
) -> Document:
    """Return a page with what has changed since the last release of the same file, on record.

    Raises as `preview_of`; there is none where the one before may not be looked at, or where `compared` has
    none.
    """
    with store.read() as tx:
        row, _ = _find_shown(tx, clock, actor, release_id)
        pair = comparable(tx, actor, clock.now(), row)
    if pair is None:
        raise _no_page(row, "comparison")
    old, new = documents.read(pair[0]), documents.read(pair[1])
    _note(store, clock, actor, release_id, COMPARE, pair[1])
    return Document(compare(old, new, row.path), _HTML, "compare.html", "")


def variant_of(
    store: Store, clock: Clock, documents: Documents, actor: Actor, release_id: str, variant: str
) -> Document:
    """Return what would leave itself, for who may decide about it now, on record.

    `variant`: plain or redacted, of which there must be one. Raises as `preview_of`; 404 for everybody else.
    """
    with store.read() as tx:
        row, _ = _find_shown(tx, clock, actor, release_id)
        if row.state != State.WAITING:
            raise _no_page(row, "review")
    sha256, page = hash_of(row, variant), row.pages.get(variant, {})
    if not sha256:
        raise _no_page(row, variant)
    data = documents.read(sha256)
    _note(store, clock, actor, release_id, variant, sha256)
    return Document(data, str(page.get("media_type", "")), str(page.get("name", "")), sha256)


def _find_shown(tx: Tx, clock: Clock, actor: Actor, release_id: str) -> Pair:
    row, user = find_release(tx, actor, release_id)
    verdict = may_look(actor, reach_of(tx, actor, row), state_of(row, clock.now()))
    if isinstance(verdict, Refuse):
        raise verdict.as_error()
    return row, user


def _note(store: Store, clock: Clock, actor: Actor, release_id: str, variant: str, sha256: str) -> None:
    with store.write() as tx:
        row, user = _find_shown(tx, clock, actor, release_id)  # it may have been decided meanwhile
        note_look(tx, clock, actor, row, user.name, variant, sha256)


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
