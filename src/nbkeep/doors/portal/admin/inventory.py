"""Everything that there is: whose it is, who can reach it, and what is to be done about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import Response

from nbkeep.doors.portal.guard import SignedIn
from nbkeep.doors.portal.render import page
from nbkeep.inventory.look import KINDS, inventory

if TYPE_CHECKING:
    from nbkeep.app import Office

router = APIRouter(prefix="/admin/inventory")
_PAGE = 100
_WORDS = {"": "Everything", "gpus": "GPUs"}


@router.get("")
def show(request: Request, browser: SignedIn, *, kind: str = "", cursor: str = "") -> Response:
    """Show a page of things; what nobody owns comes first."""
    office: Office = request.app.state.office
    found = inventory(office, browser.actor, kind=kind.strip(), limit=_PAGE, cursor=cursor or None)
    first = f"/portal/admin/inventory?{urlencode({'kind': kind})}"
    values: dict[str, Any] = {
        **found,
        "filters": {"kind": kind},
        "kinds": [(one, words_of(one)) for one in ("", *KINDS)],
        "first_url": first,
        "next_url": f"{first}&{urlencode({'cursor': found['next']})}" if found["next"] else "",
        "cursor": cursor,
    }
    return page(request, "admin/inventory.html", values)


def words_of(kind: str) -> str:
    """Return a kind as people read it.

    >>> words_of("human-credentials"), words_of("gpus")
    ('Human credentials', 'GPUs')
    """
    return _WORDS.get(kind, kind.replace("-", " ").capitalize().replace("Non human", "Non-human"))
