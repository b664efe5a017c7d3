"""Alarms: what is unusual, what somebody found who looked into it, and when there is an alarm."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from nbkeep.anomalies import acknowledge, settings
from nbkeep.anomalies.values import ADMIN
from nbkeep.doors.portal.guard import Form, SignedIn, text
from nbkeep.doors.portal.render import page
from nbkeep.model.errors import Refused, invalid

if TYPE_CHECKING:
    from nbkeep.app import Office

router = APIRouter(prefix="/admin/alarms")
_PAGE = 50
STATES = (("open", "Open"), ("acknowledged", "Acknowledged"), ("all", "All"))
NAMES = {"spend": "Spend", "egress": "Bytes sent", "tokens": "Tokens of models", "gpu-idle": "Idle GPUs"}
KINDS = (("", "All"), *NAMES.items())
_WHERE = {
    "spend": "/portal/usage?by=day&user=",
    "egress": "/portal/network?user=",
    "tokens": "/portal/models?user=",
}


@router.get("")
def show(
    request: Request,
    browser: SignedIn,
    *,
    state: str = "open",
    kind: str = "",
    user: str = "",
    cursor: str = "",
) -> Response:
    """Show one page of alarms, newest first, and how they are set."""
    return _page(request, browser, {"state": state, "kind": kind, "user": user.strip()[:60]}, cursor)


@router.post("/{alarm_id}/acknowledge")
def acknowledge_one(request: Request, browser: SignedIn, alarm_id: str, form: Form) -> Response:
    """Close an alarm with a note."""
    office: Office = request.app.state.office
    try:
        with office.store.write() as tx:
            acknowledge.acknowledge(
                tx, office.clock, browser.actor, alarm_id, text(form, "note", 2000), office.settings.currency
            )
    except Refused as refusal:
        if refusal.status != 400:
            raise
        filters = {"state": "open", "kind": "", "user": ""}
        return _page(request, browser, filters, problem=refusal, about=alarm_id)
    return RedirectResponse("/portal/admin/alarms?done=acknowledged", 303)


@router.post("/rules/{kind}")
def set_rule(request: Request, browser: SignedIn, kind: str, form: Form) -> Response:
    """Set when there is an alarm of one kind."""
    office: Office = request.app.state.office
    try:
        factor = text(form, "factor", 20)
        with office.store.write() as tx:
            settings.set_rule(
                tx, office.clock, browser.actor, kind, office.settings.currency,
                least=text(form, "least", 40), factor=_factor(factor) if factor else None,
                enabled=text(form, "enabled", 3) == "on",
            )  # fmt: skip
    except Refused as refusal:
        if refusal.status != 400:
            raise
        filters = {"state": "open", "kind": "", "user": ""}
        return _page(request, browser, filters, problem=refusal, about=kind)
    return RedirectResponse("/portal/admin/alarms?done=saved", 303)


def _page(
    request: Request,
    browser: SignedIn,
    filters: dict[str, str],
    cursor: str = "",
    *,
    problem: Refused | None = None,
    about: str = "",
) -> Response:
    office: Office = request.app.state.office
    actor, currency = browser.actor, office.settings.currency
    with office.store.read() as tx:
        found = acknowledge.list_alarms(
            tx, actor, acknowledge.Wanted(**filters), currency, limit=_PAGE, cursor=cursor or None
        )
        rules = settings.list_rules(tx, actor, currency)
    first = f"/portal/admin/alarms?{urlencode(filters)}"
    values: dict[str, Any] = {
        "items": [
            one | {"where": _where(one, sees_sessions=actor.may("admin:sessions"))} for one in found.items
        ],
        "rules": rules,
        "names": NAMES,
        "filters": filters,
        "states": STATES,
        "kinds": KINDS,
        "may_change": actor.may(ADMIN),
        "problem": problem,
        "about": about,
        "currency": currency,
        "first_url": first,
        "next_url": f"{first}&{urlencode({'cursor': found.next})}" if found.next else "",
        "cursor": cursor,
    }
    return page(request, "admin/alarms.html", values, status=problem.status if problem else 200)


def _where(one: dict[str, Any], *, sees_sessions: bool) -> str:
    """Return the page where one looks further, or "" where this person sees none."""
    if one["session_id"]:
        return f"/portal/sessions/{one['session_id']}" if sees_sessions else ""
    return _WHERE[one["kind"]] + quote(one["user"])


def _factor(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise invalid("factor", f"{text!r} is not a number.", "Write it like 3 or 2.5.") from error
