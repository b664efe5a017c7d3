"""Why a session ended by itself, decided once and kept until the session is stopped."""

from __future__ import annotations

import json
import signal
from dataclasses import asdict
from typing import TYPE_CHECKING

from nbkeep import wholefile
from nbkeep.backends.interface import Exit
from nbkeep.model.session import StopReason

from .procs import boot_id

if TYPE_CHECKING:
    from pathlib import Path

    from .halves import Half

_SIGNAL_BASE = 128
_LAUNCHER_FAILED = 126
_TAIL_BYTES = 4096


def load_ending(folder: Path) -> Exit | None:
    """Return the ending that was noted, or None while the session lives."""
    try:
        return Exit(**json.loads((folder / "ended.json").read_text()))
    except (OSError, ValueError):
        return None


def note_ending(folder: Path, ended: Exit) -> None:
    """Keep an ending; it is noted before the other half is ended, so that cause and effect stay apart."""
    wholefile.write(folder / "ended.json", json.dumps(asdict(ended)))


def ending_of(halves: list[Half], oom_kills: int, log: Path) -> Exit:
    """Return why a session is dead of which at least one half does not run."""
    if any(half.boot != boot_id() for half in halves):
        return Exit("server", None, None, StopReason.HOST_RESTARTED, "The machine was restarted.")
    by_name = {half.name: half for half in halves}
    server, sandbox = by_name.get("server"), by_name.get("sandbox")
    if server is not None and not server.is_alive:
        code, signum = _split(server.exit_code())
        said = _last_words(log)
        return Exit(
            "server", code, signum, StopReason.SERVER_DIED, f"The notebook server {_how(code, signum)}.{said}"
        )
    code, signum = _split(sandbox.exit_code() if sandbox is not None else None)
    if oom_kills and signum == signal.SIGKILL:
        return Exit("sandbox", code, signum, StopReason.OUT_OF_MEMORY,
                    "The sandbox's first process was ended because memory reached its limit.")  # fmt: skip
    if sandbox is None or server is None:
        return Exit("sandbox", code, signum, StopReason.START_FAILED, "The start was interrupted.")
    return Exit(
        "sandbox",
        code,
        signum,
        StopReason.SANDBOX_DIED,
        f"The sandbox {_how(code, signum)}.{_last_words(log)}",
    )


def _split(code: int | None) -> tuple[int | None, int | None]:
    """Read what bubblewrap says: it tells a signal as 128 + its number."""
    if code is not None and code > _SIGNAL_BASE:
        return None, code - _SIGNAL_BASE
    return code, None


def _how(code: int | None, signum: int | None) -> str:
    if signum is not None:
        try:
            return f"was ended by {signal.Signals(signum).name}"
        except ValueError:
            return f"was ended by signal {signum}"
    if code is None:
        return "was ended from outside"
    if code == _LAUNCHER_FAILED:
        return "was not started because it could not be confined"
    return f"ended with exit code {code}"


def _last_words(log: Path) -> str:
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
            lines = file.read().decode(errors="replace").strip().splitlines()
    except OSError:
        return ""
    return f" Its last line: {lines[-1][:300]}" if lines else ""
