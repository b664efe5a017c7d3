"""Declared connections: which there are and which are mine; for admins also declare, grant and remove."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from nbkeep.connections import change, parse
from nbkeep.connections.records import ADMIN, list_connections
from nbkeep.connections.view import connection_view
from nbkeep.model.errors import Refused, invalid
from nbkeep.model.grantee import GRANTEE_WORDS

from .errors import field_errors
from .guard import Form, SignedIn, text
from .render import page

if TYPE_CHECKING:
    from nbkeep.app import Office

    from .browser import Browser

router = APIRouter(prefix="/connections")
_FIELDS = ("name", "kind", "place", "database", "role", "secret", "local_port", "tls", "grants")
_EMPTY = dict.fromkeys(_FIELDS, "") | {"kind": "postgres", "tls": "verify"}
_KINDS = (("postgres", "PostgreSQL"), ("tcp", "Anything else (TCP)"))
_TLS = (("verify", "TLS, verified"), ("require", "TLS with whoever answers"), ("off", "No TLS"))


@router.get("")
def show(request: Request, browser: SignedIn) -> Response:
    """Show connections, and to admins the form for a new one."""
    return _page(request, browser)


@router.post("")
def add(request: Request, browser: SignedIn, form: Form) -> Response:
    """Declare a connection."""
    office: Office = request.app.state.office
    given = {name: text(form, name, 2000) for name in _FIELDS}
    try:
        declared = parse.declared(given["name"], local_port=_port(given["local_port"]), **_where(given))
        with office.store.write() as tx:
            change.add_connection(
                tx,
                office.clock,
                browser.actor,
                declared,
                secret=given["secret"] or None,
                grants=given["grants"].replace(",", " ").split(),
            )
    except Refused as refusal:
        return _page(request, browser, form=given, errors=_errors(refusal), status=refusal.status)
    return RedirectResponse("/portal/connections?done=created", 303)


@router.post("/{which}/grant")
def grant(request: Request, browser: SignedIn, which: str, form: Form) -> Response:
    """Grant a connection."""
    office: Office = request.app.state.office
    with office.store.write() as tx:
        change.grant_connection(tx, office.clock, browser.actor, which, text(form, "to", 100))
    return RedirectResponse("/portal/connections?done=saved", 303)


@router.post("/{which}/ungrant")
def ungrant(request: Request, browser: SignedIn, which: str, form: Form) -> Response:
    """Take a grant away."""
    office: Office = request.app.state.office
    with office.store.write() as tx:
        change.ungrant_connection(tx, office.clock, browser.actor, which, text(form, "to", 100))
    return RedirectResponse("/portal/connections?done=saved", 303)


@router.post("/{which}/remove")
def remove(request: Request, browser: SignedIn, which: str) -> Response:
    """Remove a connection."""
    office: Office = request.app.state.office
    with office.store.write() as tx:
        change.remove_connection(tx, office.clock, browser.actor, which)
    return RedirectResponse("/portal/connections?done=connection-removed", 303)


def _where(given: dict[str, str]) -> dict[str, str | None]:
    """Return what the form says of the place, as the room takes it; what is empty was not given."""
    if given["kind"] == "tcp":
        return {"tcp": given["place"], "database": given["database"] or None, "role": given["role"] or None}
    return {"postgres": given["place"], "database": given["database"], "role": given["role"],
            "tls": given["tls"] or None}  # fmt: skip


def _port(given: str) -> int | None:
    if given and not (given.isascii() and given.isdigit() and len(given) <= len("65535")):
        raise invalid("local-port", f"{given[:20]!r} is no port.", "Give a number from 1024 to 65535.")
    return int(given) if given else None


def _errors(refusal: Refused) -> dict[str, str]:
    """Return them beside the fields of this form, whose names are not those of the rooms."""
    names = {"egress": "place", "tcp": "place", "grant": "grants", "kind": "place"}
    return {names.get(name, name): words for name, words in field_errors(refusal).items()}


def _page(
    request: Request,
    browser: Browser,
    *,
    form: dict[str, Any] | None = None,
    errors: dict[str, str] | None = None,
    status: int = 200,
) -> Response:
    office: Office = request.app.state.office
    with office.store.read() as tx:
        found = [connection_view(tx, browser.actor, row) for row in list_connections(tx, browser.actor)]
    values: dict[str, Any] = {
        "connections": found,
        "kinds": _KINDS,
        "tls_ways": _TLS,
        "form": form or _EMPTY,
        "errors": errors or {},
        "grantee_words": GRANTEE_WORDS,
        "is_admin": browser.actor.may(ADMIN),
    }
    return page(request, "connections.html", values, status=status)
