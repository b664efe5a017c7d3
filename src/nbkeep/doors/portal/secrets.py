"""Secrets: mine, those that my sessions may use, and for admins everybody's. No value is ever shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from nbkeep.model.errors import NbkeepError, invalid
from nbkeep.model.grantee import GRANTEE_WORDS
from nbkeep.vault import change, leases, parse
from nbkeep.vault.records import list_secrets
from nbkeep.vault.view import lease_views, secret_view

from .errors import field_errors
from .guard import Form, SignedIn, text
from .render import page

if TYPE_CHECKING:
    from nbkeep.app import Office

    from .browser import Browser

router = APIRouter(prefix="/secrets")
_FIELDS = ("name", "source", "hosts", "way", "place", "env", "grants")
_LONGEST_HOSTS = 500
_EMPTY = {
    "name": "",
    "source": "",
    "hosts": "",
    "way": "header",
    "place": "Authorization: Bearer {}",
    "env": "",
}
_WAYS = (("header", "A header"), ("query", "A parameter of the address"), ("basic", "User and password"),
         ("sigv4", "A signature of AWS"), ("postgres", "A PostgreSQL role's password"),
         ("s3", "Keys of datasets"))  # fmt: skip


@router.get("")
def show(request: Request, browser: SignedIn, name: str = "", hosts: str = "") -> Response:
    """Show secrets and leases, and the form for a new secret.

    `name`, `hosts`: what the form begins with, for links from elsewhere. A value never travels in an address.
    """
    begun = {"name": name[:40], "hosts": hosts[:_LONGEST_HOSTS]} if name or hosts else {}
    return _page(request, browser, begun=begun)


@router.post("")
def keep(request: Request, browser: SignedIn, form: Form) -> Response:
    """Keep a new secret."""
    office: Office = request.app.state.office
    given = {name: text(form, name, 2000) for name in _FIELDS}
    try:
        if given["way"] not in dict(_WAYS):
            raise invalid("way", "Choose how it is sent.")
        way = {given["way"]: given["place"]}
        binding = parse.binding(_listed(given["hosts"]), **way, source=given["source"])
        if binding.source:
            change.check_source(office.settings, browser.actor, binding)
        with office.store.write() as tx:
            change.set_secret(
                tx,
                office.clock,
                change.source_of(office.settings),
                browser.actor,
                given["name"],
                str(form.get("value", "")),
                binding,
                env=given["env"],
                grants=_grants(given, browser),
            )
    except NbkeepError as refusal:
        return _page(
            request, browser, form=given, errors=_errors(refusal, given["way"]), status=refusal.status
        )
    return RedirectResponse("/portal/secrets?done=secret-kept", 303)


@router.post("/{which}/rotate")
def rotate(request: Request, browser: SignedIn, which: str, form: Form) -> Response:
    """Give a secret another value."""
    office: Office = request.app.state.office
    with office.store.write() as tx:
        source = change.source_of(office.settings)
        change.rotate_secret(tx, office.clock, source, browser.actor, which, str(form.get("value", "")))
    return RedirectResponse("/portal/secrets?done=secret-rotated", 303)


@router.post("/{which}/grant")
def grant(request: Request, browser: SignedIn, which: str, form: Form) -> Response:
    """Grant a secret."""
    office: Office = request.app.state.office
    with office.store.write() as tx:
        change.grant_secret(tx, office.clock, browser.actor, which, text(form, "to", 100))
    return RedirectResponse("/portal/secrets?done=saved", 303)


@router.post("/{which}/ungrant")
def ungrant(request: Request, browser: SignedIn, which: str, form: Form) -> Response:
    """Take a grant away."""
    office: Office = request.app.state.office
    with office.store.write() as tx:
        change.ungrant_secret(tx, office.clock, browser.actor, which, text(form, "to", 100))
    return RedirectResponse("/portal/secrets?done=saved", 303)


@router.post("/{which}/revoke")
def revoke(request: Request, browser: SignedIn, which: str) -> Response:
    """End a secret for good."""
    office: Office = request.app.state.office
    with office.store.write() as tx:
        source = change.source_of(office.settings)
        change.revoke_secret(tx, office.clock, source, browser.actor, which)
    return RedirectResponse("/portal/secrets?done=secret-revoked", 303)


def _grants(given: dict[str, str], browser: Browser) -> list[str]:
    """Return whom it is granted to; the form's own suggestion means nothing for a database's password."""
    suggested = f"user:{browser.actor.name}"
    return [] if given["way"] == "postgres" and given["grants"] == suggested else _listed(given["grants"])


def _listed(given: str) -> list[str]:
    return given.replace(",", " ").split()


def _errors(refusal: NbkeepError, way: str) -> dict[str, str]:
    """Return them beside the fields of this form, whose names are not those of the room."""
    found = field_errors(refusal)
    names = {"host": "hosts", "grant": "grants", way: "place"}
    return {names.get(name, name): words for name, words in found.items()}


def _page(
    request: Request,
    browser: Browser,
    *,
    form: dict[str, Any] | None = None,
    begun: dict[str, str] | None = None,
    errors: dict[str, str] | None = None,
    status: int = 200,
) -> Response:
    office: Office = request.app.state.office
    with office.store.read() as tx:
        found = [secret_view(tx, browser.actor, row) for row in list_secrets(tx, browser.actor)]
        live = lease_views(tx, browser.actor, leases.list_leases(tx, browser.actor))
    values: dict[str, Any] = {
        "secrets": found,
        "leases": live,
        "ways": _WAYS,
        "form": form or _EMPTY | {"grants": f"user:{browser.actor.name}"} | (begun or {}),
        "is_begun": bool(begun),
        "errors": errors or {},
        "grantee_words": GRANTEE_WORDS,
        "is_admin": browser.actor.may("admin:secrets"),
    }
    return page(request, "secrets.html", values, status=status)
