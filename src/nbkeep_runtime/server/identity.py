"""Who may use the session's server: JupyterHub's own OAuth and scopes; no token of it reaches a page."""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

from typing import Any

from jupyterhub.singleuser.extension import JupyterHubIdentityProvider

from nbkeep_runtime.server.lab import without_disabled


class HubIdentity(JupyterHubIdentityProvider):
    """JupyterHub's identity provider, with a page that holds no token."""

    def page_config_hook(self, handler: Any, page_config: dict[str, Any]) -> dict[str, Any]:
        """Tell Lab about the hub, without a token, which script in an output could read: Lab has a cookie."""
        config: dict[str, Any] = super().page_config_hook(handler, page_config)
        config["token"] = ""
        return without_disabled(config)
