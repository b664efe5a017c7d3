"""Documents of mine that leave: what I asked for, the form to ask, and a page for each that follows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from nbkeep.releases.decide import withdraw_release
from nbkeep.releases.records import find_release, list_releases
from nbkeep.releases.take import take_document
from nbkeep.releases.values import IN_WORK, OPEN, State
from nbkeep.releases.view import release_view
from nbkeep.rendering.kept import Documents

from . import release_words
from .framed import as_file, policy_with_frames
from .guard import SignedIn
from .live import Part, stream
from .render import fragment, page

if TYPE_CHECKING:
    from nbkeep.app import Office
    from nbkeep.model.actor import Actor
    from nbkeep.store.database import Tx

router = APIRouter(prefix="/releases")
_SHOWN = 30
_ON_HOME = 4


@router.get("")
def show(request: Request, browser: SignedIn, state: str = "", cursor: str = "") -> Response:
    """Show what I asked to let leave, the newest first."""
    office: Office = request.app.state.office
    values = listed(office, browser.actor, "/portal/releases", "mine", state, cursor)
    return page(request, "releases.html", values)


@router.get("/{release_id}")
def show_one(request: Request, browser: SignedIn, release_id: str) -> Response:
    """Show one release to its author, to who reviewed it, and to admins; it is followed until it is over."""
    office: Office = request.app.state.office
    one = seen(office, browser.actor, release_id)
    values: dict[str, Any] = {
        "r": one,
        "judged": release_words.judged(one),
        "cells": release_words.by_cell(one),
        "is_mine": one["user"] == browser.actor.name,
        "live_url": f"/portal/releases/{one['id']}/live?state={one['state']}" if one["state"] in OPEN else "",
        "again_url": again_url(one),
        "keeps": [(word, one["keep"].get(name, False)) for name, word in release_words.KEEPS],
    }
    headers = policy_with_frames(office.settings, f"/portal/releases/{one['id']}/shown/")
    return page(request, "release.html", values, headers=headers)


@router.get("/{release_id}/live")
def live(request: Request, browser: SignedIn, release_id: str, state: str = "") -> Response:
    """Stream where a release stands, until that is not what the page shows: then it is to load anew."""
    office: Office = request.app.state.office

    def look() -> Part:
        one = seen(office, browser.actor, release_id)
        html = fragment(request, "parts/release.html", {"r": one})
        is_other = one["state"] != state
        return Part(html, f"/portal/releases/{one['id']}" if is_other else "")

    return stream(request, look)


@router.post("/{release_id}/withdraw")
def withdraw(request: Request, browser: SignedIn, release_id: str) -> Response:
    """End a request before it has left."""
    office: Office = request.app.state.office
    with office.store.write() as tx:
        withdraw_release(tx, office.clock, browser.actor, release_id)
    return RedirectResponse(f"/portal/releases/{release_id}?done=withdrawn", 303)


@router.post("/{release_id}/take")
def take(request: Request, browser: SignedIn, release_id: str) -> Response:
    """Give the document to its author, once."""
    office: Office = request.app.state.office
    documents = Documents(office.settings.documents_dir)
    found = take_document(office.store, office.clock, documents, browser.actor, release_id)
    return as_file(found.data, found.name)


def seen(office: Office, actor: Actor, release_id: str) -> dict[str, Any]:
    """Return a release that somebody may see, with its words; raises `Refused` (404) for any other."""
    with office.store.read() as tx:
        row, user = find_release(tx, actor, release_id)
        one = release_view(tx, actor, office.clock.now(), row, user)
    return _with_words(one) | {"steps": release_words.steps(one)}


def listed(
    office: Office,
    actor: Actor,
    url: str,
    which: str,
    state: str = "",
    cursor: str = "",
    *,
    oldest_first: bool = False,
) -> dict[str, Any]:
    """Return what a page with a list of releases shows: `items`, the filter, and where it goes on."""
    with office.store.read() as tx:
        found = list_releases(
            tx, actor, show=which, state=state, limit=_SHOWN, cursor=cursor or None, oldest_first=oldest_first
        )
        now = office.clock.now()
        items = [_with_words(release_view(tx, actor, now, *one, whole=False)) for one in found.items]
    first = f"{url}?{urlencode({'state': state})}" if state else url
    following = urlencode({"state": state, "cursor": found.next}) if found.next else ""
    return {
        "items": items,
        "state": state,
        "states": [("", "All"), *((one.value, release_words.STATES[one][0]) for one in State)],
        "first_url": first,
        "next_url": f"{url}?{following}" if following else "",
        "cursor": cursor,
    }


def on_home(tx: Tx, office: Office, actor: Actor) -> list[dict[str, Any]]:
    """Return the newest of my documents that are on their way, for the start page."""
    now = office.clock.now()
    found = list_releases(tx, actor, show="mine", limit=_SHOWN).items
    views = [release_view(tx, actor, now, *one, whole=False) for one in found]
    return [_with_words(one) for one in views if one["state"] in OPEN][:_ON_HOME]


def again_url(one: dict[str, Any]) -> str:
    """Return where the same is asked for once more."""
    return f"/portal/releases/new?{urlencode({'again': one['id']})}"


def _with_words(one: dict[str, Any]) -> dict[str, Any]:
    return one | {
        "badge": release_words.badge(one),
        "what": release_words.what_words(one),
        "found_words": release_words.found_words(one),
        "audience_words": release_words.audience_words(one["audience"]),
        "name": one["path"].rpartition("/")[2],
        "folder": one["path"].rpartition("/")[0],
        "is_in_work": one["state"] in IN_WORK,
    }
