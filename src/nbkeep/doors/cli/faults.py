"""What happens with an error that nobody expected: a line for the user, the trace in a file."""

from __future__ import annotations

import os
import tempfile
import traceback
from pathlib import Path


def report_fault(error: BaseException) -> tuple[str, str]:
    """Write the traceback to a new file that only its owner reads; return message and remedy.

    The file lies in $XDG_STATE_HOME/nbkeep (~/.local/state/nbkeep), or in the temporary directory when
    that cannot be written.
    """
    trace = "".join(traceback.format_exception(error))
    state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state") / "nbkeep"
    try:
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor, name = tempfile.mkstemp(prefix="fault-", suffix=".log", dir=state)
    except OSError:
        descriptor, name = tempfile.mkstemp(prefix="nbkeep-fault-", suffix=".log")
    with os.fdopen(descriptor, "w") as file:
        file.write(trace)
    return (
        f"This is a fault in nbkeep ({type(error).__name__}). Details: {name}",
        "Send that file to whoever maintains your nbkeep; `nbkeep status` tells whether the services run.",
    )
