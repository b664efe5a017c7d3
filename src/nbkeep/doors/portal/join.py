"""Pages behind one-time links: the first password of somebody who was invited, and a new one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from nbkeep.model.errors import Refused
from nbkeep.people import invitations
from nbkeep.people.records import find_user
from nbkeep.people.rules import PASSWORD_LENGTH, PASSWORD_LENGTH_MAX

from .browser import address_of, sign_out
from .errors import field_errors
from .guard import AnonymousForm
from .render import page

if TYPE_CHECKING:
    from starlette.datastructures import FormData

    from nbkeep.app import Office

router = APIRouter()
_BAD_INPUT = 400


@router.get("/join/{token}")
@router.get("/reset/{token}")
def show(request: Request, token: str) -> Response:
    """Show the form; looking uses nothing up (mail programs open links before people do)."""
    return _form_page(request, token, {})


@router.post("/join/{token}")
@router.post("/reset/{token}")
def accept(request: Request, token: str, form: AnonymousForm) -> Response:
    """Set the password and lead to the sign-in, with the name filled in."""
    office: Office = request.app.state.office
    password = _raw(form, "password")
    if password != _raw(form, "again"):
        return _form_page(request, token, {"again": "The two passwords differ."}, _BAD_INPUT)
    try:
        name = invitations.accept(office.store, office.clock, token, password, address_of(request))
    except Refused as refusal:
        if refusal.status != _BAD_INPUT:
            return _dead_link(request, refusal)
        return _form_page(request, token, field_errors(refusal), _BAD_INPUT)
    response = RedirectResponse("/hub/login?" + urlencode({"username": name, "next": "/portal/"}), 303)
    sign_out(response, office)  # whoever used this browser before
    return response


def _form_page(request: Request, token: str, errors: dict[str, str], status: int = 200) -> Response:
    office: Office = request.app.state.office
    try:
        with office.store.read() as tx:
            link = invitations.look(tx, office.clock, token)
            user = find_user(tx, link.user)
    except Refused as refusal:
        return _dead_link(request, refusal)
    values: dict[str, Any] = {
        "kind": link.kind,
        "name": link.user,
        "email": user.email if user else "",
        "expires_at": link.expires_at,
        "errors": errors,
        "min_length": PASSWORD_LENGTH,
        "max_length": PASSWORD_LENGTH_MAX,
    }
    return page(request, "join.html", values, status=status)


def _dead_link(request: Request, refusal: Refused) -> Response:
    values = {"code": refusal.code, "message": refusal.message, "remedy": refusal.remedy}
    return page(request, "link_expired.html", values, status=refusal.status)


def _raw(form: FormData, name: str) -> str:
    # Not trimmed: spaces belong to a password.
    value = form.get(name, "")
    return value if isinstance(value, str) else ""
