"""One session: start, extend, suspend, resume, stop, diagnose; admins enter or end one with a reason."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.background import BackgroundTask

from nbkeep.data.reads import class_of
from nbkeep.meter.prices import hourly_cost
from nbkeep.model.errors import NbkeepError, Refused, Unavailable
from nbkeep.model.money import money_words
from nbkeep.model.session import SessionState
from nbkeep.sessions.access import VISIT, grant_access
from nbkeep.sessions.diagnose import diagnose_session
from nbkeep.sessions.extend import extend_session
from nbkeep.sessions.policies import reach_words_of
from nbkeep.sessions.records import latest_named, visible_session
from nbkeep.sessions.restorable import hindrance
from nbkeep.sessions.resume import request_resume, same_image
from nbkeep.sessions.start import hand_to_hub, request_session
from nbkeep.sessions.stop import stop_session
from nbkeep.sessions.suspend import suspend_session
from nbkeep.store.tables import UserRow

from .errors import field_errors
from .guard import Form, SignedIn, text
from .live import Part, stream
from .render import fragment, page
from .seen import seen, steps

if TYPE_CHECKING:
    from nbkeep.app import Office
    from nbkeep.model.actor import Actor

    from .browser import Browser

log = logging.getLogger(__name__)
router = APIRouter(prefix="/sessions")


@router.post("")
def start(request: Request, browser: SignedIn, form: Form) -> Response:
    """Ask for a session and go to its page, which shows how it starts and opens it when ready.

    The hub, which may take seconds to answer, is asked behind the answer: the page is there at once.
    """
    office: Office = request.app.state.office
    name = text(form, "name", 60) or None
    session_id = request_session(office, browser.actor, text(form, "profile", 60), name=name)
    ask = BackgroundTask(ask_hub, office, browser.actor, session_id)
    return RedirectResponse(f"/portal/sessions/{session_id}?opening=1", 303, background=ask)


@router.get("/named/{name}")
def show_named(request: Request, browser: SignedIn, name: str) -> Response:
    """Lead to one's own latest session of a name: where an address in JupyterLab comes to when none runs."""
    office: Office = request.app.state.office
    with office.store.read() as tx:
        found = latest_named(tx, browser.actor, name)
    return RedirectResponse(f"/portal/sessions/{found}" if found else "/portal/", 303)


@router.get("/{session_id}")
def show(request: Request, browser: SignedIn, session_id: str, opening: str = "") -> Response:
    """Show a session; `opening`: the browser came here by Start and wants to be taken into JupyterLab."""
    office: Office = request.app.state.office
    values = _values(office, browser, session_id)
    is_starting = values["s"]["state"] in {SessionState.REQUESTED, SessionState.STARTING}
    return page(request, "session.html", values | {"opening": bool(opening) and is_starting})


@router.get("/{session_id}/live")
def live(request: Request, browser: SignedIn, session_id: str, opening: str = "") -> Response:
    """Stream the session's part of the page; with `opening`, its address when it is ready."""
    office: Office = request.app.state.office

    def look() -> Part:
        values: dict[str, Any] = {**_values(office, browser, session_id), "opening": bool(opening)}
        line: dict[str, Any] = values["s"]
        is_mine_and_ready = line["state"] == SessionState.READY and line["user"] == browser.actor.name
        address = str(line["open_url"]) if opening and is_mine_and_ready else ""
        return Part(fragment(request, "parts/session.html", values), address)

    return stream(request, look, session_id)


@router.post("/{session_id}/extend")
def extend(request: Request, browser: SignedIn, session_id: str) -> Response:
    """Keep working: the idle countdown starts anew, near its end the session gets longer."""
    office: Office = request.app.state.office
    with office.store.write() as tx:
        extend_session(tx, office.clock, browser.actor, session_id)
    return RedirectResponse(f"/portal/sessions/{session_id}?done=extended", 303)


@router.get("/{session_id}/stop")
def ask_reason(request: Request, browser: SignedIn, session_id: str) -> Response:
    """Ask an admin why; the session's user reads the answer."""
    return page(request, "reason.html", _stopping(_values(request.app.state.office, browser, session_id)))


@router.post("/{session_id}/stop")
def stop(request: Request, browser: SignedIn, session_id: str, form: Form) -> Response:
    """Stop a session; one's own without questions, somebody else's with a reason. `discard`: keep none."""
    office: Office = request.app.state.office
    reason = text(form, "reason", 500)
    values = _values(office, browser, session_id)
    if values["s"]["user"] != browser.actor.name and not reason:
        errors = {"reason": "Say why: the session's user will read it."}
        return page(request, "reason.html", _stopping(values) | {"errors": errors}, status=400)
    stop_session(office, browser.actor, session_id, detail=reason, discard=text(form, "discard") == "on")
    return RedirectResponse(f"/portal/sessions/{session_id}", 303)


@router.get("/{session_id}/suspend")
def ask_why_suspend(request: Request, browser: SignedIn, session_id: str) -> Response:
    """Ask an admin why; the session's user reads the answer."""
    return page(request, "reason.html", _values(request.app.state.office, browser, session_id) | _SUSPENDING)


@router.post("/{session_id}/suspend")
def suspend(request: Request, browser: SignedIn, session_id: str, form: Form) -> Response:
    """Suspend a session; one's own without a question, somebody else's with a reason."""
    office: Office = request.app.state.office
    reason = text(form, "reason", 500)
    values = _values(office, browser, session_id)
    if values["s"]["user"] != browser.actor.name and not reason:
        errors = {"reason": "Say why: the session's user will read it."}
        return page(request, "reason.html", values | _SUSPENDING | {"errors": errors}, status=400)
    suspend_session(office, browser.actor, session_id, detail=reason)
    return RedirectResponse(f"/portal/sessions/{session_id}", 303)


@router.post("/{session_id}/resume")
def resume(request: Request, browser: SignedIn, session_id: str, form: Form) -> Response:
    """Resume a session, on another profile if one is chosen, and go to its page, which opens it."""
    office: Office = request.app.state.office
    ask = None
    if request_resume(office, browser.actor, session_id, text(form, "profile", 60) or None):
        ask = BackgroundTask(ask_hub, office, browser.actor, session_id)
    return RedirectResponse(f"/portal/sessions/{session_id}?opening=1", 303, background=ask)


@router.get("/{session_id}/enter")
def ask_access(request: Request, browser: SignedIn, session_id: str) -> Response:
    """Ask an admin for the reason of a visit."""
    browser.actor.require("admin:sessions")
    return page(request, "reason.html", _values(request.app.state.office, browser, session_id) | _ENTERING)


@router.post("/{session_id}/enter")
def enter(request: Request, browser: SignedIn, session_id: str, form: Form) -> Response:
    """Record a visit's reason, tell the user, and show the door.

    It is opened by hand, not by a redirect: a form of ours must never lead to a session's origin.
    """
    office: Office = request.app.state.office
    reason = text(form, "reason", 1000)
    values = _values(office, browser, session_id)
    try:
        with office.store.write() as tx:
            until = grant_access(tx, office.clock, browser.actor, session_id, reason)
    except Refused as refusal:
        again = _ENTERING | {"errors": field_errors(refusal), "reason": reason}
        return page(request, "reason.html", values | again, status=refusal.status)
    return page(request, "entered.html", values | {"until": until, "reason": reason})


@router.get("/{session_id}/diagnose")
def diagnose(request: Request, browser: SignedIn, session_id: str) -> Response:
    """Say what is the matter with a session and what to do."""
    office: Office = request.app.state.office
    try:
        found: dict[str, Any] = diagnose_session(office, browser.actor, session_id)
    except Unavailable as error:
        found = {"reason": error.message, "remedy": error.remedy, "code": error.code, "findings": []}
    values = {"d": found, "session_id": session_id}
    if "hx-request" in request.headers:
        return HTMLResponse(fragment(request, "parts/diagnose.html", values))
    return page(request, "diagnose.html", values)


def ask_hub(office: Office, actor: Actor, session_id: str) -> None:
    """Have the hub start a session that was requested; behind an answer, since it may take seconds."""
    try:
        hand_to_hub(office, actor, session_id)
    except NbkeepError as error:
        # The session is marked failed, with this reason, and its page says so.
        log.warning("session %s was not started: %s", session_id, error)


def _values(office: Office, browser: Browser, session_id: str) -> dict[str, Any]:
    with office.store.read() as tx:
        row = visible_session(tx, browser.actor, session_id)
        user = tx.get_one(UserRow, row.user_id).name
        is_suspended = row.state == SessionState.SUSPENDED
        choices = same_image(tx, office.clock.now(), browser.actor, row) if is_suspended else []
        reach, data_class = reach_words_of(tx, office.settings, row), class_of(tx, row.id)
        hourly = hourly_cost(tx, office.clock, row)
    kernels = (row.kept or {}).get("kernels", [])
    return {
        "s": seen(office, row, user),
        "steps": steps(row),
        "kernels": kernels,
        "choices": [one | {"is_free": _is_free(one)} for one in choices],
        "hindrance": hindrance(office.settings, row),
        "reach": reach,
        "data_class": data_class,
        "hourly": money_words(hourly, office.settings.currency) if hourly else "",
    }


def _is_free(choice: dict[str, Any]) -> bool:
    return choice["approval"] is None or choice["approval"]["state"] == "granted"


_STOPPING: dict[str, Any] = {
    "title": "Stop somebody's session",
    "label": "Why does it have to stop?",
    "button": "Stop the session",
    "kind": "danger",
    "action": "stop",
    "errors": {},
    "reason": "",
}


def _stopping(values: dict[str, Any]) -> dict[str, Any]:
    """Return the page on which an admin stops somebody's session."""
    stays = "Kernels end; files stay, and variables where the profile keeps them."
    goes = "It is in quarantine: kernels end, and its files go with it."
    lead = f"{goes if values['s']['quarantine'] else stays} The user is told that it was you, and why."
    return values | _STOPPING | {"lead": lead}


_SUSPENDING: dict[str, Any] = {
    "title": "Suspend somebody's session",
    "lead": "Variables are saved and compute ends; the user can resume it. They are told that it was you, "
    "and why.",
    "label": "Why does it have to be suspended?",
    "button": "Suspend the session",
    "kind": "primary",
    "action": "suspend",
    "errors": {},
    "reason": "",
}
_ENTERING: dict[str, Any] = {
    "title": "Enter somebody's session",
    "lead": f"You get in for {int(VISIT.total_seconds() // 60)} minutes. The user is told at once, with your "
    "name and reason; the audit keeps both.",
    "label": "Why do you need to look?",
    "button": "Record the reason and continue",
    "kind": "primary",
    "action": "enter",
    "errors": {},
    "reason": "",
}
