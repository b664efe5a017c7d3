"""The page that shows a shared document, the document itself, and links for anyone.

Whatever a document holds is no part of the portal: it is shown in a frame of an origin of its own, without
scripts, forms and cookies, and its address has headers that make it the same when it is opened by itself.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from nbkeep.doors.foreign import headers_of_document
from nbkeep.model.actor import Actor
from nbkeep.model.errors import Refused
from nbkeep.shares.look import find, look
from nbkeep.shares.records import gone
from nbkeep.shares.rules import file_name, is_shown, may_manage
from nbkeep.shares.values import FILE, PAGE
from nbkeep.shares.view import share_view

from .browser import address_of, browser_of, is_https, origin_of
from .guard import AnonymousForm, SignedIn, text
from .headers import CONTENT_SECURITY_POLICY
from .render import page

if TYPE_CHECKING:
    from nbkeep.app import Office
    from nbkeep.shares.look import Document

router = APIRouter()
_ID = re.compile(r"shr_[0-9a-z]{20}", re.ASCII)
_KEY = "nbkeep-share"
_KEY_VALID_S = 12 * 3600


@router.get("/shared/{share_id}")
def show(request: Request, browser: SignedIn, share_id: str) -> Response:
    """Show a document that is shared with who is signed in."""
    return _page(request, browser.actor, share_id, None)


@router.get("/shared/{share_id}/document")
def document(request: Request, browser: SignedIn, share_id: str) -> Response:
    """Return the document for the frame of its page."""
    return _document(request, browser.actor, share_id, None)


@router.get("/shared/{share_id}/file")
def file(request: Request, browser: SignedIn, share_id: str) -> Response:
    """Return the document as a file."""
    return _file(request, browser.actor, share_id, None)


@router.get("/open/{share_id}")
def show_to_anyone(request: Request, share_id: str) -> Response:
    """Show a document to whoever has shown its key, else ask for the key: alike for all ids.

    The key stands behind the `#` of the link: a script of ours sends it; without scripts it is pasted.
    """
    key = request.cookies.get(_KEY, "")
    if not key:
        return _ask(request, share_id)
    try:
        return _page(request, _anyone(request), share_id, key)
    except Refused:
        return _ask(request, share_id)


@router.post("/open/{share_id}")
def take_key(request: Request, share_id: str, form: AnonymousForm) -> Response:
    """Keep the key in a cookie of this one address, and show the document."""
    office: Office = request.app.state.office
    key = text(form, "key", 2000).rpartition("#")[2]  # the whole link may be pasted
    with office.store.read() as tx:
        found = find(office, tx, _anyone(request), share_id, key)
    path = f"/portal/open/{found.id}"
    response = RedirectResponse(path, 303)
    response.set_cookie(_KEY, key, max_age=_KEY_VALID_S, path=path, httponly=True, samesite="lax",
                        secure=is_https(office.settings.public_url))  # fmt: skip
    return response


@router.get("/open/{share_id}/document")
def document_for_anyone(request: Request, share_id: str) -> Response:
    """Return the document for the frame of its page."""
    return _document(request, _anyone(request), share_id, request.cookies.get(_KEY, ""))


@router.get("/open/{share_id}/file")
def file_for_anyone(request: Request, share_id: str) -> Response:
    """Return the document as a file."""
    return _file(request, _anyone(request), share_id, request.cookies.get(_KEY, ""))


def _anyone(request: Request) -> Actor:
    """Return who opens a link for anyone: whoever is signed in all the same, else nobody by name."""
    browser = browser_of(request, request.app.state.office)
    if browser is not None:
        return browser.actor
    return Actor("anonymous", "anonymous", frozenset(), via="browser", address=address_of(request))


def _ask(request: Request, share_id: str) -> Response:
    if not _ID.fullmatch(share_id):
        raise gone()
    return page(request, "share_key.html", {"share_id": share_id})


def _page(request: Request, actor: Actor, share_id: str, key: str | None) -> Response:
    office: Office = request.app.state.office
    with office.store.read() as tx:
        row = find(office, tx, actor, share_id, key)
    base = f"/portal/{'shared' if key is None else 'open'}/{row.id}"
    values: dict[str, Any] = {
        "s": share_view(office.settings, row),
        "base": base,
        "is_managed": key is None and may_manage(actor, row.owner_id),
        "is_open": key is not None,
    }
    frame = f"{origin_of(office.settings.public_url)}{base}/document"
    headers = {"content-security-policy": f"{CONTENT_SECURITY_POLICY}; frame-src {frame}"}
    return page(request, "share.html", values, headers=headers)


def _document(request: Request, actor: Actor, share_id: str, key: str | None) -> Response:
    office: Office = request.app.state.office
    with office.store.read() as tx:
        row = find(office, tx, actor, share_id, key)
    if not is_shown(row.media_type):
        raise gone()
    found = look(office, actor, share_id, PAGE, key)
    origin = origin_of(office.settings.public_url)
    headers = headers_of_document(origin) | {"x-frame-options": "SAMEORIGIN"}
    return Response(found.data, media_type="text/html; charset=utf-8", headers=headers)


def _file(request: Request, actor: Actor, share_id: str, key: str | None) -> Response:
    return file_response(look(request.app.state.office, actor, share_id, FILE, key))


def file_response(found: Document) -> Response:
    """Return a document as a file that no browser shows, under a name that is safe everywhere."""
    name = file_name(found.row.title, found.row.form, found.row.media_type)
    disposition = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(
        found.data, media_type="application/octet-stream", headers=headers_of_document() | disposition
    )
