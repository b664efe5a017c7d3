"""The gallery: documents that people published for others, to look for and at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import Response

from nbkeep.people.project_records import list_projects
from nbkeep.people.project_rules import SEE as SEE_PROJECTS
from nbkeep.shares.records import gallery
from nbkeep.shares.values import Sought
from nbkeep.shares.view import share_views

from .guard import SignedIn
from .render import page

if TYPE_CHECKING:
    from nbkeep.app import Office

router = APIRouter(prefix="/gallery")
_SHOWN = 24
_LONGEST = 200


@router.get("")
def show(
    request: Request,
    browser: SignedIn,
    find: str = "",
    tag: str = "",
    project: str = "",
    owner: str = "",
    cursor: str = "",
) -> Response:
    """Show what is published for who is signed in, newest first."""
    office: Office = request.app.state.office
    sought = Sought(find[:_LONGEST], tag[:_LONGEST], project[:_LONGEST], owner[:_LONGEST])
    asked = {"find": sought.text, "tag": sought.tag, "project": sought.project, "owner": sought.owner}
    chosen = {name: value for name, value in asked.items() if value}
    with office.store.read() as tx:
        found = gallery(tx, office.clock.now(), browser.actor, sought, limit=_SHOWN, cursor=cursor or None)
        see = browser.actor.may(SEE_PROJECTS)
        projects = [one.name for one in list_projects(tx, browser.actor)] if see else []
    following = urlencode(chosen | {"cursor": found.next}) if found.next else ""
    values: dict[str, Any] = {
        "shares": share_views(office.settings, found.rows),
        "asked": asked,
        "chosen": chosen,
        "projects": [("", "All"), *((name, name) for name in projects)],
        "next_url": f"/portal/gallery?{following}" if following else "",
        "first_url": f"/portal/gallery?{urlencode(chosen)}",
        "more": bool(cursor),
    }
    return page(request, "gallery.html", values)
