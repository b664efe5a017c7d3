"""What this host guarantees, line by line, as `nbkeep doctor` says it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from fastapi.responses import Response

from nbkeep.doors.portal.guard import SignedIn
from nbkeep.doors.portal.render import page
from nbkeep.model.errors import NbkeepError

if TYPE_CHECKING:
    from nbkeep.app import Office
    from nbkeep.backends.interface import HostFact

router = APIRouter(prefix="/admin/host")
_ORDER = {"missing": 0, "weaker": 1, "holds": 2, "info": 3}


@router.get("")
def show(request: Request, browser: SignedIn) -> Response:
    """Show the lines, what needs attention first."""
    browser.actor.require("admin:config")
    office: Office = request.app.state.office
    problem = ""
    lines: list[HostFact] = []
    try:
        lines = sorted(office.backend.host(), key=lambda line: _ORDER.get(line.status, 0))
    except NbkeepError as error:
        problem = str(error)
    return page(request, "admin/host.html", {"lines": lines, "problem": problem})
