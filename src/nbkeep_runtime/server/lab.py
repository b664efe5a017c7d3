"""JupyterLab's pages: the installed build, the session's own settings, nothing that needs the internet.

`jupyterlab.labapp` is not used: it imports a package installer, update checks and news (a second of start).
"""

# pyright: reportUnknownMemberType=false, reportIncompatibleVariableOverride=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownLambdaType=false

from __future__ import annotations

import contextlib
import json
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import BytecodeCache, Environment, FileSystemLoader, TemplateNotFound
from jupyter_server import __version__ as jupyter_server_version
from jupyterlab_server import LabServerApp
from traitlets import default

if TYPE_CHECKING:
    from types import CodeType

    from jinja2.bccache import Bucket

    from nbkeep_runtime.server.settings import ServerSettings

log = logging.getLogger("nbkeep.lab")

APP_DIR = Path(sys.prefix) / "share/jupyter/lab"

# JupyterLab's own plug-ins that would ask for, or lead to, what a session does not have. A name without a
# colon stands for the whole package.
DISABLED = (
    "@jupyterlab/apputils-extension:announcements",
    "@jupyterlab/apputils-extension:licenses-client",
    "@jupyterlab/apputils-extension:licenses-plugin",
    "@jupyterlab/extensionmanager-extension",
    "@jupyterlab/pluginmanager-extension",
    "@jupyterlab/help-extension:jupyter-forum",
    "@jupyterlab/help-extension:resources",
    "@jupyterlab/hub-extension:connectionlost",
    # There are no language servers, and their plug-ins in notebooks and editors need those of this package.
    "@jupyterlab/lsp-extension",
    "@jupyterlab/notebook-extension:language-server",
    "@jupyterlab/fileeditor-extension:language-server",
    # They ask nbconvert, whose templates run code: it is not here.
    "@jupyterlab/notebook-extension:export",
    "@jupyterlab/notebook-extension:update-raw-mimetype",
)


class _Compiled(BytecodeCache):
    """Templates that were compiled before, by place and content; a warm parent hands them on to its forks."""

    def __init__(self) -> None:
        self._codes: dict[tuple[str, str], CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._codes.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        if bucket.code is not None:
            self._codes[bucket.key, bucket.checksum] = bucket.code


_compiled = _Compiled()


def prepare() -> None:
    """Compile the page of every session, as Jupyter Server's extensions do; twice is harmless."""
    loader = FileSystemLoader([str(APP_DIR / "static")])
    pages = Environment(
        loader=loader, extensions=["jinja2.ext.i18n"], autoescape=True, bytecode_cache=_compiled
    )
    with contextlib.suppress(TemplateNotFound):
        pages.get_template("index.html")


class SessionLab(LabServerApp):
    """The Lab pages of a session."""

    name = "lab"
    app_name = "JupyterLab"
    app_url = "/lab"
    default_url = "/lab"
    load_other_extensions = False
    extension_url = "/lab"
    file_url_prefix = "/lab/tree"

    settings_of_session: ServerSettings  # set by `app.py`, before Jupyter Server makes it

    def parse_command_line(self, argv: list[str] | None = None) -> None:
        """Read none."""

    def load_config_file(self, suppress_errors: bool = True) -> None:
        """Read none."""

    @default("app_version")
    def _app_version(self) -> str:
        return _lab_version()

    @default("jinja2_options")
    def _jinja2_options(self) -> dict[str, Any]:
        return {"bytecode_cache": _compiled}

    @default("static_dir")
    def _static_dir(self) -> str:
        return str(APP_DIR / "static")

    @default("templates_dir")
    def _templates_dir(self) -> str:
        return str(APP_DIR / "static")

    @default("schemas_dir")
    def _schemas_dir(self) -> str:
        return str(APP_DIR / "schemas")

    @default("themes_dir")
    def _themes_dir(self) -> str:
        return str(APP_DIR / "themes")

    @default("app_settings_dir")
    def _app_settings_dir(self) -> str:
        return str(APP_DIR / "settings")

    @default("user_settings_dir")
    def _user_settings_dir(self) -> str:
        return str(self.settings_of_session.state / "lab/settings")

    @default("workspaces_dir")
    def _workspaces_dir(self) -> str:
        return str(self.settings_of_session.state / "lab/workspaces")

    @default("labextensions_path")
    def _labextensions_path(self) -> list[str]:
        return []

    @default("extra_labextensions_path")
    def _extra_labextensions_path(self) -> list[str]:
        return [str(self.settings_of_session.labextensions)]

    @default("cache_files")
    def _cache_files(self) -> bool:
        return True

    @default("licenses_url")
    def _licenses_url(self) -> str:
        return ""

    @default("static_url_prefix")
    def _static_url_prefix(self) -> str:
        return f"{self.serverapp.base_url if self.serverapp else '/'}static/lab/"

    def initialize_handlers(self) -> None:
        """Add Lab's pages and tell them what this session is."""
        app: Any = self.serverapp
        page: dict[str, Any] = app.web_app.settings.setdefault("page_config_data", {})
        page.update(
            buildAvailable=False,
            buildCheck=False,
            devMode=False,
            token="",
            exposeAppInBrowser=False,
            quitButton=False,
            allow_hidden_files=True,
            delete_to_trash=False,
            notebookVersion=json.dumps([int(part) for part in jupyter_server_version.split(".")[:3]]),
            news={"disabled": True},
            nbkeepPortalUrl=self.settings_of_session.portal_url,
        )
        package = self.settings_of_session.labextensions
        if not any(package.glob("package.json")) and not any(package.glob("@nbkeep/*/package.json")):
            log.warning(
                "The nbkeep extension of JupyterLab is not built (%s): sessions work, but show no limits."
                " Run `make setup`.",
                package,
            )
        super().initialize_handlers()


def without_disabled(config: dict[str, Any]) -> dict[str, Any]:
    """Return a page's settings with `DISABLED` added to what installed extensions disable.

    To be called last: jupyterlab_server replaces the list by that of the extensions for every page.
    """
    config["disabledExtensions"] = sorted({*config.get("disabledExtensions", ()), *DISABLED})
    return config


def _lab_version() -> str:
    try:
        static = json.loads((APP_DIR / "static/package.json").read_text())
        return str(static["jupyterlab"]["version"])
    except (OSError, ValueError, KeyError):
        return ""
