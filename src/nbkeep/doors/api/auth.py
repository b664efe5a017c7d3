"""Who calls: the operator's token, an API token, the hub's token, or the portal's cookie."""

from __future__ import annotations

import hmac
from typing import Annotated, cast

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from nbkeep.app import Office
from nbkeep.doors.portal import actor_from_cookie
from nbkeep.model.actor import OPERATOR, Actor
from nbkeep.model.errors import Refused
from nbkeep.people import tokens

# Only describes the header in the API's description; the reading is done below.
_BEARER = HTTPBearer(
    auto_error=False, description="`Authorization: Bearer TOKEN` with an API token (`nbk_…`)"
)
# What the proxy adds to each request; the platform's own processes come without, over the socket.
_PROXIED = (
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-forwarded-port",
    "forwarded",
    "via",
)


def get_office(request: Request) -> Office:
    """Return the office that this app serves."""
    return cast("Office", request.app.state.office)


def is_proxied(request: Request) -> bool:
    """Tell whether a request came through the public proxy."""
    return any(name in request.headers for name in _PROXIED)


def bearer(request: Request) -> str | None:
    """Return the token of the Authorization header (`Bearer` or `token` scheme), or None."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() in {"bearer", "token"} and token.strip() else None


def address_of(request: Request) -> str:
    """Return the caller's address: the last hop, which our own proxy added; "" for a local caller."""
    return request.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()[:45]


def get_actor(request: Request) -> Actor:
    """Return who calls; raise `Refused` (401) for nobody, with one answer for all kinds of bad token."""
    office = get_office(request)
    token = bearer(request)
    if token is None:
        actor = actor_from_cookie(request, office)
        if actor is None:
            raise Refused("not-signed-in", "This needs somebody who is signed in.",
                          "Sign in at the portal, or send an API token.", status=401)  # fmt: skip
        return actor
    if not is_proxied(request) and _same(token, office.settings.secret("operator-token")):
        return OPERATOR
    return tokens.actor_of_token(office.store, office.clock, token, address_of(request))


def refuse_proxied(request: Request) -> None:
    """Raise `Refused` (404) for a call of an internal path that came through the public proxy."""
    if is_proxied(request):
        raise Refused("not-found", "There is nothing here.", status=404)


def require_hub(request: Request) -> None:
    """Raise `Refused` unless the hub itself calls, over the socket and with its token."""
    refuse_proxied(request)
    if not _same(bearer(request) or "", get_office(request).settings.secret("hub-token")):
        raise Refused("bad-token", "The hub's token is needed here.", status=401)


def require_gateway(request: Request) -> None:
    """Raise `Refused` unless a gateway itself calls, over the socket and with its token."""
    refuse_proxied(request)
    if not _same(bearer(request) or "", get_office(request).settings.secret("gateway-token")):
        raise Refused("bad-token", "The gateway's token is needed here.", status=401)


def _same(given: str, wanted: str) -> bool:
    return bool(wanted) and hmac.compare_digest(given.encode(), wanted.encode())


def _actor(
    actor: Annotated[Actor, Depends(get_actor)], _scheme: Annotated[object, Depends(_BEARER)]
) -> Actor:
    # FastAPI heeds one `Depends` of an annotation only: the header's description hangs here.
    return actor


OfficeDep = Annotated[Office, Depends(get_office)]
ActorDep = Annotated[Actor, Depends(_actor)]
