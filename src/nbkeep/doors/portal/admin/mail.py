"""Mail: how the server is doing, what waits and what failed, and why. No words of any message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from nbkeep.doors.portal.errors import field_errors
from nbkeep.doors.portal.guard import Form, SignedIn, text
from nbkeep.doors.portal.render import page
from nbkeep.meter import daily
from nbkeep.model.errors import NbkeepError, Refused
from nbkeep.outbox import manage

if TYPE_CHECKING:
    from nbkeep.app import Office
    from nbkeep.doors.portal.browser import Browser

router = APIRouter(prefix="/admin/mail")
_PAGE = 50
_STATES = (("", "All"), ("waiting", "Waiting"), ("given-up", "Given up"), ("sent", "Sent"),
           ("unneeded", "Not needed"))  # fmt: skip


@router.get("")
def show(request: Request, browser: SignedIn, state: str = "", cursor: str = "") -> Response:
    """Show the server and one page of messages."""
    return _page(request, browser, state=state, cursor=cursor)


@router.post("/test")
def test(request: Request, browser: SignedIn, form: Form) -> Response:
    """Send a test, and say on the page what went wrong."""
    office: Office = request.app.state.office
    to = text(form, "to", 300)
    try:
        manage.send_trial(office, browser.actor, to)
    except NbkeepError as error:
        errors = (
            field_errors(error) if isinstance(error, Refused) else {"": error.message, "remedy": error.remedy}
        )
        return _page(request, browser, errors=errors, to=to, code=error.status)
    return RedirectResponse("/portal/admin/mail?done=mail-tested", 303)


@router.post("/report")
def report(request: Request, browser: SignedIn) -> Response:
    """Send yesterday's report once more."""
    office: Office = request.app.state.office
    with office.store.write() as tx:
        daily.ask(tx, office, browser.actor, "")
    return RedirectResponse("/portal/admin/mail?done=mail-report", 303)


@router.post("/{mail_id}/retry")
def retry(request: Request, browser: SignedIn, mail_id: str) -> Response:
    """Try a message again at once."""
    office: Office = request.app.state.office
    with office.store.write() as tx:
        manage.retry(tx, office.clock, browser.actor, mail_id)
    return RedirectResponse("/portal/admin/mail?done=mail-retried", 303)


@router.post("/{mail_id}/discard")
def discard(request: Request, browser: SignedIn, mail_id: str) -> Response:
    """Forget a message."""
    office: Office = request.app.state.office
    with office.store.write() as tx:
        manage.discard(tx, office.clock, browser.actor, mail_id)
    return RedirectResponse("/portal/admin/mail?done=mail-discarded", 303)


def _page(
    request: Request,
    browser: Browser,
    *,
    state: str = "",
    cursor: str = "",
    errors: dict[str, str] | None = None,
    to: str = "",
    code: int = 200,
) -> Response:
    office: Office = request.app.state.office
    with office.store.read() as tx:
        found, following = manage.list_mail(
            tx, browser.actor, state=state, limit=_PAGE, cursor=cursor or None
        )
        status = manage.status(tx, office.settings, browser.actor)
    first = f"/portal/admin/mail?{urlencode({'state': state})}"
    values: dict[str, Any] = {
        "messages": found,
        "status": status,
        "states": _STATES,
        "state": state,
        "first_url": first,
        "next_url": f"{first}&{urlencode({'cursor': following})}" if following else "",
        "cursor": cursor,
        "errors": errors or {},
        "to": to,
    }
    return page(request, "admin/mail.html", values, status=code)
