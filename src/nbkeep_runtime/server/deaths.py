"""Explains why a kernel died, in a sentence that helps its user."""

from __future__ import annotations

import signal
from collections import deque
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from nbkeep_runtime.server.words import size_words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nbkeep_runtime.server.limits import MemoryUse
    from nbkeep_runtime.server.sandbox import Exit

_KEPT = 20
_LOST = "Its variables are lost; your files are safe."
_SAFE = "It was being given its saved variables, which are safe."
_CRASHES = {
    signal.SIGSEGV: "it touched memory that is not its own (segmentation fault), mostly a compiled bug",
    signal.SIGABRT: "it aborted itself, mostly a failed check in compiled code",
    signal.SIGBUS: "a file that it had mapped into memory became shorter (bus error)",
    signal.SIGFPE: "of an arithmetic error in compiled code",
    signal.SIGILL: "it met an instruction that this processor does not have",
    signal.SIGSYS: "it asked the system for something that the sandbox forbids",
}


@dataclass(frozen=True)
class Death:
    """One kernel's end, as JupyterLab shows it."""

    kernel_id: str
    path: str | None
    at: str
    reason: str
    message: str
    memory_used_bytes: int | None
    memory_limit_bytes: int | None
    larger_profiles: Sequence[Mapping[str, Any]]


@dataclass
class Deaths:
    """The latest deaths of the session, oldest first."""

    _kept: deque[Death] = field(default_factory=lambda: deque[Death](maxlen=_KEPT))

    def add(self, death: Death) -> None:
        """Keep a death; old ones are forgotten."""
        self._kept.append(death)

    def as_json(self) -> list[dict[str, Any]]:
        """Return them for the API."""
        return [asdict(death) for death in self._kept]


def explain(
    ended: Exit,
    *,
    ran_out_of_memory: bool,
    memory: MemoryUse | None,
    larger_profiles: Sequence[Mapping[str, Any]],
    was_restored: bool = False,
) -> tuple[str, str]:
    """Return (reason, sentence): out-of-memory, killed, crashed or exited.

    `was_restored`: it died while it was given its variables again, which are on the disk still.
    """
    lost = _SAFE if was_restored else _LOST
    if ran_out_of_memory:
        limit = memory.limit_bytes if memory else None
        used = used_bytes(ended, memory)
        names = ", ".join(
            f"{one.get('display_name') or one.get('name')} ({size_words(one.get('memory_bytes'))})"
            for one in larger_profiles[:3]
        )
        advice = (
            f"Profiles with more: {names}." if names else "No larger profile is open to you: ask an admin."
        )
        return "out-of-memory", (
            f"The kernel ran out of memory: it used {size_words(used)} of the session's {size_words(limit)}."
            f" {lost} Load less at once, or start a larger session. {advice}"
        )
    if ended.signal in {signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGXCPU}:
        name = signal.Signals(ended.signal).name
        return (
            "killed",
            f"The kernel was killed by a signal ({name}) from code or a terminal of this session."
            + (f" {_SAFE}" if was_restored else ""),
        )
    if ended.signal is not None:
        why = _CRASHES.get(signal.Signals(ended.signal), f"of signal {ended.signal}")
        return "crashed", f"The kernel crashed because {why}. {lost}"
    if ended.code is None:
        return "exited", "The kernel ended, and nobody saw how."
    return "exited", f"The kernel ended by itself with exit code {ended.code}, for example by exit()."


def used_bytes(ended: Exit, memory: MemoryUse | None) -> int | None:
    """Return the most memory that is known to have been in use, never above the limit."""
    known = [
        count
        for count in (ended.max_rss_bytes, memory.peak_bytes if memory else None)
        if count is not None and count > 0
    ]
    if not known:
        return None
    limit = memory.limit_bytes if memory else None
    return min(max(known), limit) if limit else max(known)
