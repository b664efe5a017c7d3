"""`/mail`: what waits to be sent and why, and the mail server."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from nbkeep.meter import daily
from nbkeep.outbox import manage

from .auth import ActorDep, OfficeDep
from .paging import CursorQuery, LimitQuery, Page

router = APIRouter(prefix="/mail", tags=["mail"])


class MailView(BaseModel):
    """A message. What it says is shown nowhere: it may have a link for its reader alone."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    kind: str = Field(description="`link`, `notices` or `report`")
    words: str = Field(description="What it is, in words")
    to: str = Field(description="A login name, or an address of the settings")
    state: str = Field(description="`waiting`, `sent`, `given-up` or `unneeded`")
    attempts: int
    why: str = Field(description="Why it was not sent yet, or not at all")
    created_at: datetime
    next_try_at: datetime | None
    ended_at: datetime | None


class MailStatus(BaseModel):
    """How mail is doing."""

    model_config = ConfigDict(from_attributes=True)

    state: str = Field(description="`off`, `working` or `failing`")
    server: str
    mail_from: str
    security: str
    waiting: int
    given_up: int
    sent: int = Field(description="In the last week")
    last_error: str
    failing_since: datetime | None
    next_try_at: datetime | None
    last_ok_at: datetime | None
    report_to: list[str] = Field(description="Who gets the report of each day")


class Trial(BaseModel):
    """Where to send a test."""

    model_config = ConfigDict(extra="forbid")

    to: str = Field(max_length=254, examples=["jane@acme.com"])


class ReportWanted(BaseModel):
    """Of which day."""

    model_config = ConfigDict(extra="forbid")

    day: str = Field("", max_length=20, description="Such as 2026-11-21 (UTC) [default: yesterday]")


class Told(BaseModel):
    """Who gets a message."""

    to: list[str]


@router.get("", summary="List messages")
def list_mail(
    office: OfficeDep,
    actor: ActorDep,
    state: Annotated[str, Query(max_length=20, description="waiting, sent, given-up or unneeded")] = "",
    limit: LimitQuery = 100,
    cursor: CursorQuery = None,
) -> Page[MailView]:
    """Return messages, newest first. Needs `admin:mail`."""
    with office.store.read() as tx:
        found, following = manage.list_mail(tx, actor, state=state, limit=limit, cursor=cursor)
    return Page(items=[MailView.model_validate(one) for one in found], next=following)


@router.get("/status", summary="Show how mail is doing")
def status(office: OfficeDep, actor: ActorDep) -> MailStatus:
    """Return how the mail server is doing, and how much waits. Needs `admin:mail`."""
    with office.store.read() as tx:
        return MailStatus.model_validate(manage.status(tx, office.settings, actor))


@router.post("/test", status_code=204, summary="Send a test by mail")
def test(trial: Trial, office: OfficeDep, actor: ActorDep) -> None:
    """Send one message now and wait for the server's answer. Needs `admin:mail`; is recorded."""
    manage.send_trial(office, actor, trial.to)


@router.post("/report", summary="Send the report of a day")
def report(wanted: ReportWanted, office: OfficeDep, actor: ActorDep) -> Told:
    """Send the report of a day once more to those of the settings. Needs `admin:mail`; is recorded."""
    with office.store.write() as tx:
        return Told(to=daily.ask(tx, office, actor, wanted.day))


@router.post("/{mail_id}/retry", summary="Try a message again")
def retry(mail_id: str, office: OfficeDep, actor: ActorDep) -> MailView:
    """Try again at once, also what was given up. Needs `admin:mail`; is recorded. Twice is safe."""
    with office.store.write() as tx:
        return MailView.model_validate(manage.retry(tx, office.clock, actor, mail_id))


@router.delete("/{mail_id}", status_code=204, summary="Discard a message")
def discard(mail_id: str, office: OfficeDep, actor: ActorDep) -> None:
    """Forget a message, sent or not. Needs `admin:mail`; is recorded."""
    with office.store.write() as tx:
        manage.discard(tx, office.clock, actor, mail_id)
