"""`/audit/forwards`: where the journal is sent on to."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from nbkeep.forwarding import destinations, rules
from nbkeep.forwarding.deliver import send_trial
from nbkeep.model.errors import invalid

from .auth import ActorDep, OfficeDep

router = APIRouter(prefix="/audit/forwards", tags=["audit"])


class ForwardWanted(BaseModel):
    """A destination. Exactly one of `webhook` and `syslog` says where it is."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=100, examples=["siem"])
    webhook: str | None = Field(None, max_length=1000, examples=["https://siem.acme.com/nbkeep"])
    syslog: str | None = Field(None, max_length=300, description="HOST or HOST:PORT, with TLS")
    plain: bool = Field(False, description="Syslog without TLS, within this machine alone")
    secret: str = Field(
        "", max_length=400, description="Where a webhook's secret lies: file:/PATH or env:NAME"
    )
    ca_file: str = Field("", max_length=400, description="A file on the server: the authorities to trust")
    from_start: bool = Field(False, description="Send all that is on record already, too")


class ForwardView(BaseModel):
    """How a destination is doing."""

    name: str
    place: str
    secret: str = Field(description="Where its secret lies")
    ca_file: str
    state: str = Field(description="`active`, `failing` or `paused`")
    cursor_seq: int = Field(description="It has every record up to this one")
    lag: int = Field(description="Records that it does not have yet")
    failures: int = Field(description="In a row")
    last_error: str
    failing_since: datetime | None
    next_try_at: datetime | None
    last_ok_at: datetime | None


class Tried(BaseModel):
    """A message that is no record has arrived."""

    ok: bool


@router.get("", summary="List the places to which the journal is sent on")
def list_all(office: OfficeDep, actor: ActorDep) -> list[ForwardView]:
    """Return how all destinations are doing. Needs `audit:read`."""
    with office.store.read() as tx:
        return [_view(one) for one in destinations.statuses(tx, actor)]


@router.post("", status_code=201, summary="Send the journal on to a place")
def add(wanted: ForwardWanted, office: OfficeDep, actor: ActorDep) -> ForwardView:
    """Add a destination. Needs `admin:audit`; is recorded."""
    actor.require(destinations.ADMIN)
    place = _place(wanted)
    with office.store.write() as tx:
        told = wanted.model_dump(include={"name", "secret", "ca_file", "from_start"})
        row = destinations.add(tx, office.clock, office.settings, actor, place=place, **told)
        return _view(destinations.status_of(row, destinations.head_seq(tx)))


@router.post("/{name}/pause", summary="Stop sending to a place for now")
def pause(name: str, office: OfficeDep, actor: ActorDep) -> ForwardView:
    """Pause a destination; nothing is lost by it. Needs `admin:audit`. Twice is safe."""
    with office.store.write() as tx:
        row = destinations.pause(tx, office.clock, actor, name)
        return _view(destinations.status_of(row, destinations.head_seq(tx)))


@router.post("/{name}/resume", summary="Go on sending to a place")
def resume(name: str, office: OfficeDep, actor: ActorDep) -> ForwardView:
    """Go on from where it stopped, at once. Needs `admin:audit`. Twice is safe."""
    with office.store.write() as tx:
        row = destinations.resume(tx, office.clock, actor, name)
        return _view(destinations.status_of(row, destinations.head_seq(tx)))


@router.post("/{name}/test", summary="Send a message that is no record")
def test(name: str, office: OfficeDep, actor: ActorDep) -> Tried:
    """Send one message and wait for the answer, at most half a minute. Needs `admin:audit`."""
    with office.store.read() as tx:
        row = destinations.find(tx, actor, name, destinations.ADMIN)
    send_trial(office, row)
    return Tried(ok=True)


@router.delete("/{name}", status_code=204, summary="Send no more to a place")
def remove(name: str, office: OfficeDep, actor: ActorDep) -> None:
    """Forget a destination and how far it is. Needs `admin:audit`; is recorded."""
    with office.store.write() as tx:
        destinations.remove(tx, office.clock, actor, name)


def _place(wanted: ForwardWanted) -> rules.Place:
    if (wanted.webhook is None) == (wanted.syslog is None):
        raise invalid("place", "Where is it?", "Give one of webhook and syslog.")
    if wanted.syslog is not None:
        return rules.syslog(wanted.syslog, tls=not wanted.plain)
    if wanted.plain:
        raise invalid("plain", "A webhook is sent to over https alone.", "Leave plain out.")
    return rules.webhook(wanted.webhook or "")


def _view(status: destinations.Status) -> ForwardView:
    return ForwardView.model_validate(status, from_attributes=True)
