"""All that anybody asked to let leave, for admins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from fastapi.responses import Response

from nbkeep.doors.portal.guard import SignedIn
from nbkeep.doors.portal.releases import listed
from nbkeep.doors.portal.render import page
from nbkeep.releases.rules import ADMIN

if TYPE_CHECKING:
    from nbkeep.app import Office

router = APIRouter(prefix="/admin/releases")


@router.get("")
def show(request: Request, browser: SignedIn, state: str = "", cursor: str = "") -> Response:
    """Show everybody's releases, the newest first."""
    browser.actor.require(ADMIN)
    office: Office = request.app.state.office
    values = listed(office, browser.actor, "/portal/admin/releases", "all", state, cursor)
    return page(request, "admin/releases.html", values)
