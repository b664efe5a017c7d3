"""Security incidents: look at somebody's reach, stop it in one confirmed step, follow it, close it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, RedirectResponse, Response

from nbkeep.doors.portal.errors import field_errors
from nbkeep.doors.portal.guard import Form, SignedIn, text
from nbkeep.doors.portal.render import page
from nbkeep.incidents import records
from nbkeep.incidents.close import close_incident
from nbkeep.incidents.open import open_incident
from nbkeep.incidents.radius import preview
from nbkeep.incidents.steps import advance
from nbkeep.incidents.take import take_evidence
from nbkeep.incidents.values import ADMIN
from nbkeep.model.errors import Refused, invalid

if TYPE_CHECKING:
    from nbkeep.app import Office
    from nbkeep.doors.portal.browser import Browser
    from nbkeep.incidents.values import Kind

router = APIRouter(prefix="/admin/incidents")
KINDS = (("user", "A person"), ("session", "A session"), ("secret", "A secret"))
_PAGE = 50


@router.get("")
def show(request: Request, browser: SignedIn, *, cursor: str = "") -> Response:
    """Show incidents, the newest first, and the form that looks at somebody's reach."""
    return _list(request, browser, cursor=cursor)


@router.get("/new")
def look(request: Request, browser: SignedIn, *, kind: str = "user", name: str = "") -> Response:
    """Show what opening an incident would do. Changes nothing."""
    return _look(request, browser, kind, name.strip()[:100])


@router.post("")
def open_one(request: Request, browser: SignedIn, form: Form) -> Response:
    """Open an incident whose subject's name was typed once more."""
    office: Office = request.app.state.office
    kind, name = text(form, "kind", 10), text(form, "name", 100)
    reason, typed = text(form, "reason", 2000), text(form, "typed", 100)
    try:
        with office.store.read() as tx:
            seen = preview(tx, office.clock, browser.actor, _kind(kind), name)
        if typed not in {name, seen["subject"]}:
            raise invalid("typed", f"{typed or 'Nothing'} was typed.", f"Type {seen['subject']} to go on.")
        with office.store.write() as tx:
            row, _ = open_incident(tx, office.clock, browser.actor, _kind(kind), name, reason, seen)
    except Refused as refusal:
        if refusal.status in {403, 404}:
            raise
        return _look(request, browser, kind, name, reason=reason, errors=field_errors(refusal))
    advance(office, row.id, quick=True)
    return RedirectResponse(f"/portal/admin/incidents/{row.id}?done=incident-opened", 303)


@router.get("/{incident_id}")
def show_one(request: Request, browser: SignedIn, incident_id: str) -> Response:
    """Show an incident with its timeline."""
    return _one(request, browser, incident_id)


@router.post("/{incident_id}/close")
def close(request: Request, browser: SignedIn, incident_id: str, form: Form) -> Response:
    """Close it; frozen sessions end, their state kept, or go on."""
    office: Office = request.app.state.office
    reason = text(form, "reason", 2000)
    try:
        with office.store.write() as tx:
            close_incident(
                tx,
                office.clock,
                browser.actor,
                incident_id,
                reason,
                sessions="thaw" if text(form, "sessions", 5) == "thaw" else "end",
                let_in=bool(text(form, "let_in", 3)),
            )
    except Refused as refusal:
        if refusal.status in {403, 404}:
            raise
        return _one(request, browser, incident_id, reason=reason, errors=field_errors(refusal))
    advance(office, incident_id, quick=True)
    return RedirectResponse(f"/portal/admin/incidents/{incident_id}?done=incident-closed", 303)


@router.post("/{incident_id}/evidence")
def evidence(request: Request, browser: SignedIn, incident_id: str) -> Response:
    """Give the signed archive. That it was taken is recorded."""
    path = take_evidence(request.app.state.office, browser.actor, incident_id)
    return FileResponse(path, media_type="application/zip", filename=path.name)


def _kind(kind: str) -> Kind:
    if kind not in dict(KINDS):
        raise invalid("kind", "An incident is about a person, a session or a secret.", "Choose one.")
    return cast("Kind", kind)


def _list(
    request: Request, browser: Browser, *, cursor: str = "", form: dict[str, str] | None = None,
    errors: dict[str, str] | None = None,
) -> Response:  # fmt: skip
    office: Office = request.app.state.office
    with office.store.read() as tx:
        items, following = records.list_incidents(tx, browser.actor, limit=_PAGE, cursor=cursor or None)
    values: dict[str, Any] = {
        "items": items,
        "kinds": KINDS,
        "form": form or {"kind": "user", "name": ""},
        "errors": errors or {},
        "may_open": browser.actor.may(ADMIN),
        "first_url": "/portal/admin/incidents",
        "next_url": f"/portal/admin/incidents?cursor={following}" if following else "",
        "cursor": cursor,
    }
    return page(request, "admin/incidents.html", values, status=404 if errors else 200)


def _look(
    request: Request, browser: Browser, kind: str, name: str, *, reason: str = "",
    errors: dict[str, str] | None = None,
) -> Response:  # fmt: skip
    office: Office = request.app.state.office
    try:
        with office.store.read() as tx:
            radius = preview(tx, office.clock, browser.actor, _kind(kind), name)
    except Refused as refusal:
        if refusal.status == 403:
            raise
        told = {"name": f"{refusal.message} {refusal.remedy}"}
        return _list(request, browser, form={"kind": kind, "name": name}, errors=told)
    values: dict[str, Any] = {
        "radius": radius,
        "kind": kind,
        "name": name,
        "reason": reason,
        "errors": errors or {},
    }
    return page(request, "admin/incident_new.html", values, status=400 if errors else 200)


def _one(
    request: Request, browser: Browser, incident_id: str, *, reason: str = "",
    errors: dict[str, str] | None = None,
) -> Response:  # fmt: skip
    office: Office = request.app.state.office
    with office.store.read() as tx:
        found = records.show_incident(tx, browser.actor, incident_id)
    values: dict[str, Any] = {
        "incident": found,
        "radius": found["radius"],
        "timeline": timeline(found),
        "may_close": browser.actor.may(ADMIN) and found["state"] == "open",
        "reason": reason,
        "errors": errors or {},
    }
    return page(request, "admin/incident.html", values, status=400 if errors else 200)


def timeline(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what happened in an incident, the oldest first; what is still to be done comes last."""
    ended = ", ".join(f"{count} {what}" for what, count in found["revoked"].items() if count)
    lines: list[dict[str, Any]] = [
        {"at": found["opened_at"], "what": f"Opened by {found['opened_by']}", "said": found["reason"],
         "look": "done"},
        {"at": found["opened_at"], "what": "Ended at once", "said": ended or "nothing was live",
         "look": "done"},
    ]  # fmt: skip
    names = {one["id"]: one["name"] for one in found["holds"]}
    for step in found["steps"]:
        is_done = step["state"] == "done"
        lines.append(
            {
                "at": step["done_at"] if is_done else None,
                "next": step["next_try_at"],
                "what": _step_words(step["name"], names),
                "said": step["said"] if is_done else step["problem"] or "About to be done.",
                "tries": step["tries"],
                "look": "done" if is_done else "failed" if step["problem"] else "now",
            }
        )
    if found["closed_at"]:
        lines.append(
            {"at": found["closed_at"], "what": f"Closed by {found['closed_by']}",
             "said": found["close_reason"], "look": "done"}
        )  # fmt: skip
    return sorted(lines, key=lambda one: (one["at"] is None, one["at"] or ""))


def _step_words(name: str, names: dict[str, str]) -> str:
    kind, _, session_id = name.partition(":")
    words = {"freeze": "Freeze", "end": "End", "thaw": "Let go on"}
    if kind not in words:
        return "Keep evidence"
    return f"{words[kind]} session {names.get(session_id, session_id)}"
