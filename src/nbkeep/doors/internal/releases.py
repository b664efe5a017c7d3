"""/internal/v1/session/releases: what a session's user asks to let leave, by the session's token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from fastapi.responses import Response

from nbkeep.doors.api.auth import OfficeDep, refuse_proxied
from nbkeep.doors.api.documents import file_answer
from nbkeep.doors.api.releases import ReleaseWanted, documents_of
from nbkeep.model.actor import ROLE_SCOPES, Actor, Role
from nbkeep.model.errors import Refused, not_found
from nbkeep.releases.decide import withdraw_release
from nbkeep.releases.records import find_release, list_releases
from nbkeep.releases.request import request_release
from nbkeep.releases.rules import ASK
from nbkeep.releases.take import take_document
from nbkeep.releases.view import release_view
from nbkeep.sessions.identity import session_of
from nbkeep.store.tables import UserRow

from .session import TokenDep

if TYPE_CHECKING:
    from nbkeep.store.database import Tx
    from nbkeep.store.tables import SessionRow

router = APIRouter(prefix="/session/releases", dependencies=[Depends(refuse_proxied)])
IdDep = Annotated[str, Path(max_length=24)]


@router.post("", status_code=202)
def request(wanted: ReleaseWanted, office: OfficeDep, token: TokenDep) -> dict[str, Any]:
    """Ask to let a file of the home leave, by the rules of this session's profile."""
    with office.store.write() as tx:
        session = session_of(tx, token)
        actor = _asker(tx, session)
        row = request_release(tx, office.clock, office.settings, actor, wanted.wanted(session.id))
        return _own(tx, office, actor, row.id)


@router.get("")
def list_own(
    office: OfficeDep, token: TokenDep, limit: Annotated[int, Query(ge=1, le=100)] = 20
) -> dict[str, Any]:
    """Return the user's newest releases, and where they are looked after."""
    with office.store.read() as tx:
        actor = _asker(tx, session_of(tx, token))
        now = office.clock.now()
        found = list_releases(tx, actor, show="mine", limit=limit)
        return {"items": [release_view(tx, actor, now, *one, whole=False) for one in found.items]}


@router.get("/{release_id}")
def show(release_id: IdDep, office: OfficeDep, token: TokenDep) -> dict[str, Any]:
    """Return what became of one of the user's own releases."""
    with office.store.read() as tx:
        return _own(tx, office, _asker(tx, session_of(tx, token)), release_id)


@router.get("/{release_id}/document", response_class=Response)
def document(release_id: IdDep, office: OfficeDep, token: TokenDep) -> Response:
    """Return a document that may leave, once."""
    with office.store.read() as tx:
        actor = _asker(tx, session_of(tx, token))
    return file_answer(take_document(office.store, office.clock, documents_of(office), actor, release_id))


@router.post("/{release_id}/withdraw")
def withdraw(release_id: IdDep, office: OfficeDep, token: TokenDep) -> dict[str, Any]:
    """End a request of the user before the document has left."""
    with office.store.write() as tx:
        actor = _asker(tx, session_of(tx, token))
        withdraw_release(tx, office.clock, actor, release_id)
        return _own(tx, office, actor, release_id)


def _asker(tx: Tx, session: SessionRow) -> Actor:
    """Return the session's user as who asks: whatever their role may do, here they are an author alone.

    Raises `Refused`: 401 where they were disabled, 403 while an incident holds them or the session: that may
    run on for a moment, and a token that was copied out of it would do for longer.
    """
    user = tx.get_one(UserRow, session.user_id)
    if user.held_by is not None or session.held_by is not None:
        raise Refused("held-by-incident", "Nothing leaves this session while a security incident is open.",
                      f"Ask an admin, and name {session.held_by or user.held_by}.")  # fmt: skip
    if user.status != "active":
        raise Refused("not-active", f"{user.name} is not active any more.", "Ask an admin.", status=401)
    return Actor(user.id, user.name, ROLE_SCOPES[Role(user.role)] & {ASK}, kind="session", via="session")


def _own(tx: Tx, office: OfficeDep, actor: Actor, release_id: str) -> dict[str, Any]:
    row, user = find_release(tx, actor, release_id)
    if row.user_id != actor.id:
        raise not_found("release", release_id)
    return release_view(tx, actor, office.clock.now(), row, user)
