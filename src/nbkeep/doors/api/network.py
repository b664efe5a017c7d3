"""/api/v1/network: what sessions connected to, what stands out, and which rule decides about a host."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import AwareDatetime

from nbkeep.egress import log
from nbkeep.egress.explain import rule_json
from nbkeep.model.errors import invalid
from nbkeep.sessions.beyond_rules import beyond_rules
from nbkeep.sessions.explain import explain_host
from nbkeep.sessions.policies import profile_policy, session_policy

from .auth import ActorDep, OfficeDep
from .paging import CursorQuery, LimitQuery, Page

router = APIRouter(prefix="/network", tags=["network"])


def get_wanted(
    session: Annotated[str, Query(max_length=24, description="Session id")] = "",
    user: Annotated[str, Query(max_length=60, description="Login name")] = "",
    host: Annotated[
        str, Query(max_length=260, description="A name or address, `*.name` for what lies below, `*part*`")
    ] = "",
    outcome: Annotated[Literal["", "allowed", "refused", "trial"], Query()] = "",
    since: Annotated[AwareDatetime | None, Query(description="From then on")] = None,
    until: Annotated[AwareDatetime | None, Query(description="Before then")] = None,
) -> log.Wanted:
    """Return what a query looks for."""
    return log.Wanted(session, user, host, outcome, since=_utc(since), until=_utc(until))


WantedDep = Annotated[log.Wanted, Depends(get_wanted)]


@router.get("/connections", summary="The log of connections")
def connections(
    office: OfficeDep, actor: ActorDep, wanted: WantedDep, limit: LimitQuery = 100, cursor: CursorQuery = None
) -> Page[dict[str, Any]]:
    """Return connections, newest first: those of your own sessions, or everybody's with `network:read`.

    `outcome`: `allowed`, `refused`, or `trial`: let through, and refused once the trial of the profile ends.
    """
    with office.store.read() as tx:
        found = log.search(tx, actor, wanted, limit=limit, cursor=cursor)
    return Page(items=found.items, next=found.next)


@router.get("/top", summary="What stands out")
def top(
    office: OfficeDep,
    actor: ActorDep,
    wanted: WantedDep,
    by: Annotated[Literal["host", "user", "session", "rule"], Query(description="What to group by")] = "host",
    limit: LimitQuery = 10,
) -> dict[str, Any]:
    """Return groups of connections, those that most was sent to first, and the sums over all of them."""
    with office.store.read() as tx:
        items = log.top(tx, actor, wanted, by=by, limit=limit)
        return {"items": items, "next": None, "total": log.totals(tx, actor, wanted)}


@router.get("/explain", summary="Which rule decides about a host")
def explain(
    office: OfficeDep,
    actor: ActorDep,
    host: Annotated[str, Query(max_length=300, description="HOST or HOST:PORT; 443 without a port")],
    session: Annotated[str, Query(max_length=24, description="For this session")] = "",
    profile: Annotated[str, Query(max_length=80, description="Or for sessions of this profile")] = "",
    method: Annotated[str, Query(max_length=20, description="About one request: its method")] = "",
    path: Annotated[str, Query(max_length=2000, description="About one request: its path")] = "",
    project: Annotated[str, Query(max_length=60, description="With a profile: of a member of this")] = "",
    classification: Annotated[
        str, Query(max_length=20, description="With a profile: of a session that carries this class")
    ] = "",
) -> dict[str, Any]:
    """Tell whether a session could reach a host now, by which rule and why; nothing is connected to.

    With a method or a path: whether it could send this request there. `project` and `classification` go
    with a profile: a session has those of its own.

    `rules` are all that hold for it, `keeps` what a class of data leaves of them, `closed_by` what has closed
    the public internet; `version` changes when one of them does. `also`: what happens beside
    the rules, in words: keys that are added, packages that are picked, calls that are counted.
    """
    if bool(session) == bool(profile):
        raise invalid("session", "Whose rules?", "Give either a session or a profile.")
    if session and (project or classification):
        raise invalid(
            "session", "A session has its own projects and its own class.", "Give a profile instead."
        )
    with office.store.read() as tx:
        policy = (
            session_policy(tx, office.settings, actor, session, office.clock.now())
            if session
            else profile_policy(
                tx, office.settings, actor, profile, project=project, classification=classification
            )
        )
        found = explain_host(tx, office.clock.now(), policy, host, method, path)
        also = beyond_rules(tx, office.clock, actor, office.settings.currency, policy, found.host, found.port)
    return {
        **found.as_json(),
        "also": also,
        "public_internet": policy.public_internet,
        "dry_run": policy.dry_run,
        "rules": [rule_json(rule) for rule in policy.rules],
        "keeps": [rule_json(rule) for rule in policy.keeps],
        "closed_by": policy.closed_by,
        "version": policy.version,
    }


def _utc(at: datetime | None) -> datetime | None:
    return at.astimezone(UTC) if at else None
