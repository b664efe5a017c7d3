"""Sign-in through the hub: OAuth2 code flow with state, PKCE, and a cookie that ties both to one browser.

The hub asks for name and password; who it was we learn from its API over its socket, never from the browser.
"""

from __future__ import annotations

import hmac
import logging
import re
import secrets
from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote, urlencode, urlsplit

import httpx
from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy import select

from nbkeep import unixhttp
from nbkeep.doors.cookies import SIGN_OUT_COOKIE, SIGN_OUT_PURPOSE, SIGN_OUT_S, fingerprint
from nbkeep.model.errors import Refused, Unavailable
from nbkeep.store.tables import UserRow

from .browser import HUB_SESSION_COOKIE, browser_of, check_unforged, is_https, sign_in, sign_out, signer

if TYPE_CHECKING:
    from nbkeep.app import Office

log = logging.getLogger(__name__)
router = APIRouter()

CLIENT_ID = "service-nbkeep-office"
CALLBACK = "/portal/oauth_callback"
_HUB_LOGOUT = "/hub/logout"
_FLOW_S = 600  # how long a person may take to sign in
_FLOW_COOKIE = re.compile(r"nbkeep-signin-[0-9a-f]{8}")
_MAX_FLOWS = 5  # sign-ins that one browser may have begun at once, one a tab
_NEXT = re.compile(r"/portal/[A-Za-z0-9_.~/?=&%:-]*")
_TIMEOUT_S = 10.0


@router.get("/sign-in")
def start(request: Request, next: str = "/portal/") -> Response:
    """Send the browser to the hub, remembering (signed, in the browser) what it must bring back."""
    office: Office = request.app.state.office
    public_url = office.settings.public_url
    target = next if _NEXT.fullmatch(next) and ".." not in next else "/portal/"
    if request.url.netloc != urlsplit(public_url).netloc:
        # Cookies belong to a host name: somebody who came by 127.0.0.1 must go on by the public name.
        return RedirectResponse(f"{public_url.rstrip('/')}/portal/sign-in?next={quote(target)}", 303)
    state, verifier = secrets.token_urlsafe(24), secrets.token_urlsafe(48)
    challenge = urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    query = urlencode({
        "client_id": CLIENT_ID,
        "redirect_uri": public_url.rstrip("/") + CALLBACK,
        "response_type": "code",
        "state": state,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    })  # fmt: skip
    response = RedirectResponse(f"/hub/api/oauth2/authorize?{query}", 303)
    flow = {"state": state, "verifier": verifier, "next": target, "at": office.clock.now().timestamp()}
    # A tab that begins again and again would fill the request header, and its user would get no page at all.
    begun = [name for name in request.cookies if _FLOW_COOKIE.fullmatch(name)]  # RFC 6265, 5.4: oldest first
    for name in begun[: max(0, len(begun) + 1 - _MAX_FLOWS)]:
        response.delete_cookie(name, path="/portal")
    response.set_cookie(
        _flow_cookie(state),
        signer(office, "sign-in").sign(flow),
        max_age=_FLOW_S,
        path="/portal",
        secure=is_https(public_url),
        httponly=True,
        samesite="lax",
    )
    return response


@router.get("/oauth_callback")
def finish(request: Request, state: str = "", code: str = "", error: str = "") -> Response:
    """Take the hub's code, learn who it stands for, and sign that person in.

    Raises `Refused` when state and browser do not belong together, `Unavailable` when the hub is away.
    """
    office: Office = request.app.state.office
    flow = _flow(request, office, state)
    if error or not code:
        raise Refused("sign-in-refused", "The sign-in was not completed.", "Start again.", status=403)
    name = _who(office, code, flow["verifier"])
    with office.store.read() as tx:
        user = tx.scalar(select(UserRow).where(UserRow.name == name))
    if user is None or user.status != "active":
        raise Refused(
            "account-closed", "This account is not active.", "Ask an admin to enable it.", status=403
        )
    if office.clock.now() < user.sessions_valid_from:
        # Without this check browser and hub would send each other round in circles.
        raise Unavailable("clock-went-back", "The server's clock went back: new sign-ins would be void.",
                          "Ask an admin to look at `nbkeep doctor`.")  # fmt: skip
    response = RedirectResponse(flow["next"], 303)
    sign_in(request, response, office, user.id)
    response.delete_cookie(_flow_cookie(state), path="/portal")
    return response


@router.post("/sign-out")
def leave(request: Request, csrf: Annotated[str, Form()] = "") -> Response:
    """Sign out here and at the hub. Twice is safe."""
    office: Office = request.app.state.office
    # Without a cookie, too: browsers keep it from other sites' forms, which could sign out all the same.
    check_unforged(request, office, browser_of(request, office), csrf)
    response = RedirectResponse(_HUB_LOGOUT, 303)
    sign_out(response, office)
    # The hub asks again, unless it hears that this click was the answer.
    word = {
        "hub": fingerprint(request.cookies.get(HUB_SESSION_COOKIE, "")),
        "at": office.clock.now().timestamp(),
    }
    response.set_cookie(
        SIGN_OUT_COOKIE,
        signer(office, SIGN_OUT_PURPOSE).sign(word),
        max_age=SIGN_OUT_S,
        path=_HUB_LOGOUT,
        secure=is_https(office.settings.public_url),
        httponly=True,
        samesite="strict",
    )
    return response


def _flow_cookie(state: str) -> str:
    # One cookie for each flow: two tabs that sign in at once must not overwrite each other's.
    return f"nbkeep-signin-{sha256(state.encode()).hexdigest()[:8]}"


def _flow(request: Request, office: Office, state: str) -> dict[str, Any]:
    flow = signer(office, "sign-in").read(request.cookies.get(_flow_cookie(state), ""))
    age_s = office.clock.now().timestamp() - float(flow["at"]) if flow else 0
    if (
        flow is None
        or age_s > _FLOW_S
        or not hmac.compare_digest(state.encode(), str(flow["state"]).encode())
    ):
        raise Refused(
            "sign-in-expired",
            "The sign-in took too long, or your browser kept no cookie.",
            "Start again; if it happens twice, allow cookies for this site.",
            status=400,
        )
    return flow


def _who(office: Office, code: str, verifier: str) -> str:
    """Return the login that a code stands for, asked of the hub over its socket."""
    settings = office.settings
    public_url = settings.public_url.rstrip("/")
    form = {
        "client_id": CLIENT_ID,
        "client_secret": settings.secret("office-hub-token"),
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": public_url + CALLBACK,
        "code_verifier": verifier,
    }
    transport = unixhttp.transport(settings.hub_socket)
    headers = {"Host": urlsplit(public_url).netloc}
    try:
        with httpx.Client(
            transport=transport, base_url="http://hub/hub/api", headers=headers, timeout=_TIMEOUT_S
        ) as hub:
            granted = hub.post("/oauth2/token", data=form)
            if granted.is_client_error:
                log.warning("the hub refused a sign-in code: %s", granted.status_code)
                # Also what becomes of a browser that the hub knew when its person's account was disabled.
                raise Refused(
                    "sign-in-refused",
                    "The sign-in was not accepted: it took too long, or the account is disabled.",
                    "Sign in again. If that does not help, ask an admin.",
                    status=403,
                )
            token = granted.raise_for_status().json()["access_token"]
            answer = hub.get("/user", headers={"Authorization": f"Bearer {token}"})
            return str(answer.raise_for_status().json()["name"])
    except (httpx.HTTPError, KeyError, ValueError) as error:
        log.warning("sign-in failed at the hub: %s", error)
        raise Unavailable(
            "hub-away", "The sign-in service does not answer.", "Try again in a moment."
        ) from error
