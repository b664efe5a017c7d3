"""My account: password, API tokens, which notices come by mail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from nbkeep.model.actor import SCOPES
from nbkeep.model.errors import Refused, invalid
from nbkeep.model.units import parse_duration_s
from nbkeep.outbox import manage
from nbkeep.people import tokens
from nbkeep.people.rules import PASSWORD_LENGTH, PASSWORD_LENGTH_MAX
from nbkeep.people.users import change_password
from nbkeep.store.tables import UserRow

from .browser import sign_in
from .errors import field_errors
from .guard import Form, SignedIn, text
from .render import page

if TYPE_CHECKING:
    from nbkeep.app import Office

    from .browser import Browser

router = APIRouter(prefix="/account")


@router.get("")
def show(request: Request, browser: SignedIn) -> Response:
    """Show who I am, my tokens, and the form for a new password."""
    return _page(request, browser)


@router.post("/password")
def password(request: Request, browser: SignedIn, form: Form) -> Response:
    """Change my password. This browser stays signed in, every other one is signed out."""
    office: Office = request.app.state.office
    old, new, again = (str(form.get(name, "")) for name in ("old", "password", "again"))
    try:
        if new != again:
            raise invalid("again", "The two passwords differ.")
        change_password(office.store, office.clock, browser.actor, old, new)
    except Refused as refusal:
        errors = {"old": str(refusal)} if refusal.code == "wrong-password" else field_errors(refusal)
        return _page(request, browser, password_errors=errors, status=400)
    response = RedirectResponse("/portal/account?done=password-changed", 303)
    sign_in(request, response, office, browser.actor.id)
    return response


@router.post("/mail")
def mail(request: Request, browser: SignedIn, form: Form) -> Response:
    """Choose which notices come to me by mail."""
    office: Office = request.app.state.office
    with office.store.write() as tx:
        manage.choose(tx, office.clock, browser.actor, text(form, "notices", 20))
    return RedirectResponse("/portal/account?done=mail-chosen", 303)


@router.post("/tokens")
def create_token(request: Request, browser: SignedIn, form: Form) -> Response:
    """Make a token and show it, this once."""
    office: Office = request.app.state.office
    scopes = [scope for scope in form.getlist("scopes") if isinstance(scope, str)]
    try:
        valid_s = parse_duration_s(text(form, "valid", 20) or "90d", "valid")
        with office.store.write() as tx:
            _row, token = tokens.create_token(
                tx, office.clock, browser.actor, text(form, "name", 200), scopes, valid_s
            )
    except Refused as refusal:
        return _page(
            request, browser, token_errors=field_errors(refusal), form=_given(form), status=refusal.status
        )
    return _page(request, browser, token=token)


@router.post("/tokens/{token_id}/revoke")
def revoke_token(request: Request, browser: SignedIn, token_id: str) -> Response:
    """End one of my tokens."""
    office: Office = request.app.state.office
    with office.store.write() as tx:
        tokens.revoke_token(tx, office.clock, browser.actor, token_id)
    return RedirectResponse("/portal/account?done=token-revoked", 303)


_MAIL = {"off": "None", "important": "Important ones", "all": "All"}


def _choices(usual: str) -> list[tuple[str, str]]:
    return [("", f"As usual here: {_MAIL[usual].lower()}"), *_MAIL.items()]


def _given(form: Form) -> dict[str, Any]:
    return {
        "name": text(form, "name", 200),
        "valid": text(form, "valid", 20),
        "scopes": form.getlist("scopes"),
    }


def _page(
    request: Request,
    browser: Browser,
    *,
    password_errors: dict[str, str] | None = None,
    token_errors: dict[str, str] | None = None,
    token: str = "",
    form: dict[str, Any] | None = None,
    status: int = 200,
) -> Response:
    office: Office = request.app.state.office
    with office.store.read() as tx:
        user = tx.get_one(UserRow, browser.actor.id)
        mine = tokens.list_tokens(tx, office.clock, browser.actor)
        chosen = manage.chosen(tx, browser.actor)
    values: dict[str, Any] = {
        "user": user,
        "name": user.name,
        "tokens": mine,
        "sends_mail": office.settings.mail is not None,
        "mail_chosen": chosen,
        "mail_choices": _choices(office.settings.mail_notices),
        "scopes": {scope: words for scope, words in SCOPES.items() if scope in browser.actor.scopes},
        "token": token,
        "form": form or {"name": "", "valid": "90d", "scopes": []},
        "password_errors": password_errors or {},
        "token_errors": token_errors or {},
        "min_length": PASSWORD_LENGTH,
        "max_length": PASSWORD_LENGTH_MAX,
    }
    return page(request, "account.html", values, status=status)
