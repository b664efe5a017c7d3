"""Evidence packs: ask for one, see what became of it, take a copy."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import FileResponse, RedirectResponse, Response

from nbkeep.doors.portal.errors import field_errors
from nbkeep.doors.portal.guard import SignedIn
from nbkeep.doors.portal.render import page
from nbkeep.evidence import packs
from nbkeep.evidence.frameworks import NAMES, framework
from nbkeep.model.days import midnight, month_of
from nbkeep.model.errors import Refused

if TYPE_CHECKING:
    from nbkeep.app import Office
    from nbkeep.doors.portal.browser import Browser

router = APIRouter(prefix="/evidence")
_MOST = 50


@router.get("")
def show(request: Request, browser: SignedIn) -> Response:
    """Show packs, newest first, and the form to ask for one."""
    return _page(request, browser)


@router.post("")
def build(
    request: Request,
    browser: SignedIn,
    *,
    name: Annotated[str, Form(alias="framework")] = "",
    first: Annotated[str, Form(alias="from")] = "",
    last: Annotated[str, Form(alias="to")] = "",
) -> Response:
    """Ask for a pack."""
    office: Office = request.app.state.office
    try:
        with office.store.write() as tx:
            packs.request(tx, office.clock, browser.actor, name=name, first=first, last=last)
    except Refused as refusal:
        browser.actor.require(packs.SCOPE)
        given = {"framework": name, "first": first[:20], "last": last[:20]}
        return _page(request, browser, given=given, errors=field_errors(refusal))
    return RedirectResponse("/portal/evidence?done=evidence-asked", 303)


@router.post("/{evidence_id}/download")
def download(request: Request, browser: SignedIn, evidence_id: str) -> Response:
    """Give the file. That a copy was taken is recorded."""
    office: Office = request.app.state.office
    taken = packs.take(office.store, office.clock, office.settings, browser.actor, evidence_id)
    return FileResponse(taken.path, media_type="application/zip", filename=taken.filename)


def _page(
    request: Request,
    browser: Browser,
    *,
    given: dict[str, str] | None = None,
    errors: dict[str, str] | None = None,
) -> Response:
    office: Office = request.app.state.office
    with office.store.read() as tx:
        found = [packs.view(row) for row in packs.packs(tx, browser.actor, limit=_MOST)]
    values: dict[str, Any] = {
        "packs": found,
        "titles": {name: framework(name).title for name in NAMES},
        "frameworks": [(name, framework(name).title) for name in NAMES],
        "given": given or _last_month(office.clock.now().date()),
        "errors": errors or {},
        "is_open": any(one["state"] in {"waiting", "building"} for one in found),
    }
    return page(request, "admin/evidence.html", values, status=400 if errors else 200)


def _last_month(today: date) -> dict[str, str]:
    span = month_of(midnight(today.replace(day=1) - timedelta(days=1)))
    return {"framework": NAMES[0], "first": span.first.isoformat(), "last": span.last.isoformat()}
