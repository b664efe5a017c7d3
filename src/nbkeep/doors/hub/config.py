"""What JupyterHub is told: every setting of it, made from nbkeep's own."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .authenticator import OfficeAuthenticator
from .proxy import SocketProxy
from .sockets import proxy_socket, socket_url
from .spawner import INSIDE_HUB, WardenSpawner

if TYPE_CHECKING:
    from nbkeep.settings import Settings

OFFICE_SERVICE = "nbkeep-office"
OFFICE_CLIENT = f"service-{OFFICE_SERVICE}"
OFFICE_CALLBACK = "/portal/oauth_callback"
TEMPLATES = Path(__file__).parent / "templates"

# A server's own pages are for its owner. Starting, stopping, tokens and sharing have no place in a
# browser's or a server's hands here: portal and API do all that, with the office's rules and record.
USER_SCOPES = (
    "read:users:name!user",  # these two are part of every OAuth token: who it is
    "read:users:groups!user",
    "read:servers!user",
    "users:activity!user",
    "access:servers!user",
    f"access:services!service={OFFICE_SERVICE}",
)
SERVER_SCOPES = ("users:activity!user", "access:servers!server")
# The office starts and stops servers and makes people known; it neither enters servers nor makes tokens.
OFFICE_SCOPES = ("admin:users", "servers", "list:users", "proxy", "read:hub")
_AUTH_REFRESH_S = 10  # how long the hub believes the office's last word about a person
_POLL_S = 2
_START_TIMEOUT_S = 120


def configure(c: Any, settings: Settings) -> None:
    """Fill JupyterHub's configuration object."""
    url = settings.public_url.rstrip("/")
    office = socket_url(settings.office_socket)
    _addresses(c, settings, url, office)
    _people(c, settings, url)
    c.JupyterHub.spawner_class = WardenSpawner
    c.WardenSpawner.settings = settings
    c.JupyterHub.allow_named_servers = True
    # Running servers belong to nobody who may be restarted.
    c.JupyterHub.cleanup_servers = False
    c.JupyterHub.cleanup_proxy = False
    # The office limits what runs; these only keep a burst of starts from piling up in one process.
    c.JupyterHub.concurrent_spawn_limit = 64
    c.JupyterHub.active_server_limit = 0
    c.Spawner.consecutive_failure_limit = 0  # a row of failed starts must not end the hub
    c.Spawner.start_timeout = _START_TIMEOUT_S
    c.Spawner.http_timeout = 30
    c.Spawner.poll_interval = _POLL_S
    c.Spawner.default_url = "/lab"
    c.Spawner.apply_user_options = _ignore_options
    c.Spawner.hub_connect_url = INSIDE_HUB  # where a server finds the hub in its jail
    c.Spawner.server_token_scopes = list(SERVER_SCOPES)
    c.JupyterHub.db_url = f"sqlite:///{settings.data_dir / 'hub.db'}"
    c.JupyterHub.upgrade_db = True
    key = settings.secret("cookie-secret").encode()
    c.JupyterHub.cookie_secret = hmac.digest(key, b"nbkeep hub cookies", hashlib.sha256)
    c.JupyterHub.log_level = "INFO"
    c.JupyterHub.tornado_settings = {
        "slow_spawn_timeout": 2,
        "slow_stop_timeout": 1,  # a stop may take minutes while variables are saved: not waited for
        # Upstream believes the nearest proxy, our own, which speaks http. Servers take this over, too.
        "cookie_options": {"secure": True} if url.startswith("https://") else {},
    }
    if TEMPLATES.is_dir():
        c.JupyterHub.template_paths = [str(TEMPLATES)]
    c.JupyterHub.template_vars = {"portal_url": f"{url}/portal/"}


def _ignore_options(_spawner: Any, _options: dict[str, Any]) -> None:
    """Let no option of a start change the spawner: the office is asked about the two that it knows."""


def _addresses(c: Any, settings: Settings, url: str, office: str) -> None:
    c.JupyterHub.bind_url = f"http://{settings.listen}/"
    c.JupyterHub.public_url = f"{url}/"
    host = ""
    if not settings.unsafe_shared_origin:
        # Each person's servers get an origin of their own: script in a notebook's output runs in that of its
        # JupyterLab, which must be neither the portal's nor the hub's nor somebody else's.
        c.JupyterHub.subdomain_host = url
        host = str(urlsplit(url).hostname)
    c.JupyterHub.hub_bind_url = f"{socket_url(settings.hub_socket)}/hub/"
    c.JupyterHub.hub_connect_url = socket_url(settings.hub_socket)
    c.JupyterHub.hub_socket_mode = (
        0o666  # every call needs a token; trusted halves have user ids of their own
    )
    c.JupyterHub.default_url = "/portal/"
    c.JupyterHub.proxy_class = SocketProxy
    c.SocketProxy.should_start = False
    c.SocketProxy.api_url = socket_url(proxy_socket(settings))
    c.SocketProxy.auth_token = settings.secret("proxy-token")
    c.SocketProxy.api_socket = str(proxy_socket(settings))
    c.SocketProxy.extra_routes = {
        f"{host}/portal/": office,
        f"{host}/api/": office,
        f"{host}/metrics/": office,
    }
    # Cookies of other hosts of the domain (sessions!) must not be mistaken for the hub's.
    c.JupyterHub.cookie_host_prefix_enabled = url.startswith("https://") and bool(host)


def _people(c: Any, settings: Settings, url: str) -> None:
    c.JupyterHub.authenticator_class = OfficeAuthenticator
    c.OfficeAuthenticator.settings = settings
    c.OfficeAuthenticator.allow_all = True  # whom the office signs in
    c.OfficeAuthenticator.enable_auth_state = False
    c.OfficeAuthenticator.auth_refresh_age = _AUTH_REFRESH_S
    c.OfficeAuthenticator.auth_refresh_strict = True
    c.OfficeAuthenticator.delete_invalid_users = False
    c.JupyterHub.admin_access = False
    c.JupyterHub.cookie_max_age_days = max(settings.sign_in_valid_s / 86400, 0.01)
    # Made by nbkeep of random bytes: hashing it 16,384 times at every question protects nothing.
    c.JupyterHub.trust_user_provided_tokens = True
    c.JupyterHub.services = [
        {
            "name": OFFICE_SERVICE,
            "api_token": settings.secret("office-hub-token"),
            "oauth_client_id": OFFICE_CLIENT,
            "oauth_redirect_uri": url + OFFICE_CALLBACK,
            "oauth_no_confirm": True,
            "display": False,
        }
    ]
    c.JupyterHub.load_roles = [
        {"name": "user", "description": "Enter one's own servers", "scopes": list(USER_SCOPES)},
        {"name": "server", "description": "Tell activity, let the owner in", "scopes": list(SERVER_SCOPES)},
        {
            "name": "nbkeep-office",
            "description": "Start and stop servers, make people known",
            "scopes": list(OFFICE_SCOPES),
            "services": [OFFICE_SERVICE],
        },
    ]
