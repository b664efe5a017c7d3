"""How what programs send to hosts is treated: what is set, a form, and what decides for a host."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from nbkeep.doors.portal.errors import field_errors
from nbkeep.doors.portal.guard import Form, SignedIn, text
from nbkeep.doors.portal.render import page
from nbkeep.egress.leaving.places import Treatment
from nbkeep.guard import uploads
from nbkeep.guard.values import ADMIN
from nbkeep.model.errors import Refused

if TYPE_CHECKING:
    from nbkeep.app import Office
    from nbkeep.doors.portal.browser import Browser

router = APIRouter(prefix="/admin/uploads")
_LONGEST = 300


@router.get("")
def show(request: Request, browser: SignedIn) -> Response:
    """Show what is set; with a host in the query, what decides for it."""
    return _page(request, browser)


@router.post("")
def set_upload(request: Request, browser: SignedIn, form: Form) -> Response:
    """Set how uploads to a host are treated."""
    office: Office = request.app.state.office
    given = {"host": text(form, "host", _LONGEST), "treatment": text(form, "treatment", 20)}
    try:
        with office.store.write() as tx:
            uploads.set_place(tx, office.clock, browser.actor, given["host"], given["treatment"])
    except Refused as refusal:
        if refusal.status != 400:
            raise
        return _page(request, browser, given, refusal)
    return RedirectResponse("/portal/admin/uploads?done=saved", 303)


@router.post("/unset")
def unset_upload(request: Request, browser: SignedIn, form: Form) -> Response:
    """Take away what is set for a host."""
    office: Office = request.app.state.office
    with office.store.write() as tx:
        uploads.unset_place(tx, office.clock, browser.actor, text(form, "host", _LONGEST))
    return RedirectResponse("/portal/admin/uploads?done=saved", 303)


def _page(
    request: Request, browser: Browser, given: dict[str, str] | None = None, refusal: Refused | None = None
) -> Response:
    office: Office = request.app.state.office
    asked = request.query_params.get("of", "")[:_LONGEST]
    answer: dict[str, Any] | None = None
    with office.store.read() as tx:
        found = uploads.list_places(tx, browser.actor)
        if asked:
            try:
                answer = uploads.explain_place(tx, browser.actor, asked)
            except Refused as wrong:
                answer = {"problem": wrong.message, "remedy": wrong.remedy}
    values: dict[str, Any] = {
        "places": found,
        "treatments": [(one.value, one.value) for one in Treatment],
        "given": given or {"host": "", "treatment": Treatment.TRUSTED.value},
        "errors": field_errors(refusal) if refusal else {},
        "asked": asked,
        "answer": answer,
        "is_admin": browser.actor.may(ADMIN),
    }
    return page(request, "admin/uploads.html", values, status=refusal.status if refusal else 200)
