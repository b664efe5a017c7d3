"""`nbkeep down`: end the platform on this machine."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Annotated

import typer

from nbkeep.model.errors import NbkeepError, Unavailable
from nbkeep.settings import Settings

from . import panels
from .connect import Target, office_at, part
from .output import print_note
from .up import DataDir

if TYPE_CHECKING:
    from .client import Api

_SESSIONS_END_S = (
    180.0  # besides `cell_grace_s`, while variables are saved: the office ends what hangs long before
)
_AT_ONCE = 16
_LOOK_S = 0.2


def register(app: typer.Typer) -> None:
    """Add `nbkeep down`."""
    app.command("down", rich_help_panel=panels.MACHINE)(down)


def down(
    keep_sessions: Annotated[
        bool,
        typer.Option("--keep-sessions", help="Let sessions run on; the next `nbkeep up` finds them again."),
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Stop all sessions, then the platform. Harmless when nothing runs.

    Files stay, but for those of sessions in quarantine; variables are saved where a profile keeps state, and
    the sessions can be resumed afterwards.

    Example: nbkeep down --keep-sessions
    """
    from nbkeep.doors.supervisor import follow, state  # slow to import, and only needed here

    if data_dir is not None:
        os.environ["NBKEEP_DATA"] = str(data_dir.absolute())
    settings = Settings.load()
    if state.running_supervisor(settings) is None and not follow.leftovers(settings):
        print_note(f"Nothing runs in {settings.data_dir}.")
        return
    if not keep_sessions:
        _stop_sessions(settings)
    follow.end_platform(settings)
    print_note("nbkeep is down." + (" Sessions run on." if keep_sessions else ""))


def _stop_sessions(settings: Settings) -> None:
    """Stop sessions through the office, so that each keeps its reason; raise when some do not end."""
    target = Target("http://localhost", settings.secret("operator-token"), settings.office_socket)
    try:
        with office_at(target) as api:
            names = _live(api)
            if names:
                print_note(f"Saving and stopping {len(names)} session{'s' if len(names) > 1 else ''}.")
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                list(pool.map(_stop, [api] * len(names), names))
            deadline = time.monotonic() + settings.cell_grace_s + _SESSIONS_END_S
            while names := _live(api):
                if time.monotonic() > deadline:
                    raise Unavailable(
                        "sessions-remain",
                        f"{len(names)} sessions do not end: {', '.join(names[:3])}.",
                        "See `nbkeep session diagnose`, or use `nbkeep down --keep-sessions`.",
                    )
                time.sleep(_LOOK_S)
    except NbkeepError as error:
        if error.code == "sessions-remain":
            raise
        raise Unavailable(
            "office-unreachable",
            f"Sessions cannot be stopped properly: {error.message}",
            "`nbkeep down --keep-sessions` ends the platform and leaves them running.",
        ) from error


def _stop(api: Api, session_id: str) -> None:
    api.post(f"sessions/{part(session_id)}/stop", {"reason": "The platform is shut down."})


def _live(api: Api) -> list[str]:
    return [str(one["session_id"]) for one in api.items("sessions", state="live")]
