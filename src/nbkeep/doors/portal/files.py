"""My home folder: how full it is, what fills it, and what could go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from nbkeep.data.classified import classified_view, list_classified
from nbkeep.model.errors import NbkeepError
from nbkeep.sessions.volumes import show_volume, volume_usage

from .guard import SignedIn
from .render import fragment, page

if TYPE_CHECKING:
    from nbkeep.app import Office

router = APIRouter(prefix="/files")
_MOST = 30  # folders that a page shows
_MOST_FILES = 10
_MOST_CLASSIFIED = 50


@router.get("")
def show(request: Request, browser: SignedIn, usage: str = "") -> Response:
    """Show my home folder. What fills it is measured while the page is read; without scripts by a link."""
    office: Office = request.app.state.office
    name = browser.actor.name
    volume = show_volume(office, browser.actor, name)
    measured = _measure(office, browser, name) if usage else None
    with office.store.read() as tx:
        classified = classified_view(list_classified(tx, browser.actor, name, limit=_MOST_CLASSIFIED))
    values = {"v": volume, "usage_url": "/portal/files/usage", "u": measured, "c": classified}
    return page(request, "files.html", values)


@router.get("/usage")
def usage(request: Request, browser: SignedIn) -> Response:
    """Return what fills it, as a part of the page."""
    office: Office = request.app.state.office
    measured = _measure(office, browser, browser.actor.name)
    return HTMLResponse(fragment(request, "parts/usage.html", {"u": measured}))


def _measure(office: Office, browser: SignedIn, user: str) -> dict[str, Any]:
    try:
        found = volume_usage(office, browser.actor, user)
    except NbkeepError as error:
        nothing: dict[str, Any] = {"folders": [], "suggestions": [], "files": []}
        return nothing | {"problem": str(error), "measured_at": None, "largest": 0}
    inside = [one for one in found["folders"] if one["path"]]  # "" is the home itself: shown above
    folders = sorted(inside, key=lambda one: one["bytes"], reverse=True)[:_MOST]
    return {
        **found,
        "problem": "",
        "folders": folders,
        "files": found["files"][:_MOST_FILES],
        "largest": max((one["bytes"] for one in folders), default=0),
    }
