"""What sessions connected to: everybody's for those who may see it, else one's own; and why, for a host."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import Response

from nbkeep.audit import search as audit
from nbkeep.egress import log
from nbkeep.model.errors import Refused
from nbkeep.profiles.profiles import list_profiles
from nbkeep.sessions.beyond_rules import beyond_rules
from nbkeep.sessions.explain import explain_host
from nbkeep.sessions.policies import profile_policy, session_policy

from .errors import field_errors
from .guard import SignedIn
from .render import page

if TYPE_CHECKING:
    from nbkeep.app import Office
    from nbkeep.store.database import Tx

    from .browser import Browser

router = APIRouter(prefix="/network")
_PAGE = 50
_TOP = 6
PERIODS = (
    ("1h", "Last hour", timedelta(hours=1)),
    ("24h", "Last 24 hours", timedelta(days=1)),
    ("7d", "Last 7 days", timedelta(days=7)),
    ("30d", "Last 30 days", timedelta(days=30)),
    ("", "All that is kept", None),
)
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
OUTCOMES = (("", "All"), ("refused", "Refused"), ("trial", "Only on trial"), ("allowed", "Allowed"))


@router.get("")
def show(
    request: Request,
    browser: SignedIn,
    *,
    host: str = "",
    user: str = "",
    session: str = "",
    outcome: str = "",
    rule: str = "",
    period: str | None = None,
    cursor: str = "",
    ask: str = "",
    of: str = "",
    method: str = "",
) -> Response:
    """Show what stands out and one page of connections.

    `ask`: a host, `of`: for which profile or session; `method`: about a request with it, not about the host.
    """
    office: Office = request.app.state.office
    # One session is looked at whole; of everything, today.
    chosen = period if period is not None else ("" if session else "24h")
    filters = {"host": host.strip(), "user": user.strip(), "session": session.strip(), "outcome": outcome,
               "rule": rule.strip(), "period": chosen}  # fmt: skip
    lasts = next((span for name, _, span in PERIODS if name == chosen), timedelta(days=1))
    wanted = log.Wanted(
        session=filters["session"],
        user=filters["user"],
        host=filters["host"],
        outcome=outcome,
        rule=filters["rule"],
        since=office.clock.now() - lasts if lasts else None,
    )
    errors: dict[str, str] = {}
    values: dict[str, Any] = {name: [] for name in ("items", "sent", "refused", "alarms")}
    values |= {"total": None, "next_url": ""}
    first = f"/portal/network?{urlencode(filters)}"
    with office.store.read() as tx:
        try:
            found = log.search(tx, browser.actor, wanted, limit=_PAGE, cursor=cursor or None)
            values |= {"items": found.items, **_summary(tx, browser, wanted)}
            values["alarms"] = _alarms(tx, browser, wanted)
            values["next_url"] = f"{first}&{urlencode({'cursor': found.next})}" if found.next else ""
        except Refused as refusal:
            if refusal.status != 400:  # what was typed wrongly is told on the page
                raise
            errors = field_errors(refusal)
        values |= {"answer": _answer(tx, office, browser, ask, of, method), "names": _profiles(tx, browser)}
    values |= {
        "filters": filters,
        "errors": errors,
        "first_url": first,
        "cursor": cursor,
        "ask": ask,
        "of": of or filters["session"],
        "method": method,
        "methods": [("", "Any"), *((one, one) for one in METHODS)],
        "all": browser.actor.may("network:read"),
        "periods": [(name, text) for name, text, _ in PERIODS],
        "outcomes": OUTCOMES,
    }
    return page(request, "network.html", values, status=400 if errors else 200)


def _summary(tx: Tx, browser: Browser, wanted: log.Wanted) -> dict[str, Any]:
    refused = log.top(tx, browser.actor, _only_refused(wanted), limit=_TOP)
    return {
        "total": log.totals(tx, browser.actor, wanted),
        "sent": [one for one in log.top(tx, browser.actor, wanted, limit=_TOP) if one["bytes_out"]],
        "refused": refused,
    }


def _alarms(tx: Tx, browser: Browser, wanted: log.Wanted) -> list[dict[str, Any]]:
    """Return the latest alarms of what is looked for, to those who may read the journal."""
    if not browser.actor.may("audit:read"):
        return []
    text = wanted.user or wanted.host.strip("*.")
    found = audit.Wanted(type="egress.alarm", session=wanted.session, text=text, since=wanted.since)
    return audit.search(tx, browser.actor, found, limit=_TOP).records


def _only_refused(wanted: log.Wanted) -> log.Wanted:
    return log.Wanted(
        wanted.session, wanted.user, wanted.host, "refused", wanted.rule, wanted.since, wanted.until
    )


def _profiles(tx: Tx, browser: Browser) -> list[str]:
    return [profile.name for profile, _ in list_profiles(tx, browser.actor)]


def _answer(
    tx: Tx, office: Office, browser: Browser, ask: str, of: str, method: str
) -> dict[str, Any] | None:
    """Return what the rules say about a host or request; what cannot be answered is said in words."""
    if not ask.strip():
        return None
    try:
        policy = (
            session_policy(tx, office.settings, browser.actor, of, office.clock.now())
            if of.startswith("ses_")
            else profile_policy(tx, office.settings, browser.actor, of)
        )
        found = explain_host(tx, office.clock.now(), policy, ask, method)
        also = beyond_rules(
            tx, office.clock, browser.actor, office.settings.currency, policy, found.host, found.port
        )
        return {**found.as_json(), "also": also}
    except Refused as refusal:
        return {"words": refusal.message, "note": refusal.remedy, "allowed": None, "also": []}
