"""Pages of the hub that are ours: what the portal does is done there, and visits need a reason."""

# JupyterHub and traitlets have no types: strictness ends at their edge.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false, reportMissingTypeStubs=false, reportUntypedFunctionDecorator=false
# pyright: reportIncompatibleMethodOverride=false, reportIncompatibleVariableOverride=false

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from jupyterhub import orm
from jupyterhub.apihandlers.auth import OAuthAuthorizeHandler
from jupyterhub.handlers.base import BaseHandler
from tornado import web

from nbkeep.model.errors import NbkeepError

from .signout import ConfirmedLogout

if TYPE_CHECKING:
    from .authenticator import OfficeAuthenticator

_PORTAL = "/portal/"
_NOT_YOURS = (
    "There is no such session, or it is not yours. "
    "Admins enter from the session's page in the portal, with a reason."
)


class ToPortal(BaseHandler):
    """Leads to the portal from pages of JupyterHub that would do the same without the office's rules."""

    def get(self, *_parts: str) -> None:
        """Redirect there."""
        self.redirect(_PORTAL)


class AtPublicHost(web.RequestHandler):
    """Stands in for the hub's pages under the host names of sessions.

    What a notebook's output does there has the same origin: a sign-in page of the real hub would let it read
    the password that is typed, and then use the hub in its user's name.
    """

    def initialize(self, url: str) -> None:
        """Take the public address."""
        self._url = url.rstrip("/")

    def get(self) -> None:
        """Lead to the same page where it belongs."""
        self.redirect(self._url + str(self.request.uri))

    def prepare(self) -> None:
        """Refuse everything but looking."""
        if self.request.method not in {"GET", "HEAD"}:
            raise web.HTTPError(403, "Not here.")

    head = get


def host_handlers(public_url: str, hub_prefix: str) -> tuple[str, list[tuple[str, Any, dict[str, str]]]]:
    """Return the pattern of sessions' host names and what answers there, for `Application.add_handlers`."""
    host = re.escape(str(urlsplit(public_url).hostname))
    return rf".+\.{host}", [(rf"{hub_prefix}.*", AtPublicHost, {"url": public_url})]


class VisitAuthorizeHandler(OAuthAuthorizeHandler):
    """The door of every server. People enter their own; an admin enters another's after giving a reason.

    The hub gives nobody the right to all servers. When the office says that this admin holds a leave for this
    session, the hub shares this one server with them; `OfficeAuthenticator.refresh_user` takes it back.
    """

    async def refresh_auth(self, user: Any, **_options: Any) -> Any:
        """Ask the office anew: what the hub heard seconds ago must not become a new, lasting sign-in."""
        return await super().refresh_auth(user, force=True)

    @web.authenticated
    async def get(self) -> None:
        """Open the door for visitors with a leave, then do what JupyterHub does for everybody."""
        self._is_visit = await self._admit_visitor()
        await super().get()  # pyright: ignore[reportGeneralTypeIssues]

    def needs_oauth_confirm(self, user: Any, oauth_client: Any, requested_scopes: Any) -> bool:
        """Ask for no second consent: giving the reason was it."""
        return not self._is_visit and super().needs_oauth_confirm(user, oauth_client, requested_scopes)

    async def _admit_visitor(self) -> bool:
        client = self.oauth_provider.fetch_by_client_id(self.get_argument("client_id", ""))
        spawner = client.spawner if client is not None else None
        visitor: Any = self.current_user
        if spawner is None or spawner.user.name == visitor.name:
            return False
        authenticator: OfficeAuthenticator = self.settings["authenticator"]
        try:
            allowed = await authenticator.office.may_enter(visitor.name, spawner.user.name, spawner.name)
        except NbkeepError as error:
            raise web.HTTPError(503, str(error)) from error
        if not allowed:
            orm.Share.revoke(self.db, spawner, visitor.orm_user)
            raise web.HTTPError(404, _NOT_YOURS)
        orm.Share.grant(self.db, spawner, visitor.orm_user)
        self._resolve_roles_and_scopes()  # what this request may do was computed before the grant
        return True


OWN_HANDLERS: list[tuple[str, Any]] = [
    (r"/", ToPortal),
    (r"/home", ToPortal),
    (r"/admin", ToPortal),
    (r"/token", ToPortal),
    (r"/accept-share", ToPortal),
    (r"/spawn", ToPortal),
    (r"/spawn/([^/]+)", ToPortal),
    (r"/spawn/([^/]+)/([^/]+)", ToPortal),
    (r"/logout", ConfirmedLogout),
    (r"/api/oauth2/authorize", VisitAuthorizeHandler),
]
