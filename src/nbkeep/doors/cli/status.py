"""`nbkeep status`: what runs on this machine."""

from __future__ import annotations

import os
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import typer

from nbkeep.model.errors import NbkeepError
from nbkeep.settings import Settings

from . import panels, words
from .connect import Target, office_at
from .options import Json
from .output import Column, print_json, print_note, print_table
from .up import DataDir

_NOT_RUNNING = 3  # what service managers take for "not running"


def register(app: typer.Typer) -> None:
    """Add `nbkeep status`."""
    app.command("status", rich_help_panel=panels.MACHINE)(status)


def status(as_json: Json = False, data_dir: DataDir = None) -> None:
    """Show the services, the address and how many sessions run. Ends with 3 unless everything is ready."""
    from nbkeep.doors.supervisor.state import running_supervisor  # slow to import

    if data_dir is not None:
        os.environ["NBKEEP_DATA"] = str(data_dir.absolute())
    settings = Settings.load()
    state = running_supervisor(settings)
    sessions = _count_sessions(settings) if state else None
    if as_json:
        print_json({
            "running": state is not None,
            "ready": bool(state and state.is_ready),
            "url": state.url if state else settings.public_url,
            "data_dir": str(settings.data_dir),
            "sessions": sessions,
            "services": [asdict(one) for one in state.services] if state else [],
        })  # fmt: skip
    elif state is None:
        print_note(f"nbkeep does not run in {settings.data_dir}. Start it with `nbkeep up`.")
    else:
        rows = [
            (one.name, one.state, one.pid or "", _since(one.since), one.restarts or "", one.last_end)
            for one in state.services
        ]
        columns = [Column("service", keep=True), Column("state", keep=True), Column("process", right=True),
                   Column("since (UTC)"), Column("restarts", right=True), Column("last end")]  # fmt: skip
        print_table(columns, rows, "No services.")
        print(f"\naddress   {state.url}/portal/\ndata      {settings.data_dir}")
        print(f"sessions  {'unknown: the office does not answer' if sessions is None else sessions}")
    if state is None or not state.is_ready:
        raise typer.Exit(_NOT_RUNNING)


def _count_sessions(settings: Settings) -> int | None:
    try:
        target = Target("http://localhost", settings.secret("operator-token"), settings.office_socket)
        with office_at(target) as api:
            return sum(1 for _ in api.items("sessions", state="live"))
    except NbkeepError:
        return None


def _since(at: float) -> Any:
    return words.moment(datetime.fromtimestamp(at, UTC).isoformat()) if at else ""
