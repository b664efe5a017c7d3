"""What tools left behind in my home: found while the page is read, chosen, and deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from nbkeep.model.errors import NbkeepError, invalid
from nbkeep.sessions.leftovers import delete_leftovers, find_leftovers

from .guard import Form, SignedIn
from .render import fragment, page

if TYPE_CHECKING:
    from nbkeep.app import Office

    from .browser import Browser

router = APIRouter(prefix="/leftovers")
WORDS = {
    "checkpoint": "checkpoint", "export": "old export", "backup": "backup", "cache": "cache",
    "trash": "in the trash", "quarantine": "copy of what was not saved",
}  # fmt: skip


@router.get("")
def show(request: Request, browser: SignedIn, look: str = "") -> Response:
    """Show the page; the home is looked through while it is read, or at once for browsers without scripts."""
    browser.actor.require("sessions")
    return page(request, "leftovers.html", {"left": _found(request, browser) if look else None, "done": None})


@router.get("/found")
def found(request: Request, browser: SignedIn) -> Response:
    """Return what is left behind, as a part of the page."""
    return HTMLResponse(fragment(request, "parts/leftovers.html", {"left": _found(request, browser)}))


@router.post("/delete")
def delete(request: Request, browser: SignedIn, form: Form) -> Response:
    """Delete what was chosen, and look again."""
    browser.actor.require("sessions")
    office: Office = request.app.state.office
    done: dict[str, Any] = {"deleted": [], "kept": [], "problem": ""}
    try:
        chosen = [one.partition(":") for one in form.getlist("file") if isinstance(one, str)]
        if not chosen:
            raise invalid("files", "No file was chosen; nothing was deleted.", "Tick those that may go.")
        versions = {key: version for key, _, version in chosen}
        done |= delete_leftovers(office, browser.actor, browser.actor.name, versions)
    except NbkeepError as error:
        if error.status == 403:
            raise
        done["problem"] = str(error)
    return page(request, "leftovers.html", {"left": None, "done": done})


def _found(request: Request, browser: Browser) -> dict[str, Any]:
    office: Office = request.app.state.office
    try:
        told = find_leftovers(office, browser.actor, browser.actor.name)
    except NbkeepError as error:
        if error.status == 403:
            raise
        return {"problem": str(error)}
    files = [{**one, "words": WORDS.get(one["kind"], one["kind"])} for one in told["files"]]
    may_go = sum(1 for one in files if one["may_go"])
    return {**told, "files": files, "problem": "", "may_go": may_go}
