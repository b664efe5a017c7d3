"""Everybody's home volumes, and more space for one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from nbkeep.doors.portal.errors import field_errors
from nbkeep.doors.portal.guard import Form, SignedIn, text
from nbkeep.doors.portal.render import page
from nbkeep.model.errors import NbkeepError, Refused
from nbkeep.model.units import parse_size_bytes
from nbkeep.sessions.volumes import list_volumes, resize_volume, show_volume

if TYPE_CHECKING:
    from nbkeep.app import Office

router = APIRouter(prefix="/admin/volumes")
_PAGE = 25  # each asks the node


@router.get("")
def show(request: Request, browser: SignedIn, find: str = "", cursor: str = "") -> Response:
    """Show one page of volumes, or the one of a user."""
    return _page(request, browser, find=find, cursor=cursor)


@router.post("/{user}")
def resize(request: Request, browser: SignedIn, user: str, form: Form) -> Response:
    """Give a home more space, also while it is in use."""
    office: Office = request.app.state.office
    given = text(form, "size", 30)
    try:
        resize_volume(office, browser.actor, user, parse_size_bytes(given, "size"))
    except NbkeepError as error:
        shown = " ".join(field_errors(error).values())
        return _page(request, browser, find=user, error=shown, given=given, status=error.status)
    return RedirectResponse(f"/portal/admin/volumes?find={user}&done=saved", 303)


def _page(
    request: Request,
    browser: SignedIn,
    *,
    find: str = "",
    cursor: str = "",
    error: str = "",
    given: str = "",
    status: int = 200,
) -> Response:
    browser.actor.require("admin:volumes")
    office: Office = request.app.state.office
    following: str | None = None
    items: list[dict[str, Any]] = []
    if find:
        try:
            items = [show_volume(office, browser.actor, find.strip())]
        except Refused:
            items = []
    else:
        items, following = list_volumes(office, browser.actor, limit=_PAGE, cursor=cursor or None)
    values: dict[str, Any] = {
        "volumes": items,
        "find": find,
        "error": error,
        "given": given,
        "cursor": cursor,
        "first_url": "/portal/admin/volumes",
        "next_url": f"/portal/admin/volumes?cursor={following}" if following else "",
    }
    return page(request, "admin/volumes.html", values, status=status)
