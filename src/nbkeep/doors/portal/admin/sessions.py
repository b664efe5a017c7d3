"""Everybody's sessions: filtered, page by page; stop and enter lead to the session's own pages."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import Response

from nbkeep.doors.portal.guard import SignedIn
from nbkeep.doors.portal.render import page
from nbkeep.doors.portal.seen import seen
from nbkeep.sessions.listing import Filter, list_sessions

if TYPE_CHECKING:
    from nbkeep.app import Office

router = APIRouter(prefix="/admin/sessions")
_PAGE = 50
STATES = (
    ("live", "Running or starting"),
    ("suspended", "Suspended"),
    ("ended", "Ended"),
    ("failed", "Failed"),
    ("", "All"),
)


@router.get("")
def show(
    request: Request,
    browser: SignedIn,
    user: str = "",
    state: str = "live",
    profile: str = "",
    cursor: str = "",
) -> Response:
    """Show one page of sessions."""
    browser.actor.require("admin:sessions")
    office: Office = request.app.state.office
    wanted = Filter(user=user.strip() or None, state=state or None, profile=profile.strip() or None)
    with office.store.read() as tx:
        found = list_sessions(tx, browser.actor, wanted, limit=_PAGE, cursor=cursor or None)
    filters = {"user": user, "state": state, "profile": profile}
    first = f"/portal/admin/sessions?{urlencode(filters)}"
    return page(request, "admin/sessions.html", {
        "rows": [seen(office, row, name) for row, name in found.items],
        "filters": filters,
        "states": STATES,
        "first_url": first,
        "next_url": f"{first}&{urlencode({'cursor': found.next})}" if found.next else "",
        "cursor": cursor,
    })  # fmt: skip
