"""Access for a while: what I asked for, and, for those who decide, what others ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from nbkeep.grants import decide, end
from nbkeep.grants.kinds import FLAVOR
from nbkeep.grants.records import list_grants, owner_of
from nbkeep.grants.request import profile_name_of, request_grant
from nbkeep.grants.rules import ASK, DECIDE
from nbkeep.grants.view import grant_view
from nbkeep.model.errors import Refused
from nbkeep.model.units import format_duration
from nbkeep.profiles.profiles import get_profile, list_profiles

from .errors import field_errors
from .guard import Form, SignedIn, text
from .render import page

if TYPE_CHECKING:
    from nbkeep.app import Office
    from nbkeep.model.actor import Actor
    from nbkeep.store.database import Tx

    from .browser import Browser

router = APIRouter(prefix="/grants")
_SHOWN = 50
_EMPTY_START = {"start": "", "start_reason": "", "start_for": "2h"}
_IN_START = {"reason": "start_reason", "duration": "start_for", "profile": "start"}
_EMPTY = {"host": "", "session": "", "profile": "", "reason": "", "duration": "2h"}


@router.get("")
def show(
    request: Request, browser: SignedIn, host: str = "", session: str = "", profile: str = "", start: str = ""
) -> Response:
    """Show requests and grants, and the forms; a link from a refusal, or a profile's name, fills them in."""
    given = {"host": host[:300], "session": session[:24], "profile": profile[:80]}
    return _page(request, browser, form=_EMPTY | given, start=_EMPTY_START | {"start": start[:80]})


@router.post("")
def ask(request: Request, browser: SignedIn, form: Form) -> Response:
    """Ask for access."""
    office: Office = request.app.state.office
    given = {name: text(form, name, 2000) for name in _EMPTY}
    try:
        with office.store.write() as tx:
            request_grant(
                tx,
                office.clock,
                office.settings,
                browser.actor,
                given["host"],
                reason=given["reason"],
                duration=given["duration"],
                session_id=given["session"],
                profile="" if given["session"] else given["profile"],
            )
    except Refused as refusal:
        return _page(request, browser, form=given, errors=_errors(refusal), status=refusal.status)
    return RedirectResponse("/portal/grants?done=asked", 303)


@router.post("/flavor")
def ask_to_start(request: Request, browser: SignedIn, form: Form) -> Response:
    """Ask to start sessions of a profile whose flavor needs an approval."""
    office: Office = request.app.state.office
    given = {name: text(form, name, 2000) for name in _EMPTY_START}
    try:
        with office.store.write() as tx:
            profile, flavor = get_profile(tx, browser.actor, given["start"])
            request_grant(
                tx,
                office.clock,
                office.settings,
                browser.actor,
                flavor.name,
                reason=given["start_reason"],
                duration=given["start_for"],
                profile=profile.name,
                kind=FLAVOR.name,
            )
    except Refused as refusal:
        found = field_errors(refusal)
        errors = {_IN_START.get(name, name): words for name, words in found.items()}
        return _page(request, browser, form=_EMPTY, start=given, start_errors=errors, status=refusal.status)
    return RedirectResponse("/portal/grants?done=asked", 303)


@router.post("/{grant_id}/approve")
def approve(request: Request, browser: SignedIn, grant_id: str, form: Form) -> Response:
    """Grant what somebody asked for."""
    office: Office = request.app.state.office
    duration = text(form, "duration", 40) or None
    with office.store.write() as tx:
        decide.approve_grant(tx, office.clock, office.settings, browser.actor, grant_id, duration)
    return RedirectResponse("/portal/grants?done=granted", 303)


@router.post("/{grant_id}/deny")
def deny(request: Request, browser: SignedIn, grant_id: str, form: Form) -> Response:
    """Turn a request down."""
    office: Office = request.app.state.office
    with office.store.write() as tx:
        decide.deny_grant(tx, office.clock, browser.actor, grant_id, text(form, "reason", 2000))
    return RedirectResponse("/portal/grants?done=denied", 303)


@router.post("/{grant_id}/revoke")
def revoke(request: Request, browser: SignedIn, grant_id: str, form: Form) -> Response:
    """Take access away."""
    office: Office = request.app.state.office
    with office.store.write() as tx:
        end.revoke_grant(tx, office.clock, browser.actor, grant_id, text(form, "reason", 2000))
    return RedirectResponse("/portal/grants?done=revoked", 303)


@router.post("/{grant_id}/withdraw")
def withdraw(request: Request, browser: SignedIn, grant_id: str) -> Response:
    """End one's own request or access."""
    office: Office = request.app.state.office
    with office.store.write() as tx:
        end.withdraw_grant(tx, office.clock, browser.actor, grant_id)
    return RedirectResponse("/portal/grants?done=withdrawn", 303)


def _errors(refusal: Refused) -> dict[str, str]:
    """Return them beside the fields of this form: what is wrong with a host has the code of its rules."""
    found = field_errors(refusal)
    return {{"egress": "host", "session": "profile"}.get(name, name): words for name, words in found.items()}


def _page(
    request: Request,
    browser: Browser,
    *,
    form: dict[str, str],
    errors: dict[str, str] | None = None,
    start: dict[str, str] | None = None,
    start_errors: dict[str, str] | None = None,
    status: int = 200,
) -> Response:
    office: Office = request.app.state.office
    actor, now = browser.actor, office.clock.now()

    def listed(tx: Tx, **wanted: Any) -> list[dict[str, Any]]:
        found = list_grants(tx, actor, now, limit=_SHOWN, **wanted)
        return [grant_view(actor, office.settings, now, *one, owner_of(tx, one[0])) for one in found.items]

    with office.store.read() as tx:
        values: dict[str, Any] = {
            "queue": _decided_here(listed(tx, state="requested")[::-1], actor, "deny"),
            "live": _decided_here(listed(tx, state="granted"), actor, "revoke"),
            "mine": listed(tx, mine=True) if actor.may(ASK) else [],
            "askable": _askable(tx, browser) if actor.may(ASK) else [],
            "starts": _starts(tx, browser) if actor.may(ASK) else [],
        }
        if form["session"] and actor.may(ASK):
            form, errors = _of_session(tx, browser, form, errors or {})
    values |= {
        "form": form,
        "errors": errors or {},
        "start": start or _EMPTY_START,
        "start_errors": start_errors or {},
        "decides": actor.may(DECIDE) or bool(values["queue"] or values["live"]),
        "longest": format_duration(office.settings.grants_max_s),
        "for_": format_duration,
    }
    return page(request, "grants.html", values, status=status)


def _decided_here(found: list[dict[str, Any]], actor: Actor, what: str) -> list[dict[str, Any]]:
    """Return what somebody decides about: admins all, owners of datasets what is asked of them."""
    return [one for one in found if actor.may(DECIDE) or (one["may"][what] and one["user"] != actor.name)]


def _askable(tx: Tx, browser: Browser) -> list[tuple[str, str]]:
    """Return the profiles that let one ask for something, each with what that is."""
    profiles = [profile for profile, _ in list_profiles(tx, browser.actor) if profile.egress_asklist]
    return [(one.name, f"{one.display_name}: {', '.join(one.egress_asklist)}"[:160]) for one in profiles]


def _starts(tx: Tx, browser: Browser) -> list[tuple[str, str]]:
    """Return the profiles that one must ask for before a start, each in words."""
    pairs = list_profiles(tx, browser.actor)
    needing = [(profile, flavor) for profile, flavor in pairs if profile.enabled and flavor.needs_approval]
    return [(profile.name, f"{profile.display_name} ({flavor.name})") for profile, flavor in needing]


def _of_session(
    tx: Tx, browser: Browser, form: dict[str, str], errors: dict[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the form with the profile of its session; a session that is not there is said."""
    try:
        return form | {"profile": profile_name_of(tx, browser.actor, form["session"])}, errors
    except Refused as refusal:
        return form | {"session": ""}, errors or {"": refusal.message, "remedy": "Choose a profile instead."}
