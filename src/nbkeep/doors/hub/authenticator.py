"""Sign-in by the office: the hub carries name and password there, and asks again whether people still may."""

# JupyterHub and traitlets have no types: strictness ends at their edge.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false, reportMissingTypeStubs=false, reportUntypedFunctionDecorator=false
# pyright: reportIncompatibleMethodOverride=false, reportIncompatibleVariableOverride=false

from __future__ import annotations

from typing import Any

from jupyterhub import orm
from jupyterhub.auth import Authenticator
from tornado import web
from traitlets import Any as AnyTrait

from nbkeep.model.clock import Clock, SystemClock
from nbkeep.model.errors import NbkeepError, Refused, Unavailable

from .handlers import OWN_HANDLERS
from .office import OfficeClient
from .signins import end_before

_UNAUTHORIZED = 401
_TRUSTED_S = 60  # how long the last yes counts while the office is away


class OfficeAuthenticator(Authenticator):
    """Nobody is an admin of the hub: what admins do, the office does for them."""

    settings = AnyTrait(help="nbkeep's settings.").tag(config=True)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.office = OfficeClient(self.settings)
        self.clock: Clock = SystemClock()
        self._confirmed: dict[str, float] = {}  # whom the office last said yes to, and when (monotonic)
        self._heard_s = float("-inf")  # when it last said anything

    async def authenticate(self, handler: Any, data: dict[str, str]) -> dict[str, Any] | None:
        """Return the name that the office knows, or None when name and password do not belong together."""
        try:
            found = await self.office.authenticate(
                data.get("username", ""), data.get("password", ""), address_of(handler.request)
            )
        except Refused as refusal:
            if refusal.status == _UNAUTHORIZED:
                return None
            raise web.HTTPError(refusal.status, str(refusal)) from refusal
        except Unavailable as error:
            raise web.HTTPError(503, str(error)) from error
        self._confirm(found["name"])
        known = handler.find_user(found["name"])
        if known is not None:  # before the new cookie is made, so that it is none of the old ones
            end_before(handler.db, known.orm_user, found["valid_from"])
        return {"name": found["name"], "admin": False}

    async def refresh_user(self, user: Any, handler: Any = None) -> bool:
        """Tell whether somebody may still be signed in; visits whose leave is over end here, too.

        No longer: who was disabled, and who signed in before their password was changed.

        While the office is away the last yes counts for a minute. After that nobody gets further, and nobody
        is signed out for it either. What runs goes on: a session is told that a browser is its owner's for as
        long as that lasts, if the office had confirmed them in the minute before it was last heard.
        """
        try:
            found = await self.office.check(user.name)
            self._heard_s = self.clock.monotonic_s()
            if found["valid_from"] and end_before(user.db, user.orm_user, found["valid_from"]):
                return False
            if not found["active"]:
                self._confirmed.pop(user.name, None)
                return False
            await self._end_visits(user)
        except NbkeepError as error:
            since_s = self._heard_s if _is_asked_by_own_session(user, handler) else self.clock.monotonic_s()
            if since_s - self._confirmed.get(user.name, float("-inf")) < _TRUSTED_S:
                return True
            raise web.HTTPError(503, str(error)) from error
        self._confirm(user.name)
        return True

    def _confirm(self, name: str) -> None:
        self._heard_s = self._confirmed[name] = self.clock.monotonic_s()

    async def _end_visits(self, user: Any) -> None:
        """Take back entrance to other people's servers unless the office still allows it."""
        for share in list(user.orm_user.shared_with_me):
            spawner = share.spawner
            if not await self.office.may_enter(user.name, spawner.user.name, spawner.name):
                orm.Share.revoke(user.db, spawner, user.orm_user)

    def get_handlers(self, app: Any) -> list[tuple[str, Any]]:
        """Return the pages that replace JupyterHub's own: the hub asks here before it looks at its own."""
        return [*OWN_HANDLERS, *super().get_handlers(app)]


def _is_asked_by_own_session(user: Any, handler: Any) -> bool:
    """Tell whether a session asks about its own owner's browser: that opens nothing new to anybody."""
    if handler is None or handler.request.method != "GET" or handler.request.path != "/hub/api/user":
        return False
    token: Any = handler.get_token()
    client: Any = token.oauth_client if token is not None else None
    return client is not None and client.spawner is not None and client.spawner.user is user.orm_user


def address_of(request: Any) -> str:
    """Return the browser's address: the last hop, which our own proxy added, never what the browser claims.

    Tornado's `remote_ip` believes an X-Real-IP that a browser sends: a guesser would have as many addresses
    as tries, and the record would name innocent ones.
    """
    hops = str(request.headers.get("X-Forwarded-For", ""))
    return hops.rpartition(",")[2].strip()[:45] or str(request.remote_ip or "")
