"""Hold sandboxes to their memory limit on hosts without a memory cgroup, by looking once a second.

Weaker than a cgroup: what grows within a second is seen late. `nbkeep doctor` says so.
"""

from __future__ import annotations

import json
import logging
from signal import SIGKILL
from typing import TYPE_CHECKING, Any

from nbkeep import wholefile

from .cgroups import MemoryUse
from .procs import Process, in_pid_namespace_of, rss_bytes

if TYPE_CHECKING:
    from .halves import Half
    from .layout import Layout

log = logging.getLogger("nbkeep.warden")


class Watchdog:
    """Measures sandboxes by their processes; what it knows lies in the session's `limits/usage.json`."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def memory(self, session_id: str) -> MemoryUse:
        """Return what the last look saw."""
        seen = self._seen(session_id)
        return MemoryUse(
            seen.get("memory_used_bytes"), seen.get("memory_peak_bytes"), seen.get("oom_kills", 0)
        )

    def look(self, session_id: str, sandbox: Half) -> None:
        """Measure one sandbox and end its largest process when the sum is above the limit."""
        if sandbox.inner is None:
            return
        folder = self._layout.session(session_id)
        limit = json.loads((folder.path / "spec.json").read_text())["memory_bytes"]
        sizes = {pid: rss_bytes(pid) for pid in in_pid_namespace_of(sandbox.inner.pid)}
        used, kills = sum(sizes.values()), self.memory(session_id).oom_kills
        if used > limit:
            # The first process is only ended when nothing else is left to end.
            others = {pid: size for pid, size in sizes.items() if pid != sandbox.inner.pid} or sizes
            largest = max(others, key=lambda pid: others[pid])
            target = Process.of(largest)
            if target is not None and target.send(SIGKILL):
                kills += 1
                log.warning("%s: %d bytes of %d used; process %d ended", session_id, used, limit, largest)
        peak = max(used, self.memory(session_id).peak_bytes or 0)
        told = {"memory_used_bytes": used, "memory_peak_bytes": peak, "oom_kills": kills}
        wholefile.write(folder.limits / "usage.json", json.dumps(told), mode=0o644)

    def _seen(self, session_id: str) -> dict[str, Any]:
        try:
            return json.loads((self._layout.session(session_id).limits / "usage.json").read_text())
        except (OSError, ValueError):
            return {}

    def forget(self, session_id: str) -> None:
        """Drop what is known of a session that was stopped."""
        (self._layout.session(session_id).limits / "usage.json").unlink(missing_ok=True)
