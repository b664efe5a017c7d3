"""Own rules: what the organisation has found, a form to set them, and one to try them on a sample."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from nbkeep.detection import change, check, liveness, records
from nbkeep.detection.values import ADMIN
from nbkeep.doors.portal.errors import field_errors
from nbkeep.doors.portal.guard import Form, SignedIn, listed, text
from nbkeep.doors.portal.render import page
from nbkeep.model.errors import NbkeepError, Refused

if TYPE_CHECKING:
    from starlette.datastructures import FormData

    from nbkeep.app import Office
    from nbkeep.detection.values import Checked
    from nbkeep.doors.portal.browser import Browser

router = APIRouter(prefix="/admin/rules")
_PAGE = "/portal/admin/rules"


@router.get("")
def show(request: Request, browser: SignedIn) -> Response:
    """Show the rules that hold."""
    return _page(request, browser)


@router.post("")
def set_rules(request: Request, browser: SignedIn, form: Form) -> Response:
    """Set the rules, or only try them on a sample."""
    office: Office = request.app.state.office
    try:
        wanted = _lines(form, "rules")
        if text(form, "act", 10) == "test":
            with office.store.read() as tx:
                records.show_rules(tx, browser.actor)  # for who may see them
            tried = check.tried(wanted, _lines(form, "sample"))
            return _page(request, browser, form, tried=tried)
        browser.actor.require(ADMIN)
        check.checked(wanted)  # outside of the transaction: it takes its time
        with office.store.write() as tx:
            change.set_rules(tx, office.clock, browser.actor, wanted)
    except NbkeepError as error:
        if isinstance(error, Refused) and error.status == 403:
            raise
        return _page(request, browser, form, error)
    return RedirectResponse(f"{_PAGE}?done=saved", 303)


@router.post("/unset")
def unset_rules(request: Request, browser: SignedIn, form: Form) -> Response:
    """Take the rules away."""
    del form  # what stands before every page has looked at it
    office: Office = request.app.state.office
    with office.store.write() as tx:
        change.unset_rules(tx, office.clock, browser.actor)
    return RedirectResponse(f"{_PAGE}?done=saved", 303)


@router.post("/liveness")
def set_liveness(request: Request, browser: SignedIn, form: Form) -> Response:
    """Turn asking a provider on or off."""
    office: Office = request.app.state.office
    with office.store.write() as tx:
        name, on = text(form, "provider", 60), text(form, "on", 5) == "on"
        liveness.set_liveness(tx, office.clock, browser.actor, name, on=on)
    return RedirectResponse(f"{_PAGE}?done=saved#liveness", 303)


def _lines(form: FormData, name: str) -> str:
    """Return a field of lines as they are in a file: browsers end them otherwise."""
    value = listed(form, name).replace("\r\n", "\n")
    return f"{value}\n" if value else ""


def _page(
    request: Request,
    browser: Browser,
    form: FormData | None = None,
    error: NbkeepError | None = None,
    tried: Checked | None = None,
) -> Response:
    office: Office = request.app.state.office
    with office.store.read() as tx:
        held = records.show_rules(tx, browser.actor)
        providers = liveness.list_liveness(tx, browser.actor)
    given = {name: _lines(form, name) if form is not None else "" for name in ("rules", "sample")}
    values: dict[str, Any] = {
        "held": held,
        "providers": providers,
        "given": given if form is not None else {**given, "rules": held["text"]},
        "errors": field_errors(error) if isinstance(error, Refused) else {},
        "unavailable": error if error is not None and not isinstance(error, Refused) else None,
        "tried": tried,
        "is_admin": browser.actor.may(ADMIN),
    }
    return page(request, "admin/rules.html", values, status=error.status if error else 200)
