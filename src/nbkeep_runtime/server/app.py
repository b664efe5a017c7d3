"""The session's server: Jupyter Server with every part that could run a user's code replaced.

Configuration comes from here and from the environment that the warden gives. No configuration file, entry
point or folder of the user is read: nothing but this module decides what runs in the trusted half.
"""

# pyright: reportUnknownMemberType=false, reportIncompatibleMethodOverride=false, reportUnknownArgumentType=false
# pyright: reportMissingTypeStubs=false, reportUnknownVariableType=false, reportIncompatibleVariableOverride=false, reportAttributeAccessIssue=false

from __future__ import annotations

import functools
import importlib
import os
import signal
from typing import TYPE_CHECKING, Any, ClassVar, cast

from jupyter_events import EventLogger
from jupyter_events.schema import EventSchema
from jupyter_server import DEFAULT_EVENTS_SCHEMA_PATH
from jupyter_server.extension.manager import ExtensionManager
from jupyter_server.serverapp import ServerApp
from jupyterhub._version import __version__ as jupyterhub_version
from jupyterhub.singleuser.extension import JupyterHubAuthorizer
from traitlets.config import Config

from nbkeep_runtime.server import contents_handlers, handlers, lab, terminals
from nbkeep_runtime.server.checkpoints import HomeCheckpoints
from nbkeep_runtime.server.connection import RecordedConnection
from nbkeep_runtime.server.contents import HomeContents
from nbkeep_runtime.server.examining import handlers as examining_handlers
from nbkeep_runtime.server.examining.downloads import Downloads
from nbkeep_runtime.server.examining.examiner import Examiner
from nbkeep_runtime.server.home import Home
from nbkeep_runtime.server.identity import HubIdentity
from nbkeep_runtime.server.kernels import SessionKernels
from nbkeep_runtime.server.kernelspecs import SessionKernelSpecs
from nbkeep_runtime.server.lab import SessionLab
from nbkeep_runtime.server.notebook_sessions import NotebookSessions
from nbkeep_runtime.server.office import Office
from nbkeep_runtime.server.sandbox import Sandbox
from nbkeep_runtime.server.session import Session
from nbkeep_runtime.server.spares import Early, ask_early
from nbkeep_runtime.server.state import handlers as state_handlers
from nbkeep_runtime.server.trust import TrustStore

if TYPE_CHECKING:
    from nbkeep_runtime.server.settings import ServerSettings

# Jupyter Server imports the routes of its services while it is made.
_SERVICES = ("api", "config", "kernels", "kernelspecs", "security", "sessions", "events")
_IMPORTED_LATER = (
    *(f"jupyter_server.services.{service}.handlers" for service in _SERVICES),
    "jinja2.ext",
    "jupyter_server.kernelspecs.handlers",
    "tornado.platform.asyncio",
)
_STATE_FOLDERS = ("lab/settings", "lab/workspaces", "config")


class SessionServer(ServerApp):
    """One session's server; made by `build`."""

    name = "nbkeep-session"
    # Without: contents and files (ours are safe against links), nbconvert (runs templates), shutdown, view.
    default_services: ClassVar[tuple[str, ...]] = _SERVICES

    session_settings: ServerSettings
    session: Session
    early_kernel: Early | None
    lab_class: ClassVar[Any] = SessionLab

    def parse_command_line(self, argv: list[str] | None = None) -> None:
        """Read none: `configuration` is everything that Jupyter Server is told."""

    def load_config_file(self, suppress_errors: bool = True) -> None:
        """Read none."""

    def migrate_config(self) -> None:
        """Migrate none."""

    def find_server_extensions(self) -> None:
        """Find none: entry points and folders are not asked."""

    def init_server_extensions(self) -> None:
        """Take Lab's pages only."""
        self.extension_manager = ExtensionManager(log=self.log, serverapp=self)

    def load_server_extensions(self) -> None:
        """Make and load Lab's pages."""
        self.lab_class._load_jupyter_server_extension(self)  # noqa: SLF001  # what its manager calls

    def write_server_info_file(self) -> None:
        """Write none: nobody looks for this server by file."""

    def write_browser_open_files(self) -> None:
        """Write none."""

    def remove_server_info_file(self) -> None:
        """Nothing was written."""

    def remove_browser_open_files(self) -> None:
        """Nothing was written."""

    def init_event_logger(self) -> None:
        """Make Jupyter Server's event bus, with the schemas that a warm parent has read already."""
        self.event_logger = EventLogger(parent=self)
        for schema in _event_schemas():
            self.event_logger.register_event_schema(schema)

    def init_signal(self) -> None:
        """End on SIGTERM, by the event loop.

        Jupyter's handler writes to the log wherever the signal meets this process; in the midst of another
        line that fails, and the signal is lost.
        """
        self.io_loop.asyncio_loop.add_signal_handler(signal.SIGTERM, self._told_to_end)

    def _told_to_end(self) -> None:
        self.log.info("Told to end")
        self.stop()

    def init_configurables(self) -> None:
        """Make the managers, with the parts of this session in them."""
        super().init_configurables()
        settings = self.session_settings
        self.office = Office(settings)
        self.terminal_manager = terminals.SandboxTerminals(
            self.sandbox, settings.home_inside, settings.placeholders, parent=self
        )
        self.session = Session(
            settings,
            self.office,
            cast("SessionKernels", self.kernel_manager),
            self.terminal_manager,
            sessions=self.session_manager,
            merge=self.contents_manager.merge_outputs,
        )
        self.contents_manager.before_open = self.session.outputs.before_open
        self.examiner = self.contents_manager.examiner = Examiner(
            self.home, self.office, rules=self.office.rules
        )
        self.downloads = Downloads(self.home, self.office, self.examiner.reader)

    def init_webapp(self) -> None:
        """Make the web application with our routes before Jupyter's."""
        super().init_webapp()
        app = self.web_app
        # As all cookies of the hub: secure where the site is https, which a server behind proxies cannot see.
        app.settings["xsrf_cookie_kwargs"].update(self.identity_provider.hub_auth.cookie_options)
        app.settings["nbkeep_session"] = self.session
        app.settings["terminal_manager"] = self.terminal_manager
        app.settings["terminals_available"] = True
        app.settings["page_config_hook"] = self.identity_provider.page_config_hook
        routes = [
            *handlers.handlers(self.session, self.home),
            *contents_handlers.handlers(self.office, self.downloads),
            *examining_handlers.handlers(self.examiner, self.downloads),
            *terminals.handlers(self.terminal_manager),
            *state_handlers.handlers(self.session.kept, self.session.at_work),
        ]
        base = self.base_url.rstrip("/")
        app.add_handlers(".*$", [(base + route[0], *route[1:]) for route in routes])

    async def _post_start(self) -> None:
        self.session.start()
        await super()._post_start()

    async def _bind_http_server(self) -> None:
        """Listen once the kernels of an earlier run are there: a tab that comes back finds its own."""
        cast("SessionKernels", self.kernel_manager).spares.start()
        await self.session.kept.resume()
        super()._bind_http_server()

    def stop(self, from_signal: bool = False) -> None:
        """Begin to end; a second call changes nothing while variables are saved."""
        if not self._stopping:
            super().stop(from_signal)

    async def _cleanup(self) -> None:
        """Save, then end everything; a step that fails must not keep the end from coming."""
        jupyters = super()._cleanup
        steps = (
            self.session.end,
            self.terminal_manager.terminate_all,
            jupyters,
            self.session.stop,  # it puts outputs into notebooks, which are examined
            self.examiner.stop,
            cast("SessionKernels", self.kernel_manager).spares.end,
            self.sandbox.close,
        )
        for step in steps:
            try:
                await step()
            except Exception:  # such as a kernel that is just being started anew
                self.log.exception("A step of the end failed; the others follow")


# What the sandbox may not reach, its outputs do not have the browser fetch: no picture, script or form of
# elsewhere. All that JupyterLab itself needs is its own.
_QUARANTINED = ("default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval'", "form-action 'self'")


def configuration(settings: ServerSettings) -> Config:
    """Return everything that Jupyter Server is told."""
    policy = "; ".join(
        (
            "frame-ancestors 'self'",
            "report-uri " + settings.base_url + "api/security/csp-report",
            "connect-src 'self' data: blob:",
            "base-uri 'self'",
            *(_QUARANTINED if settings.quarantine else ()),
        )
    )
    return Config(
        {
            "ServerApp": {
                "sock": str(settings.socket),
                "sock_mode": "0600",
                "base_url": settings.base_url,
                "default_url": settings.base_url + "lab",
                "root_dir": str(settings.home),
                "allow_remote_access": True,
                "allow_root": True,  # the warden decides the user; root here means uid 0 of a test
                "trust_xheaders": True,
                "open_browser": False,
                "quit_button": False,
                "answer_yes": True,
                "terminals_enabled": False,  # Jupyter's own; ours are in `terminals.py`
                "cookie_secret_file": str(settings.state / "cookie-secret"),
                "websocket_ping_interval": 30000,
                "websocket_ping_timeout": 30000,
                "identity_provider_class": HubIdentity,
                "authorizer_class": JupyterHubAuthorizer,
                "contents_manager_class": HomeContents,
                "kernel_manager_class": SessionKernels,
                "kernel_spec_manager_class": SessionKernelSpecs,
                "kernel_websocket_connection_class": RecordedConnection,
                "session_manager_class": NotebookSessions,
                "tornado_settings": {
                    "xsrf_cookies": False,  # Jupyter Server checks them itself, with the hub's cookie
                    "headers": {
                        "Content-Security-Policy": policy,
                        "X-JupyterHub-Version": jupyterhub_version,
                        "X-Content-Type-Options": "nosniff",
                        "Referrer-Policy": "same-origin",
                    },
                },
            },
            "HomeContents": {
                "allow_hidden": True,
                "checkpoints_class": HomeCheckpoints,
                "root_dir": str(settings.home),
            },
            "SessionKernels": {
                "default_kernel_name": "python3",
                "buffer_offline_messages": True,
            },
            "SandboxedKernel": {"transport": "ipc"},
            "RecordedConnection": {"iopub_data_rate_limit": 100_000_000, "iopub_msg_rate_limit": 10_000},
        }
    )


@functools.cache
def _event_schemas() -> tuple[Any, ...]:
    """Return the schemas of Jupyter Server's own events; they are checked when they are read."""
    return tuple(EventSchema(file) for file in sorted(DEFAULT_EVENTS_SCHEMA_PATH.glob("*/*.yaml")))


def prepare() -> None:
    """Do what is the same for every server before any is made, as a warm parent does; twice is harmless."""
    for name in _IMPORTED_LATER:
        importlib.import_module(name)
    lab.prepare()
    _event_schemas()


def build(settings: ServerSettings) -> SessionServer:
    """Return an initialised server that listens after `start`; call once in a process."""
    for folder in _STATE_FOLDERS:
        (settings.state / folder).mkdir(parents=True, exist_ok=True, mode=0o700)
    settings.server_dir.mkdir(parents=True, exist_ok=True)
    settings.socket.unlink(missing_ok=True)
    os.chdir("/")
    early = ask_early(settings)  # the rest of this takes as long as that
    server = SessionServer.instance()
    server.session_settings, server.early_kernel = settings, early
    server.home = Home(settings.home, settings.home_inside)
    server.trust = TrustStore(settings.state)
    server.sandbox = Sandbox(settings.init_socket)
    SessionLab.settings_of_session = settings
    server.update_config(configuration(settings))
    server.initialize(argv=[], find_extensions=False)
    return server
