"""`nbkeep logs`: what the services and sessions wrote."""

from __future__ import annotations

import os
import time
from collections import deque
from typing import TYPE_CHECKING, Annotated

import typer

from nbkeep.model.errors import Refused, not_found
from nbkeep.model.ids import ID_PATTERN
from nbkeep.settings import Settings

from . import panels
from .output import clean, print_note
from .up import DataDir

if TYPE_CHECKING:
    from pathlib import Path

SERVICES = ("supervisor", "warden", "office", "gateway", "hub", "proxy")
_LOOK_S = 0.3


def register(app: typer.Typer) -> None:
    """Add `nbkeep logs`."""
    app.command("logs", rich_help_panel=panels.MACHINE)(logs)


def _complete(incomplete: str) -> list[str]:
    return [name for name in (*SERVICES, "session") if name.startswith(incomplete)]


def logs(
    what: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SERVICE | session ID]",
            autocompletion=_complete,
            show_default=False,
            help="supervisor, warden, office, gateway, hub, proxy, or a session [default: all services].",
        ),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with new lines as they come.")
    ] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="How many lines from the end.")] = 50,
    data_dir: DataDir = None,
) -> None:
    """Show the last lines of logs on this machine.

    Example: nbkeep logs hub -f
    """
    if data_dir is not None:
        os.environ["NBKEEP_DATA"] = str(data_dir.absolute())
    files = _files(Settings.load(), what or [])
    named = len(files) > 1
    positions = {name: _show_end(name if named else "", path, lines) for name, path in files.items()}
    while follow:
        time.sleep(_LOOK_S)
        for name, path in files.items():
            positions[name] = _show_new(name if named else "", path, positions[name])


def _files(settings: Settings, what: list[str]) -> dict[str, Path]:
    match what:
        case []:
            return {name: settings.logs_dir / f"{name}.log" for name in SERVICES}
        case [name] if name in SERVICES:
            return {name: settings.logs_dir / f"{name}.log"}
        case [session_id] | ["session", session_id] if ID_PATTERN.fullmatch(session_id):
            path = settings.logs_dir / "sessions" / f"{session_id}.log"
            if not path.exists():
                raise not_found("session", session_id)
            return {session_id: path}
        case _:
            raise Refused("no-such-log", f"There is no log {' '.join(what)!r}.",
                          f"Known: {', '.join(SERVICES)}, session ID.", status=404)  # fmt: skip


def _show_end(name: str, path: Path, lines: int) -> int:
    """Print the last lines; return the position behind them."""
    try:
        with path.open("rb") as file:
            last = deque(file, maxlen=lines)
            position = file.tell()
    except FileNotFoundError:
        if not name:
            print_note(f"{path} is not there yet.")
        return 0
    for line in last:
        _print(name, line)
    return position


def _show_new(name: str, path: Path, position: int) -> int:
    """Print whole lines that came after a position; return the new one. An emptied log begins anew."""
    try:
        if path.stat().st_size < position:
            position = 0
        with path.open("rb") as file:
            file.seek(position)
            for line in file:
                if not line.endswith(b"\n"):
                    return position
                _print(name, line)
                position += len(line)
    except FileNotFoundError:
        return 0
    return position


def _print(name: str, line: bytes) -> None:
    text = clean(line.decode(errors="replace").rstrip("\r\n"))
    print(f"{name:<11}{text}" if name else text, flush=True)
