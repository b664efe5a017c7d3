"""/api/v1/pushes: commits that git wants to send to a forge, and that wait for, or had, a review."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from nbkeep.pushes import decide
from nbkeep.pushes.records import find_push, list_pushes
from nbkeep.pushes.view import page_of, push_view
from nbkeep.rendering.kept import Documents

from .auth import ActorDep, OfficeDep
from .paging import CursorQuery, LimitQuery, Page

if TYPE_CHECKING:
    from nbkeep.app import Office
    from nbkeep.model.actor import Actor
    from nbkeep.store.database import Tx

router = APIRouter(prefix="/pushes", tags=["pushes"])


class PushApproval(BaseModel):
    """Exactly what may be pushed: the fingerprint of what you have looked at."""

    model_config = ConfigDict(extra="forbid")

    fingerprint: str = Field(max_length=64, description="`fingerprint` of the push")
    reason: str = Field("", max_length=2000)


class PushAnswer(BaseModel):
    """Why, or what is to be changed; its author is told."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(max_length=2000)


@router.get("", summary="List pushes that need a review")
def list_all(
    office: OfficeDep,
    actor: ActorDep,
    *,
    show: Annotated[
        Literal["mine", "to-review", "all"],
        Query(description="Yours, those that wait for your decision, or all that you may see"),
    ] = "all",
    limit: LimitQuery = 100,
    cursor: CursorQuery = None,
) -> Page[dict[str, Any]]:
    """Return pushes that were held, newest first: yours, and as a reviewer everybody's."""
    now = office.clock.now()
    with office.store.read() as tx:
        found = list_pushes(tx, actor, now, show=show, limit=limit, cursor=cursor)
        items = [push_view(actor, now, *one, whole=False) for one in found.items]
    return Page(items=items, next=found.next)


@router.get("/{push_id}", summary="Show a push")
def show_one(push_id: str, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Return what would be pushed where, what was found (masked), what was decided and why."""
    with office.store.read() as tx:
        return _view(tx, office, actor, push_id)


@router.get("/{push_id}/contents", summary="Look at what would be pushed")
def contents(push_id: str, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Return commits and files, with what was found masked. That you looked is recorded.

    `pieces`: texts, each with the title of what was found there, or "". `changes` of a file: its lines since
    it was pushed before, each with `same`, `added`, `removed`, `part` or `gap`, and its pieces.
    """
    documents = Documents(office.settings.pushes_dir)
    return dict(page_of(office.store, office.clock, documents, actor, push_id))


@router.post("/{push_id}/approve", summary="Approve a push")
def approve(push_id: str, body: PushApproval, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Let somebody else's push pass once, when they push exactly the same again."""
    with office.store.write() as tx:
        decide.approve_push(
            tx,
            office.clock,
            office.settings,
            actor,
            push_id,
            fingerprint=body.fingerprint,
            reason=body.reason,
        )
        return _view(tx, office, actor, push_id)


@router.post("/{push_id}/deny", summary="Deny a push")
def deny(push_id: str, body: PushAnswer, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Turn a push down, with a reason that its author is told."""
    with office.store.write() as tx:
        decide.deny_push(tx, office.clock, actor, push_id, body.reason)
        return _view(tx, office, actor, push_id)


@router.post("/{push_id}/send-back", summary="Send a push back")
def send_back(push_id: str, body: PushAnswer, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Have its author change the commits first, with words."""
    with office.store.write() as tx:
        decide.send_back_push(tx, office.clock, actor, push_id, body.reason)
        return _view(tx, office, actor, push_id)


@router.post("/{push_id}/withdraw", summary="Withdraw a push")
def withdraw(push_id: str, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """End a request of yours before anything was sent; with `admin:releases` anybody's."""
    with office.store.write() as tx:
        decide.withdraw_push(tx, office.clock, actor, push_id)
        return _view(tx, office, actor, push_id)


def _view(tx: Tx, office: Office, actor: Actor, push_id: str) -> dict[str, Any]:
    row, user = find_push(tx, actor, push_id)
    return push_view(actor, office.clock.now(), row, user)
