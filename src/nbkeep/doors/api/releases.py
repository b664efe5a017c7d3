"""/api/v1/releases: documents that leave, asked for with a reason and decided by policies and reviewers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from nbkeep.releases import decide, take
from nbkeep.releases.records import find_release, list_releases
from nbkeep.releases.request import request_release
from nbkeep.releases.values import Wanted
from nbkeep.releases.view import release_view
from nbkeep.rendering.interface import Keep
from nbkeep.rendering.kept import Documents

from .auth import ActorDep, OfficeDep
from .documents import file_answer, page_answer
from .paging import CursorQuery, LimitQuery, Page

if TYPE_CHECKING:
    from nbkeep.app import Office
    from nbkeep.model.actor import Actor
    from nbkeep.store.database import Tx

router = APIRouter(prefix="/releases", tags=["releases"])


class Kept(BaseModel):
    """What of a notebook goes along; all else is left out."""

    model_config = ConfigDict(extra="forbid")

    code: bool = True
    outputs: bool = True
    markdown: bool = True
    raw_cells: bool = False
    hidden_cells: bool = Field(
        default=False, description="Folded ones, and those that tags take out of exports"
    )
    attachments: bool = True
    tags: bool = False


class ReleaseWanted(BaseModel):
    """What is to leave, by which way, as what, why, and by the rules of which session.

    `to` and `until` are for share and publish.
    """

    model_config = ConfigDict(extra="forbid")

    path: str = Field(max_length=5000, examples=["work/churn.ipynb"], description="From your home on")
    gate: Literal["download", "export", "share", "publish"]
    form: Literal["", "ipynb", "html", "pdf", "script", "slides", "original"] = Field(
        "", description="Without one: HTML of a notebook to be shared, else the file as it is"
    )
    keep: Kept = Kept()
    reason: str = Field("", max_length=2000, description="What it is for; downloads need none")
    to: list[str] = Field(default_factory=list, max_length=100, examples=[["user:bob", "project:orion"]])
    until: str = Field("", max_length=40, examples=["7d"], description="How long a share lasts")
    title: str = Field("", max_length=400)
    description: str = Field("", max_length=4000)
    tags: list[str] = Field(default_factory=list, max_length=50)
    project: str = Field("", max_length=60, description="For which of yours, if you are in several")
    session: str = Field("", max_length=24, description="Whose profile counts; without one your latest")

    def wanted(self) -> Wanted:
        """Return it as the room reads it."""
        return Wanted(
            path=self.path,
            gate=self.gate,
            form=self.form,
            keep=Keep(**self.keep.model_dump()),
            reason=self.reason,
            audience=tuple(self.to),
            until=self.until,
            title=self.title,
            description=self.description,
            tags=tuple(self.tags),
            project=self.project,
            session_id=self.session,
        )


class ReleaseApproval(BaseModel):
    """Exactly what may leave: the hash of what you have looked at."""

    model_config = ConfigDict(extra="forbid")

    sha256: str = Field(max_length=64, description="`plain.sha256` or `redacted.sha256` of the release")
    redacted: bool = Field(default=False, description="Without what was found in it")
    reason: str = Field("", max_length=2000)


class ReleaseDenial(BaseModel):
    """Why; its author is told."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(max_length=2000)


class CellComment(BaseModel):
    """Words about one cell, from 1 as JupyterLab counts; 0 is the document."""

    model_config = ConfigDict(extra="forbid")

    cell: int = Field(0, ge=0)
    text: str = Field(max_length=4000)


class ReleaseReturn(BaseModel):
    """What is to be changed: words for all of it, for cells, or both."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field("", max_length=2000)
    comments: list[CellComment] = Field(default_factory=list[CellComment], max_length=1000)


@router.get("", summary="List releases")
def list_all(
    office: OfficeDep,
    actor: ActorDep,
    *,
    show: Annotated[
        Literal["mine", "to-review", "all"],
        Query(description="Yours, those that wait for your decision, or all that you may see"),
    ] = "all",
    state: Annotated[str, Query(max_length=20, description="Such as `waiting`")] = "",
    limit: LimitQuery = 100,
    cursor: CursorQuery = None,
) -> Page[dict[str, Any]]:
    """Return releases, newest first: yours, and as a reviewer those that need or needed a review."""
    now = office.clock.now()
    with office.store.read() as tx:
        found = list_releases(tx, actor, show=show, state=state, limit=limit, cursor=cursor)
        items = [release_view(tx, actor, now, *one, whole=False) for one in found.items]
    return Page(items=items, next=found.next)


@router.post("", status_code=202, summary="Ask to let a document leave")
def request(wanted: ReleaseWanted, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Have a file of your home copied and examined; ask by its id until its `state` says what came of it."""
    with office.store.write() as tx:
        row = request_release(tx, office.clock, office.settings, actor, wanted.wanted())
        return _view(tx, office, actor, row.id)


@router.get("/{release_id}", summary="Show a release")
def show_one(release_id: str, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Return what was asked for, what was found (masked), what was decided and why."""
    with office.store.read() as tx:
        return _view(tx, office, actor, release_id)


@router.get("/{release_id}/preview", response_class=Response, summary="Look at what would leave")
def preview(release_id: str, office: OfficeDep, actor: ActorDep) -> Response:
    """Return a page of HTML without scripts, with what was found marked. That you looked is recorded.

    For its reviewers, and for its author once it may leave.
    """
    return page_answer(take.preview_of(office.store, office.clock, documents_of(office), actor, release_id))


@router.get("/{release_id}/compare", response_class=Response, summary="Compare with the last release")
def comparison(release_id: str, office: OfficeDep, actor: ActorDep) -> Response:
    """Return a page of HTML with what has changed since the same file left before; for who may see both."""
    return page_answer(
        take.comparison_of(office.store, office.clock, documents_of(office), actor, release_id)
    )


@router.get("/{release_id}/document", response_class=Response, summary="Take a document")
def document(release_id: str, office: OfficeDep, actor: ActorDep) -> Response:
    """Return a document of yours that may leave, once. That it left is recorded."""
    return file_answer(
        take.take_document(office.store, office.clock, documents_of(office), actor, release_id)
    )


@router.post("/{release_id}/approve", summary="Approve a release")
def approve(release_id: str, body: ReleaseApproval, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Let out what somebody else asked for: exactly the bytes with that hash."""
    with office.store.write() as tx:
        decide.approve_release(
            tx,
            office.clock,
            office.settings,
            actor,
            release_id,
            sha256=body.sha256,
            redacted=body.redacted,
            reason=body.reason,
        )
        return _view(tx, office, actor, release_id)


@router.post("/{release_id}/deny", summary="Deny a release")
def deny(release_id: str, body: ReleaseDenial, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Turn a request down, with a reason that its author is told."""
    with office.store.write() as tx:
        decide.deny_release(tx, office.clock, actor, release_id, body.reason)
        return _view(tx, office, actor, release_id)


@router.post("/{release_id}/send-back", summary="Send a release back")
def send_back(release_id: str, body: ReleaseReturn, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """Have its author change the document first, with comments on its cells."""
    with office.store.write() as tx:
        comments = [one.model_dump() for one in body.comments]
        decide.send_back_release(tx, office.clock, actor, release_id, reason=body.reason, comments=comments)
        return _view(tx, office, actor, release_id)


@router.post("/{release_id}/withdraw", summary="Withdraw a release")
def withdraw(release_id: str, office: OfficeDep, actor: ActorDep) -> dict[str, Any]:
    """End a request of yours before the document has left; with `admin:releases` anybody's."""
    with office.store.write() as tx:
        decide.withdraw_release(tx, office.clock, actor, release_id)
        return _view(tx, office, actor, release_id)


def documents_of(office: Office) -> Documents:
    """Return where an office keeps documents."""
    return Documents(office.settings.documents_dir)


def _view(tx: Tx, office: Office, actor: Actor, release_id: str) -> dict[str, Any]:
    row, user = find_release(tx, actor, release_id)
    return release_view(tx, actor, office.clock.now(), row, user)
