"""Who may use the session's server: JupyterHub's own OAuth and scopes; no token of it reaches a page."""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

import asyncio
import os
import re
from typing import Any

from jupyterhub.services.auth import HubOAuth
from jupyterhub.singleuser.extension import JupyterHubIdentityProvider
from tornado import web
from traitlets import default

from nbkeep_runtime.server.lab import without_disabled

# For how long the hub's last yes counts: somebody whose account or leave to visit ended is out after that.
_TRUSTED_S = 10
_LOOK_S = 10
_MAX_FLOWS = 5  # sign-ins that one browser may have begun at once, one a tab
_POLICY = 1008  # RFC 6455, 7.4.1: closed because of a policy


class SessionOAuth(HubOAuth):
    """JupyterHub's sign-in to a server, of which a browser may have begun a few at once."""

    def set_state_cookie(self, handler: Any, next_url: str | None = None, **more: Any) -> str:
        """Remember a sign-in that begins, and take back the oldest when there are too many.

        A tab that begins again and again would fill the request header, and its user would get no page.
        """
        pattern = re.compile(rf"{re.escape(self.state_cookie_name)}(-[A-Za-z]+)?")
        begun = [name for name in handler.request.cookies if pattern.fullmatch(name)]  # oldest first
        for name in begun[: max(0, len(begun) + 1 - _MAX_FLOWS)]:
            self._clear_cookie(handler, name, path=self.cookie_path)
        return super().set_state_cookie(handler, next_url, **more)


class HubIdentity(JupyterHubIdentityProvider):
    """JupyterHub's identity provider, with a page that holds no token."""

    @default("hub_auth")
    def _default_hub_auth(self) -> HubOAuth:
        # JupyterHub reads the prefix when it is imported: a warm parent had none yet.
        prefix = os.environ.get("JUPYTERHUB_SERVICE_PREFIX") or "/"
        return SessionOAuth(parent=self, cache_max_age=_TRUSTED_S, base_url=prefix)

    def page_config_hook(self, handler: Any, page_config: dict[str, Any]) -> dict[str, Any]:
        """Tell Lab about the hub, without a token, which script in an output could read: Lab has a cookie."""
        config: dict[str, Any] = super().page_config_hook(handler, page_config)
        config["token"] = ""
        return without_disabled(config)

    async def may_stay(self, handler: Any) -> bool:
        """Tell whether who opened a websocket may still use the server; yes while the hub does not answer."""
        auth: Any = self.hub_auth
        session_id = auth.get_session_id(handler)
        try:
            found = await auth.user_for_token(auth.get_token(handler), session_id=session_id, sync=False)
        except web.HTTPError:
            return True
        return bool(found and auth.check_scopes(auth.access_scopes, found))


async def show_out(handler: Any) -> None:
    """Close a websocket once who opened it may no longer be here: nobody asks about an open one again."""
    while await handler.identity_provider.may_stay(handler):  # noqa: ASYNC110  # nothing tells when that ends
        await asyncio.sleep(_LOOK_S)
    handler.close(_POLICY, "Your access to this session has ended.")
