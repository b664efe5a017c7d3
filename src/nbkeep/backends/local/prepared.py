"""Sessions whose jails are being built before they are launched: while office and hub still write them down.

Such a one is no session yet: its folder has a mark, by which also another warden knows it, and takes it down.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from .layout import make_dir

if TYPE_CHECKING:
    from pathlib import Path

    from nbkeep.backends.interface import LaunchSpec

    from .layout import Layout
    from .starting import Begun

_KEPT_S = 60.0


@dataclass(frozen=True)
class _Kept:
    spec: LaunchSpec
    begun: Begun
    at_s: float


class Prepared:
    """All that were prepared. Call what changes one with the lock of its session."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._kept: dict[str, _Kept] = {}

    def _mark(self, session_id: str) -> Path:
        return self._layout.session(session_id).path / "prepared"

    def mark(self, session_id: str) -> None:
        """Say that what is in the folder from now on is not launched. Raises OSError."""
        make_dir(self._mark(session_id).parent)
        self._mark(session_id).touch()

    def is_marked(self, session_id: str) -> bool:
        """Tell whether a session was prepared, by whichever warden, and not launched."""
        return self._mark(session_id).exists()

    def keep(self, spec: LaunchSpec, begun: Begun) -> None:
        """Keep what was begun for a launch of this specification."""
        self._kept[spec.session_id] = _Kept(spec, begun, time.monotonic())

    def take(self, spec: LaunchSpec) -> Begun | None:
        """Return what was begun for this launch, which makes it one; None: there is nothing that fits."""
        kept = self._kept.get(spec.session_id)
        if kept is None or kept.spec != replace(spec, server_env={}) or not kept.begun.is_alive:
            return None
        # Before anything of it runs: killed from here on, it is a launch that broke off, as ever.
        self._mark(spec.session_id).unlink()
        return self._kept.pop(spec.session_id).begun

    def waiting(self) -> list[str]:
        """Return the sessions that this warden has prepared, and that are not launched."""
        return list(self._kept)

    def is_over(self, session_id: str) -> bool:
        """Tell whether one was not launched in time, or was prepared by a warden that is no more."""
        kept = self._kept.get(session_id)
        return self.is_marked(session_id) and (kept is None or time.monotonic() > kept.at_s + _KEPT_S)

    def give_up(self, session_id: str) -> None:
        """Forget one; what it has built is the caller's to end. Twice is safe."""
        kept = self._kept.pop(session_id, None)
        if kept is not None:
            kept.begun.give_up()
