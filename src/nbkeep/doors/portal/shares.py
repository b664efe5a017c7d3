"""What I share, what others share with me, who has looked; for admins, what everybody shares."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from nbkeep.model.errors import Refused, invalid
from nbkeep.shares.end import revoke_share, shorten_share
from nbkeep.shares.records import MINE, WITH_ME, find_managed, list_shares, list_views
from nbkeep.shares.values import ADMIN, SEE
from nbkeep.shares.view import look_view, managed_view, managed_views, share_views

from .errors import field_errors
from .guard import Form, SignedIn, text
from .render import page

if TYPE_CHECKING:
    from nbkeep.app import Office

    from .browser import Browser

router = APIRouter(prefix="/shared")
_SHOWN = 30


@router.get("")
def show(request: Request, browser: SignedIn, which: str = "", cursor: str = "") -> Response:
    """Show what I share and what others share with me; `which` is one of both, or all for admins.

    Without it what I share, or, of somebody who shares nothing, what others share with them.
    """
    office: Office = request.app.state.office
    actor, now = browser.actor, office.clock.now()
    chosen = which or (MINE if actor.may(SEE) else WITH_ME)
    with office.store.read() as tx:
        found = list_shares(tx, now, actor, chosen, limit=_SHOWN, cursor=cursor or None)
        if not which and not found.rows:
            chosen = WITH_ME
            found = list_shares(tx, now, actor, chosen, limit=_SHOWN)
        if chosen == WITH_ME:
            shares = share_views(office.settings, found.rows)
        else:
            shares = managed_views(tx, office.settings, now, actor, found.rows)
    values: dict[str, Any] = {
        "shares": shares,
        "which": chosen,
        "next": found.next,
        "more": bool(cursor),
        "may_share": actor.may(SEE),
        "may_see_all": actor.may(ADMIN),
    }
    return page(request, "shares.html", values)


@router.get("/{share_id}/views")
def show_views(request: Request, browser: SignedIn, share_id: str, cursor: str = "") -> Response:
    """Show who has looked at a share, and what may be done with it."""
    return _one(request, browser, share_id, cursor=cursor)


@router.post("/{share_id}/revoke")
def revoke(request: Request, browser: SignedIn, share_id: str, form: Form) -> Response:
    """End a share at once."""
    office: Office = request.app.state.office
    try:
        with office.store.write() as tx:
            revoke_share(tx, office.clock, browser.actor, share_id, text(form, "reason", 2000))
    except Refused as refusal:
        if refusal.status != 400:
            raise
        return _one(request, browser, share_id, errors=field_errors(refusal), status=400)
    return RedirectResponse(f"/portal/shared/{share_id}/views?done=share-revoked", 303)


@router.post("/{share_id}/shorten")
def shorten(request: Request, browser: SignedIn, share_id: str, form: Form) -> Response:
    """Bring the end of a share forward."""
    office: Office = request.app.state.office
    given = text(form, "expires_at", 40)
    try:
        with office.store.write() as tx:
            shorten_share(tx, office.clock, browser.actor, share_id, _moment(given))
    except Refused as refusal:
        if refusal.status != 400:
            raise
        errors = field_errors(refusal)
        return _one(request, browser, share_id, given=given, errors=errors, status=400)
    return RedirectResponse(f"/portal/shared/{share_id}/views?done=saved", 303)


def _moment(given: str) -> datetime:
    """Return a moment as a browser's field gives it; it is UTC, as all that pages show."""
    try:
        return datetime.fromisoformat(given).replace(tzinfo=UTC)
    except ValueError as error:
        raise invalid("expires-at", "This is no moment.", "Write it like 2026-12-01T18:00 (UTC).") from error


def _one(
    request: Request,
    browser: Browser,
    share_id: str,
    *,
    cursor: str = "",
    given: str = "",
    errors: dict[str, str] | None = None,
    status: int = 200,
) -> Response:
    office: Office = request.app.state.office
    with office.store.read() as tx:
        row = find_managed(tx, browser.actor, share_id)
        found = list_views(tx, browser.actor, share_id, limit=_SHOWN, cursor=cursor or None)
        share = managed_view(tx, office.settings, office.clock.now(), browser.actor, row)
    values: dict[str, Any] = {
        "s": share,
        "is_mine": row.owner_id == browser.actor.id,
        "given": given or f"{row.expires_at:%Y-%m-%dT%H:%M}",
        "views": [look_view(one) for one in found.rows],
        "next": found.next,
        "more": bool(cursor),
        "errors": errors or {},
    }
    return page(request, "share_views.html", values, status=status)
