"""Declared connections: which there are, which are mine, asking for one; admins declare, grant and remove."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from nbkeep.connections import change, parse
from nbkeep.connections.records import ADMIN, list_connections
from nbkeep.connections.view import connection_views
from nbkeep.grants.kinds import CONNECTION
from nbkeep.grants.request import request_grant
from nbkeep.grants.rules import ASK
from nbkeep.grants.take_out import take_out_connection
from nbkeep.model.errors import NbkeepError, Refused, invalid
from nbkeep.model.grantee import GRANTEE_WORDS
from nbkeep.model.units import format_duration
from nbkeep.profiles.profiles import list_profiles
from nbkeep.vault.change import check_role, source_of

from .errors import field_errors
from .guard import Form, SignedIn, text
from .render import page
from .standings import standings

if TYPE_CHECKING:
    from nbkeep.app import Office

    from .browser import Browser

router = APIRouter(prefix="/connections")
_FIELDS = ("name", "kind", "place", "database", "role", "secret", "vault_role", "local_port", "tls", "grants")
_EMPTY = dict.fromkeys(_FIELDS, "") | {"kind": "postgres", "tls": "verify"}
_NOTHING_ASKED = {"connection": "", "profile": "", "reason": "", "duration": "2h"}
_KINDS = (("postgres", "PostgreSQL"), ("tcp", "Anything else (TCP)"))
_TLS = (("verify", "TLS, verified"), ("require", "TLS with whoever answers"), ("off", "No TLS"))


@router.get("")
def show(request: Request, browser: SignedIn, ask: str = "") -> Response:
    """Show connections, the form to ask for one, and to admins that for a new one."""
    return _page(request, browser, asked=_NOTHING_ASKED | {"connection": ask[:100]})


@router.post("")
def add(request: Request, browser: SignedIn, form: Form) -> Response:
    """Declare a connection."""
    office: Office = request.app.state.office
    given = {name: text(form, name, 2000) for name in _FIELDS}
    try:
        declared = parse.declared(given["name"], local_port=_port(given["local_port"]), **_where(given))
        made = None
        if given["vault_role"]:
            browser.actor.require(ADMIN)
            binding = parse.made_binding(declared, given["vault_role"])
            check_role(office.settings, browser.actor, binding.source)
            made = (source_of(office.settings), binding)
        with office.store.write() as tx:
            change.add_connection(
                tx,
                office.clock,
                browser.actor,
                declared,
                secret=given["secret"] or None,
                made=made,
                grants=given["grants"].replace(",", " ").split(),
            )
    except NbkeepError as refusal:
        return _page(request, browser, form=given, errors=_errors(refusal), status=refusal.status)
    return RedirectResponse("/portal/connections?done=created", 303)


@router.post("/request")
def ask(request: Request, browser: SignedIn, form: Form) -> Response:
    """Ask for a connection, for a while."""
    office: Office = request.app.state.office
    given = {name: text(form, name, 2000) for name in _NOTHING_ASKED}
    try:
        with office.store.write() as tx:
            request_grant(
                tx,
                office.clock,
                office.settings,
                browser.actor,
                given["connection"],
                kind=CONNECTION.name,
                reason=given["reason"],
                duration=given["duration"],
                profile=given["profile"],
            )
    except Refused as refusal:
        names = {"name": "connection", "session": "profile"}
        errors = {names.get(name, name): words for name, words in field_errors(refusal).items()}
        return _page(request, browser, asked=given, ask_errors=errors, status=refusal.status)
    return RedirectResponse("/portal/grants?done=asked", 303)


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
        take_out_connection(tx, office.clock, browser.actor, which)
    return RedirectResponse("/portal/connections?done=connection-removed", 303)


def _where(given: dict[str, str]) -> dict[str, str | None]:
    """Return what the form says of the place, as the room takes it; what is empty was not given."""
    also = {"role": given["role"] or None, "vault_role": given["vault_role"] or None}
    if given["kind"] == "tcp":
        return {"tcp": given["place"], "database": given["database"] or None, **also}
    return {"postgres": given["place"], "database": given["database"], **also,
            "tls": given["tls"] or None}  # fmt: skip


def _port(given: str) -> int | None:
    if given and not (given.isascii() and given.isdigit() and len(given) <= len("65535")):
        raise invalid("local-port", f"{given[:20]!r} is no port.", "Give a number from 1024 to 65535.")
    return int(given) if given else None


def _errors(refusal: NbkeepError) -> dict[str, str]:
    """Return them beside the fields of this form, whose names are not those of the rooms."""
    names = {"egress": "place", "tcp": "place", "grant": "grants", "kind": "place"}
    return {names.get(name, name): words for name, words in field_errors(refusal).items()}


def _page(
    request: Request,
    browser: Browser,
    *,
    form: dict[str, Any] | None = None,
    errors: dict[str, str] | None = None,
    asked: dict[str, str] | None = None,
    ask_errors: dict[str, str] | None = None,
    status: int = 200,
) -> Response:
    office: Office = request.app.state.office
    actor = browser.actor
    with office.store.read() as tx:
        found = connection_views(tx, office.clock.now(), actor, list_connections(tx, actor))
        has = standings(tx, office, browser, CONNECTION.name) if actor.may(ASK) else {}
        profiles = list_profiles(tx, actor) if actor.may(ASK) else []
    values: dict[str, Any] = {
        "connections": [one | {"has": has.get(one["name"], [])} for one in found],
        "kinds": _KINDS,
        "tls_ways": _TLS,
        "form": form or _EMPTY,
        "errors": errors or {},
        "grantee_words": GRANTEE_WORDS,
        "is_admin": actor.may(ADMIN),
        "asks": actor.may(ASK),
        "askable": [(one["name"], one["name"]) for one in found if not one["is_granted"]],
        "profiles": [(one.name, one.display_name) for one, _ in profiles],
        "asked": asked or _NOTHING_ASKED,
        "ask_errors": ask_errors or {},
        "longest": format_duration(office.settings.grants_max_s),
    }
    return page(request, "connections.html", values, status=status)
