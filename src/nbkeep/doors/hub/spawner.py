"""A server of the hub is a session of the office, run by the warden: this carries words between the three."""

# JupyterHub and traitlets have no types: strictness ends at their edge.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false, reportMissingTypeStubs=false, reportUntypedFunctionDecorator=false
# pyright: reportIncompatibleMethodOverride=false, reportIncompatibleVariableOverride=false

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import httpx
from jupyterhub import orm
from jupyterhub.spawner import Spawner, SpawnException
from tornado import web
from traitlets import Any as AnyTrait
from traitlets import Bool, Float, Integer, Unicode

from nbkeep import unixhttp
from nbkeep.backends.interface import LaunchSpec
from nbkeep.backends.warden_client import WardenClient
from nbkeep.model.errors import NbkeepError, Refused, Unavailable
from nbkeep.model.origins import session_host
from nbkeep.model.session import StopReason
from nbkeep.telemetry import traces

from .office import OfficeClient
from .sockets import socket_url

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from nbkeep.backends.interface import Status

# Where the trusted half finds the hub in its jail, and where it is to listen itself.
INSIDE_HUB = "http+unix://%2Frun%2Fnbkeep%2Fhub%2Fhub.sock"
INSIDE_SERVER = "http+unix://%2Frun%2Fnbkeep%2Fserver%2Fserver.sock"
# Looks at a server that starts: often while it may be a warm one, then ten times a second.
_LOOKS_S = (0.003,) * 140
_LOOK_S = 0.1
_LASTS_S = 0.25  # a step that takes longer is shown
_STATUS_EVERY_S = 0.3  # a death is seen in under half a second
_BAD = 500
# An end waits in its thread for as long as the session saves: looks and launches must not wait behind many.
_ENDINGS = ThreadPoolExecutor(500, thread_name_prefix="ending")


class WardenSpawner(Spawner):
    """Starts what the office admitted and nothing else, whatever `user_options` say."""

    settings = AnyTrait(help="nbkeep's settings.").tag(config=True)
    session_id = Unicode(help="The office's name for what runs; empty when nothing does.")
    server_url = Unicode(help="Where the trusted half listens, in a form that survives the hub's database.")
    run = Integer(1, help="Which run of the session: a resumed one has more than one.")
    grace_s = Float(10.0, help="How long the trusted half may take to save and end.")
    is_warm = AnyTrait(None, help="Whether the warden forked it from a warm parent; None: not known.")
    own_host = Unicode(help="The host of a server that is not under its user's; empty for all others.")
    is_known_ready = Bool(help="Whether the office has been told that it is ready.")

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.office = OfficeClient(self.settings)
        self._warden_client: WardenClient | None = None
        self._steps: list[str] = []
        self._stepped = asyncio.Event()

    async def start(self) -> str:
        """Ask the office, have the warden launch, wait until the server answers; return its URL.

        Raises `SpawnException` for what the office or the warden refuses, and an HTTP error that says why for
        a server that died at once.
        """
        options = dict(self.user_options or {})
        with traces.span("hub.spawn", traces.checked(options.get(traces.HEADER))):
            return await self._start(options)

    async def _start(self, options: dict[str, Any]) -> str:
        self._steps.clear()
        self._revoke_visits()
        try:
            answer = await self.office.launch(self.user.name, self.name, options, self._hub_env())
        except Refused as refusal:
            raise SpawnException(str(refusal), reason=_label(refusal.code)) from refusal
        except Unavailable as error:
            raise web.HTTPError(503, str(error)) from error
        spec = LaunchSpec(**answer["launch"])
        self._take_origin(spec)
        self.session_id = str(answer["session_id"])
        self.run, self.grace_s = int(answer["run"]), float(answer["grace_s"])
        try:
            await self._launch(spec)
            async with self._step("server", "Starting JupyterLab."):
                await self._wait_for_server()
        except NbkeepError as error:
            await self._tell_ended(_reason_of(error), str(error))
            if isinstance(error, Refused):
                raise SpawnException(str(error), reason=_label(error.code)) from error
            raise web.HTTPError(503, str(error)) from error
        return self.server_url

    async def stop(self, now: bool = False) -> None:  # noqa: FBT001, FBT002 - JupyterHub's signature
        """End both halves; return when they are gone. Twice is safe."""
        if not self.session_id:
            return
        ending = functools.partial(self._warden.stop, self.session_id, 0.0 if now else self.grace_s)
        await asyncio.get_running_loop().run_in_executor(_ENDINGS, ending)
        # Whoever asked the office for this stop left the reason there; this one counts only when nobody did.
        reason = StopReason.SERVER_DIED if self.is_known_ready else StopReason.START_TIMEOUT
        await self._tell_ended(reason, "The hub ended it.")
        self._revoke_visits()

    async def poll(self) -> int | None:
        """Return None while it runs, else an exit code. No word from the warden is no death."""
        if not self.session_id:
            return 0
        try:
            status = await asyncio.to_thread(self._warden.status, self.session_id)
        except Unavailable:
            return None
        if status is not None and status.alive:
            if self.server is not None and self.ready and not self.is_known_ready:
                await self.tell_ready()  # the office was away when it became so
            return None
        if status is not None and status.exit is not None:
            await self._tell_ended(status.exit.reason, status.exit.detail)
            return status.exit.code or 1
        return 1

    async def tell_ready(self) -> None:
        """Tell the office that the server answers and is routed; the proxy calls this. Twice is safe."""
        try:
            await self.office.ready(self.session_id, warm=self.is_warm)
        except NbkeepError as error:
            self.log.warning("%s is ready, but the office does not know yet: %s", self.session_id, error)
            return
        self.is_known_ready = True
        self._keep_state()

    async def get_url(self) -> str:
        """Return the server's address; called for servers that were there before the hub was."""
        if self.server is not None and self.server_url and self.server.proto != "http+unix":
            # The last hub was killed between the launch and writing the address down.
            self.server.proto = "http+unix"
        return self.server_url or await super().get_url()

    async def progress(self) -> AsyncGenerator[dict[str, Any]]:
        """Give the steps of a start as they are taken."""
        shown = 0
        while True:
            while shown < len(self._steps):
                shown += 1
                yield {"progress": min(90, 30 * shown), "message": self._steps[shown - 1]}
            self._stepped.clear()
            await self._stepped.wait()

    def get_state(self) -> dict[str, Any]:
        """Return what a restarted hub needs to find the server again."""
        return super().get_state() | {
            "session_id": self.session_id,
            "server_url": self.server_url,
            "run": self.run,
            "grace_s": self.grace_s,
            "own_host": self.own_host,
            "is_known_ready": self.is_known_ready,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Take back what `get_state` gave."""
        super().load_state(state)
        self.session_id = str(state.get("session_id", ""))
        self.server_url = str(state.get("server_url", ""))
        self.run, self.grace_s = int(state.get("run", 1)), float(state.get("grace_s", 10.0))
        self.is_known_ready = bool(state.get("is_known_ready", False))
        self._route_by(str(state.get("own_host", "")))

    def clear_state(self) -> None:
        """Forget the server."""
        super().clear_state()
        self.session_id, self.server_url, self.is_known_ready = "", "", False
        self.is_warm = None
        self._route_by("")

    @property
    def _warden(self) -> WardenClient:
        if self._warden_client is None:
            self._warden_client = WardenClient(
                self.settings.warden_socket, self.settings.secret("warden-token")
            )
        return self._warden_client

    @property
    def _base_url(self) -> str:
        server: Any = self.server
        return str(server.base_url)

    def _hub_env(self) -> dict[str, str]:
        """Return the environment by which the server knows the hub: a socket in its jail."""
        env = {key: str(value) for key, value in self.get_env().items() if key.startswith("JUPYTERHUB_")}
        return env | {"JUPYTERHUB_SERVICE_URL": INSIDE_SERVER + self._base_url}

    def _take_origin(self, spec: LaunchSpec) -> None:
        """Give a server in quarantine an origin that no other has, before anything of it is asked or routed.

        The hub lets browsers back to the one address that it has on record, and the server is told the same.
        """
        domain = self.user.settings.get("domain", "")
        is_apart = spec.quarantine and bool(self.user.settings.get("subdomain_host"))
        host = session_host(self.user.name, domain, spec.session_id, quarantine=True)
        self._route_by(host if is_apart else "")
        if not is_apart:
            return
        for name in ("JUPYTERHUB_OAUTH_CALLBACK_URL", "JUPYTERHUB_PUBLIC_URL"):
            spec.server_env[name] = self._moved(spec.server_env[name])
        client = self.user.db.query(orm.OAuthClient).filter_by(identifier=self.oauth_client_id).one()
        client.redirect_uri = spec.server_env["JUPYTERHUB_OAUTH_CALLBACK_URL"]
        self.user.db.commit()

    def _moved(self, address: str) -> str:
        return address.replace(f"://{self.user.domain}", f"://{self.own_host}", 1)

    def _route_by(self, host: str) -> None:
        """Have the proxy route a host to this server; "" is its user's."""
        self.own_host = host
        path = self.proxy_spec.partition("/")[2]
        if self.user.settings.get("subdomain_host"):
            self.proxy_spec = f"{host or self.user.domain}/{path}"

    async def _launch(self, spec: LaunchSpec) -> None:
        async with self._step("sandbox", "Building the sandbox."):
            launched = await asyncio.to_thread(self._warden.launch, spec)
        self.server_url = socket_url(unquote(urlsplit(launched.server_url).netloc))
        self.is_warm = launched.warm
        # Written down at once: from here on something runs, and the hub may be killed at any moment.
        self._keep_state()

    async def _wait_for_server(self) -> None:
        """Return when the server answers; raise `Unavailable` with the reason when it died instead."""
        with traces.span("hub.wait_for_server", session=self.session_id):
            await self._wait()

    async def _wait(self) -> None:
        place = unquote(urlsplit(self.server_url).netloc)
        transport = unixhttp.async_transport(place)
        looked_at_s, pauses = time.monotonic(), itertools.chain(_LOOKS_S, itertools.repeat(_LOOK_S))
        async with httpx.AsyncClient(transport=transport, timeout=2.0) as http:
            while not (_listens(place) and await _answers(http, f"http://server{self._base_url}api")):
                if (now_s := time.monotonic()) >= looked_at_s + _STATUS_EVERY_S:
                    _check_alive(await asyncio.to_thread(self._warden.status, self.session_id))
                    looked_at_s = now_s
                await asyncio.sleep(next(pauses))

    @contextlib.asynccontextmanager
    async def _step(self, step: str, message: str) -> AsyncGenerator[None]:
        """Show a step of a start while it is taken; the office is told once it has lasted, or failed.

        A warm start is over before anybody could have read of its steps, and faster without being told of.
        """
        self._steps.append(message)
        self._stepped.set()
        telling = asyncio.create_task(self._tell_later(step, message))
        try:
            yield
        except Exception:
            if telling.cancel():
                await self._tell(step, message)
            raise
        finally:
            telling.cancel()

    async def _tell_later(self, step: str, message: str) -> None:
        await asyncio.sleep(_LASTS_S)
        await self._tell(step, message)

    async def _tell(self, step: str, message: str) -> None:
        try:
            await self.office.progress(self.session_id, step, message)
        except NbkeepError as error:
            self.log.warning("A step of %s is not shown: %s", self.session_id, error)

    async def _tell_ended(self, reason: str, detail: str) -> None:
        try:
            await self.office.ended(self.session_id, self.run, reason, detail)
        except NbkeepError as error:
            # The office compares its records with the warden's every second and finds out by itself.
            self.log.warning(
                "%s ended (%s), but the office does not know yet: %s", self.session_id, reason, error
            )

    def _keep_state(self) -> None:
        self.orm_spawner.state = self.get_state()
        self.user.db.commit()

    def _revoke_visits(self) -> None:
        """Take back what was shared of the session before: a leave is for one session, not for a name."""
        self.user.db.query(orm.Share).filter(orm.Share.spawner_id == self.orm_spawner.id).delete()
        self.user.db.commit()


def _listens(place: str) -> bool:
    """Tell whether somebody listens at a unix socket: a fiftieth of what a request takes."""
    with socket.socket(socket.AF_UNIX) as trial:
        trial.setblocking(False)
        try:
            trial.connect(place)
        except BlockingIOError:
            return True  # and many others ask
        except OSError:
            return False
    return True


async def _answers(http: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await http.get(url)).status_code < _BAD
    except httpx.HTTPError:
        return False


def _check_alive(status: Status | None) -> None:
    if status is None:
        raise Unavailable(StopReason.SERVER_DIED, "It was stopped while it started.")
    if not status.alive:
        ended = status.exit
        raise Unavailable(ended.reason if ended else StopReason.SERVER_DIED,
                          ended.detail if ended else "It ended while it started.")  # fmt: skip


def _reason_of(error: NbkeepError) -> str:
    known = {reason.value for reason in StopReason}
    return error.code if error.code in known else StopReason.START_FAILED


def _label(code: str) -> str:
    return code.replace("-", "_")[:40]
