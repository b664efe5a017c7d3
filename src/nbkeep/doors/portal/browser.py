"""Who a browser is: the portal's own cookie, and the checks that a request really comes from our pages."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sqlalchemy import select

from nbkeep.doors.cookies import Signer, fingerprint
from nbkeep.model.actor import ROLE_SCOPES, Actor, Role
from nbkeep.model.errors import Refused
from nbkeep.store.tables import UserRow

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from nbkeep.app import Office

HUB_SESSION_COOKIE = "jupyterhub-session-id"
CSRF_HEADER = "X-CSRF-Token"
_CLOCK_BACK_S = 60  # a clock that was set back a little must not sign everybody out
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True)
class Browser:
    """A signed-in browser: its actor, role, and the token that its forms must carry."""

    actor: Actor
    role: Role
    csrf: str


def cookie_name(public_url: str) -> str:
    """Return the cookie's name. `__Host-` keeps other hosts of the domain (sessions!) from planting one."""
    return "__Host-nbkeep" if is_https(public_url) else "nbkeep"


def is_https(public_url: str) -> bool:
    """Tell whether browsers reach the product over TLS."""
    return urlsplit(public_url).scheme == "https"


def origin_of(public_url: str) -> str:
    """Return scheme and host as browsers write them in `Origin`."""
    parts = urlsplit(public_url)
    return f"{parts.scheme}://{parts.netloc}"


def signer(office: Office, purpose: str) -> Signer:
    """Return the signer for one purpose, keyed by the installation's cookie secret."""
    return Signer(office.settings.secret("cookie-secret").encode(), purpose)


def sign_in(request: Request, response: Response, office: Office, user_id: str) -> None:
    """Put the cookie of a freshly signed-in user on a response.

    It is bound to the hub's own browser session: signing out of the hub, also from JupyterLab, ends ours too.
    """
    hub_session = request.cookies.get(HUB_SESSION_COOKIE, "")
    value = {
        "user": user_id,
        "at": office.clock.now().timestamp(),
        "hub": fingerprint(hub_session) if hub_session else "",
    }
    url = office.settings.public_url
    response.set_cookie(
        cookie_name(url), signer(office, "browser").sign(value), max_age=office.settings.sign_in_valid_s,
        path="/", secure=is_https(url), httponly=True, samesite="lax",
    )  # fmt: skip


def sign_out(response: Response, office: Office) -> None:
    """Take the cookie away."""
    url = office.settings.public_url
    response.delete_cookie(cookie_name(url), path="/", secure=is_https(url), httponly=True, samesite="lax")


def browser_of(request: Request, office: Office) -> Browser | None:
    """Return who the cookie says, or None: absent, forged, expired, signed out, disabled or password changed.

    Role and status are read anew for each request, so that a change holds at once.
    """
    text = request.cookies.get(cookie_name(office.settings.public_url), "")
    value = signer(office, "browser").read(text) if text else None
    if value is None or not _is_fresh(request, office, value):
        return None
    with office.store.read() as tx:
        row = tx.scalar(select(UserRow).where(UserRow.id == value.get("user")))
    signed_at = datetime.fromtimestamp(float(value["at"]), UTC)
    if row is None or row.status != "active" or signed_at < row.sessions_valid_from:
        return None
    role = Role(row.role)
    actor = Actor(
        id=row.id, name=row.name, scopes=ROLE_SCOPES[role], via="browser", address=address_of(request)
    )
    return Browser(actor, role, signer(office, "csrf").mac(text))


def actor_from_cookie(request: Request, office: Office) -> Actor | None:
    """Return the actor of a REST call made with the portal's cookie, or None without a valid one.

    Raises `Refused` (403) for a call that changes something and does not come from our own pages, or does
    not carry the CSRF token in its `X-CSRF-Token` header.
    """
    browser = browser_of(request, office)
    if browser is None:
        return None
    check_unforged(request, office, browser, request.headers.get(CSRF_HEADER, ""))
    return browser.actor


def check_unforged(request: Request, office: Office, browser: Browser | None, token: str) -> None:
    """Raise `Refused` (403) unless a changing request comes from our own origin with this browser's token.

    Both are asked for: the origin stops other sites and other users' notebooks (same site, other origin), the
    token stops whatever a browser forgets to label. Anonymous forms (set a password) have only the origin.
    """
    if request.method in _SAFE:
        return
    site = request.headers.get("sec-fetch-site")
    same = (
        site == "same-origin"
        if site
        else request.headers.get("origin") == origin_of(office.settings.public_url)
    )
    if not same or (browser is not None and not hmac.compare_digest(token.encode(), browser.csrf.encode())):
        raise Refused("forged-request", "This did not come from a page of nbkeep, or from an old one.",
                      "Open the page again and repeat what you did.")  # fmt: skip


def address_of(request: Request) -> str:
    """Return the browser's address: the last hop that our own proxy added, never what the browser claims."""
    forwarded = request.headers.get("x-forwarded-for", "")
    return forwarded.rpartition(",")[2].strip()[:45] or (request.client.host if request.client else "")


def _is_fresh(request: Request, office: Office, value: dict[str, Any]) -> bool:
    at = value.get("at")
    if not isinstance(at, int | float):
        return False
    age_s = office.clock.now().timestamp() - at
    bound = value.get("hub")
    here = request.cookies.get(HUB_SESSION_COOKIE, "")
    if bound and (not here or fingerprint(here) != bound):
        return False
    return -_CLOCK_BACK_S <= age_s < office.settings.sign_in_valid_s
