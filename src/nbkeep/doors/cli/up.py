"""`nbkeep up`: start the platform on this machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nbkeep.model.errors import NbkeepError, Refused
from nbkeep.settings import Settings

from . import panels
from .connect import Target, office_at
from .output import print_note

if TYPE_CHECKING:
    from nbkeep.doors.supervisor.state import SupervisorState

_CONFLICT = 409
_ALREADY = 3  # as the supervisor itself ends when another one has the data directory
DataDir = Annotated[
    Path | None, typer.Option("--data-dir", help="Where everything is kept [default: NBKEEP_DATA].")
]


def register(app: typer.Typer) -> None:
    """Add `nbkeep up`."""
    app.command("up", rich_help_panel=panels.MACHINE)(up)


def up(
    host: Annotated[
        str | None, typer.Option("--host", help="Address to listen on [default: 127.0.0.1].")
    ] = None,
    port: Annotated[int | None, typer.Option("--port", help="Port to listen on [default: 8000].")] = None,
    url: Annotated[
        str | None, typer.Option("--url", help="Address for browsers, with names *.HOST for sessions.")
    ] = None,
    foreground: Annotated[
        bool, typer.Option("--foreground", help="Stay in the foreground, for systemd and containers.")
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Start the platform and print its address. Harmless when it runs already.

    Host, port and address are remembered in config.toml. Sessions that still run are found again.

    Example: nbkeep up --port 8080
    """
    settings = _settings(data_dir, host, port, url)
    from nbkeep.doors.supervisor import follow, prepare, state  # slow to import, and only needed here

    running = state.running_supervisor(settings)
    if running is not None:
        print_note(f"nbkeep runs already in {settings.data_dir}.")
        if (running.url, running.listen) != (settings.public_url, settings.listen):
            print_note("The new address holds after `nbkeep down --keep-sessions` and `nbkeep up`.")
        if foreground:
            raise typer.Exit(_ALREADY)  # nothing is in the foreground: whoever keeps this alive must know
        follow.wait_until_ready(settings, _Steps().tell)
        _print_address(settings, running.url)
        return
    prepare.prepare(settings)
    follow.check_port(settings)
    if foreground:
        from nbkeep.doors.supervisor.__main__ import main

        raise typer.Exit(main(["--data-dir", str(settings.data_dir)]))
    started = follow.start_supervisor(settings)
    follow.wait_until_ready(settings, _Steps().tell, started)
    _print_address(settings, settings.public_url)


def _settings(data_dir: Path | None, host: str | None, port: int | None, url: str | None) -> Settings:
    """Return the settings with the options in force, after writing them down where they last."""
    if data_dir is not None:
        os.environ["NBKEEP_DATA"] = str(data_dir.absolute())
    settings = Settings.load()
    changes: dict[str, str] = {}
    if host is not None or port is not None:
        old_host, _, old_port = settings.listen.rpartition(":")
        changes["listen"] = f"{host or old_host}:{port or old_port}"
    if url is not None:
        changes["public_url"] = url.rstrip("/")
    elif port is not None and settings.public_url.startswith("http://localhost"):
        changes["public_url"] = f"http://localhost:{port}"
    overruled = [name for name in changes if f"NBKEEP_{name.upper()}" in os.environ]
    if overruled:
        raise Refused("overruled", f"NBKEEP_{overruled[0].upper()} in the environment says otherwise.",
                      "Unset it, or leave the option out.", status=409)  # fmt: skip
    if not changes:
        return settings
    from nbkeep.backends.local.layout import make_data_dir
    from nbkeep.doors.supervisor.configfile import set_values

    Settings.load(environ=os.environ | {f"NBKEEP_{name.upper()}": value for name, value in changes.items()})
    file = settings.data_dir / "config.toml"
    try:
        make_data_dir(settings.data_dir)
        set_values(file, changes)
    except OSError as error:
        raise Refused("data-dir", f"{file} cannot be written: {error.strerror}.",
                      "Give nbkeep a directory of its own: `nbkeep up --data-dir DIR`, or set NBKEEP_DATA.",
                      status=409) from error  # fmt: skip
    return Settings.load()


class _Steps:
    """Prints each service once when it is ready, and once when it ends and is tried again."""

    def __init__(self) -> None:
        self._told: dict[str, str] = {}

    def tell(self, state: SupervisorState) -> None:
        for service in state.services:
            now = service.state
            if now == "down" and service.restarts > 1:
                now = f"{service.last_end}; trying again (nbkeep logs {service.name})"
            if now in {"waiting", "starting", "down"} or self._told.get(service.name) == now:
                continue
            self._told[service.name] = now
            print_note(f"  {service.name:<8}{now}")


def _print_address(settings: Settings, url: str) -> None:
    """Print where to go: the first admin's one-time link, or where to sign in once there is an admin."""
    target = Target("http://localhost", settings.secret("operator-token"), settings.office_socket)
    print(f"\nnbkeep runs at {url}/portal/")
    try:
        with office_at(target) as api:
            made: dict[str, Any] = api.post("users/first-admin", {})
    except NbkeepError as error:
        if getattr(error, "status", 0) != _CONFLICT:
            raise
        print("Sign in with your name and password.")
        return
    print(f"\nFirst, choose the admin's password. This link works once:\n\n  {made['link']}\n")
