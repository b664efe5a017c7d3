"""The start page: notices, my sessions, and the profiles that I may start."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from nbkeep.model.verdict import Allow, Refuse
from nbkeep.outbox.notices import dismiss_notice, list_notices
from nbkeep.packages.words import policy_words
from nbkeep.profiles.view import network_words
from nbkeep.quotas.view import standings_of
from nbkeep.sessions.approval import NEEDED
from nbkeep.sessions.listing import Filter, list_sessions
from nbkeep.sessions.offers import Offer, offers

from .browser import is_https
from .guard import SignedIn
from .live import Part, stream
from .releases import on_home
from .render import fragment, page, waiting_reviews
from .seen import seen

if TYPE_CHECKING:
    from nbkeep.app import Office

    from .browser import Browser

router = APIRouter()
_WELCOME = "nbkeep-welcome"
_EARLIER = 10
_YEAR_S = 365 * 86400


@router.get("/")
def home(request: Request, browser: SignedIn) -> Response:
    """Show the start page; auditors, who start nothing, go to the journal."""
    office: Office = request.app.state.office
    if not browser.actor.may("sessions"):
        return RedirectResponse("/portal/admin/audit", 303)
    values = _my_sessions(office, browser)
    with office.store.read() as tx:
        notices = list_notices(tx, browser.actor)
        documents = on_home(tx, office, browser.actor)
        standings = standings_of(tx, office.clock.now(), browser.actor, office.settings.currency)
    newcomer = not any(values.values())
    return page(request, "home.html", values | {
        "notices": notices,
        "documents": documents,
        "reviews": waiting_reviews(office, browser),
        "standings": standings,
        "profiles": [card(offer) for offer in offers(office, browser.actor)],
        "currency": office.settings.currency,
        "role": browser.role.value,
        "show_welcome": newcomer and _WELCOME not in request.cookies,
    })  # fmt: skip


@router.get("/live/sessions")
def live_sessions(request: Request, browser: SignedIn) -> Response:
    """Stream the list of my sessions."""
    office: Office = request.app.state.office
    return stream(
        request, lambda: Part(fragment(request, "parts/sessions.html", _my_sessions(office, browser)))
    )


@router.post("/welcome")
def welcomed(request: Request, browser: SignedIn) -> Response:
    """Put the welcome away, in this browser."""
    del browser
    response = RedirectResponse("/portal/", 303)
    response.set_cookie(_WELCOME, "seen", max_age=_YEAR_S, path="/portal", httponly=True, samesite="lax",
                        secure=is_https(request.app.state.office.settings.public_url))  # fmt: skip
    return response


@router.post("/notices/{notice_id}/dismiss")
def dismiss(request: Request, browser: SignedIn, notice_id: str) -> Response:
    """Put a notice away; twice is safe."""
    office: Office = request.app.state.office
    with office.store.write() as tx:
        dismiss_notice(tx, office.clock, browser.actor.id, notice_id)
        notices = list_notices(tx, browser.actor)
    if "hx-request" in request.headers:
        return HTMLResponse(fragment(request, "parts/notices.html", {"notices": notices}))
    return RedirectResponse("/portal/", 303)


def card(offer: Offer) -> dict[str, Any]:
    """Return what a profile card shows."""
    verdict, until = offer.verdict, offer.standing.until
    return {
        **asdict(offer.flavor),
        **asdict(offer.profile),
        "reach": network_words(offer.profile),
        "package_words": policy_words(offer.profile.packages),
        "why_not": verdict if isinstance(verdict, Refuse) and verdict.code != NEEDED else None,
        "approval": offer.standing.as_json(),
        "approved_until": f"{until:%Y-%m-%d %H:%M} UTC" if until else "",
        "note": verdict.note if isinstance(verdict, Allow) else "",
    }


def _my_sessions(office: Office, browser: Browser) -> dict[str, Any]:
    mine = browser.actor.name
    with office.store.read() as tx:
        live = list_sessions(tx, browser.actor, Filter(user=mine, state="live"), limit=100).items
        suspended = list_sessions(tx, browser.actor, Filter(user=mine, state="suspended"), limit=100).items
        ended = list_sessions(tx, browser.actor, Filter(user=mine, state="ended"), limit=_EARLIER).items
    return {
        "live": [seen(office, row, name) for row, name in live],
        "suspended": [seen(office, row, name) for row, name in suspended],
        "ended": [seen(office, row, name) for row, name in ended],
    }
