"""What the supervisor tells about itself: one small file, replaced whole at each change."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from nbkeep import wholefile
from nbkeep.backends.local.procs import boot_id

from .process import Process

if TYPE_CHECKING:
    from nbkeep.settings import Settings


@dataclass
class ServiceState:
    """How one service is. `since` is a UNIX time; `last_end` says how it ended the last time, if ever."""

    name: str
    state: str = "waiting"  # waiting → starting → ready; down between an end and the next start
    pid: int = 0
    since: float = 0.0
    restarts: int = 0
    last_end: str = ""


@dataclass
class SupervisorState:
    """The supervisor and its services."""

    pid: int
    start_ticks: int
    boot: str
    url: str
    listen: str
    services: list[ServiceState] = field(default_factory=list[ServiceState])

    @property
    def process(self) -> Process:
        """The supervisor's process."""
        return Process(self.pid, self.start_ticks)

    @property
    def is_ready(self) -> bool:
        """Whether all services are."""
        return bool(self.services) and all(one.state == "ready" for one in self.services)


def write_state(settings: Settings, state: SupervisorState) -> None:
    """Write it down."""
    wholefile.write(settings.run_dir / "supervisor.json", json.dumps(asdict(state)))


def read_state(settings: Settings) -> SupervisorState | None:
    """Return what was written last, whether its writer still lives or not; None when nothing was."""
    try:
        found: dict[str, Any] = json.loads((settings.run_dir / "supervisor.json").read_text())
        found["services"] = [ServiceState(**one) for one in found["services"]]
        return SupervisorState(**found)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def running_supervisor(settings: Settings) -> SupervisorState | None:
    """Return the state of a supervisor that lives, or None."""
    state = read_state(settings)
    return state if state is not None and state.boot == boot_id() and state.process.is_alive else None
