"""Events that the trusted half of a session reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .base import Event


@dataclass(frozen=True, kw_only=True)
class ExecutionStarted(Event):
    """Code was sent to a kernel. `code` itself only where the profile says so."""

    type: ClassVar[str] = "execution.started"
    execution_id: str
    kernel_id: str
    notebook: str = ""
    cell_id: str = ""
    code_sha256: str = ""
    code: str | None = None
    silent: bool = False
    started_at: str = ""


@dataclass(frozen=True, kw_only=True)
class ExecutionFinished(Event):
    """A kernel was done with an execution."""

    type: ClassVar[str] = "execution.finished"
    execution_id: str
    duration_s: float
    outcome: str  # ok | error | aborted | died


@dataclass(frozen=True, kw_only=True)
class KernelStarted(Event):
    """A kernel was started in the sandbox."""

    type: ClassVar[str] = "kernel.started"
    kernel_id: str
    name: str = ""
    notebook: str = ""


@dataclass(frozen=True, kw_only=True)
class KernelDied(Event):
    """A kernel ended without being asked to."""

    type: ClassVar[str] = "kernel.died"
    kernel_id: str
    reason: str  # out-of-memory | killed | crashed | exited
    message: str = ""
    notebook: str = ""
    memory_used_bytes: int | None = None
    memory_limit_bytes: int | None = None


@dataclass(frozen=True, kw_only=True)
class KernelRestarted(Event):
    """A kernel was restarted."""

    type: ClassVar[str] = "kernel.restarted"
    kernel_id: str
    notebook: str = ""


@dataclass(frozen=True, kw_only=True)
class TerminalOpened(Event):
    """A terminal was opened in the sandbox."""

    type: ClassVar[str] = "terminal.opened"
    terminal: str = ""


@dataclass(frozen=True, kw_only=True)
class TerminalClosed(Event):
    """A terminal was closed or ended."""

    type: ClassVar[str] = "terminal.closed"
    terminal: str = ""


@dataclass(frozen=True, kw_only=True)
class FileDownloaded(Event):
    """A file left the session through the browser."""

    type: ClassVar[str] = "file.downloaded"
    path: str
    bytes: int


@dataclass(frozen=True, kw_only=True)
class DownloadRefused(Event):
    """A policy did not let a file leave through the browser."""

    type: ClassVar[str] = "download.refused"
    path: str
    decision: str = ""
    found: str = ""
    rules: str = ""


@dataclass(frozen=True, kw_only=True)
class SaveBlocked(Event):
    """A policy did not let a document be saved; a copy was kept in the home for its author."""

    type: ClassVar[str] = "save.blocked"
    path: str
    copy: str = ""
    decision: str = ""
    found: str = ""
    rules: str = ""


@dataclass(frozen=True, kw_only=True)
class StateSaved(Event):
    """A kernel's variables were saved. Their names are not recorded: they can be telling."""

    type: ClassVar[str] = "state.saved"
    kernel_id: str
    notebook: str = ""
    kept: int = 0
    lost: int = 0
    bytes: int = 0
    new_bytes: int = 0
    why: str = ""  # end | asked | background
    duration_s: float = 0


@dataclass(frozen=True, kw_only=True)
class StateRestored(Event):
    """A kernel was given back its variables, or all but some of them."""

    type: ClassVar[str] = "state.restored"
    kernel_id: str
    notebook: str = ""
    kept: int = 0
    lost: int = 0
    bytes: int = 0
    saved_at: str = ""
    duration_s: float = 0


@dataclass(frozen=True, kw_only=True)
class StateRefused(Event):
    """Saved state was not given to a kernel: it was altered, or is another's, or could not be read."""

    type: ClassVar[str] = "state.refused"
    kernel_id: str
    notebook: str = ""
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class StateKeyAdded(Event):
    """There is a key of saved variables that was not there before. The id tells nothing of it."""

    type: ClassVar[str] = "state.key-added"
    key_id: str
