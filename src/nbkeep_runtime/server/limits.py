"""How much memory the sandbox uses, as this host tells it: cgroup v1, v2, or the warden's own count."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import orjson

if TYPE_CHECKING:
    from pathlib import Path

_UNLIMITED = 1 << 60  # cgroup v1 says "no limit" with a number near 2**63


@dataclass(frozen=True)
class MemoryUse:
    """Bytes; None where the host does not tell. `oom_kills` counts processes killed for want of memory."""

    used_bytes: int | None
    limit_bytes: int | None
    peak_bytes: int | None
    oom_kills: int


def _number(path: Path) -> int | None:
    try:
        value = int(path.read_text())
    except (OSError, ValueError):
        return None
    return value if value < _UNLIMITED else None


def _field(path: Path, name: str) -> int:
    try:
        for line in path.read_text().splitlines():
            key, _, value = line.partition(" ")
            if key == name and value.isdigit():
                return int(value)
    except OSError:
        pass
    return 0


def _json(path: Path) -> dict[str, Any]:
    try:
        loaded: Any = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return {}
    return cast("dict[str, Any]", loaded) if isinstance(loaded, dict) else {}


def read(folder: Path) -> MemoryUse | None:
    """Return the use now, or None when nothing tells; reads a few small files."""
    limits = _json(folder / "limits.json")
    limit: int | None = limits.get("memory_limit_bytes")
    group = folder / "memory"
    if (group / "memory.current").exists():
        cache = _field(group / "memory.stat", "inactive_file")
        return _use(
            _number(group / "memory.current"),
            cache,
            limit or _number(group / "memory.max"),
            _number(group / "memory.peak"),
            _field(group / "memory.events", "oom_kill"),
        )
    if (group / "memory.usage_in_bytes").exists():
        cache = _field(group / "memory.stat", "total_inactive_file")
        return _use(
            _number(group / "memory.usage_in_bytes"),
            cache,
            limit or _number(group / "memory.limit_in_bytes"),
            _number(group / "memory.max_usage_in_bytes"),
            _field(group / "memory.oom_control", "oom_kill"),
        )
    usage = _json(folder / "usage.json")
    if not usage and limit is None:
        return None
    return MemoryUse(
        usage.get("memory_used_bytes"), limit, usage.get("memory_peak_bytes"), usage.get("oom_kills") or 0
    )


def free_bytes(folder: Path) -> int | None:
    """Return how many bytes the sandbox may take still, or None when nothing tells."""
    use = read(folder)
    if use is None or use.used_bytes is None or use.limit_bytes is None:
        return None
    return max(0, use.limit_bytes - use.used_bytes)


def _use(used: int | None, cache: int, limit: int | None, peak: int | None, oom_kills: int) -> MemoryUse:
    """Leave out cached file pages that the kernel drops at need: nobody dies of them."""
    return MemoryUse(None if used is None else max(0, used - cache), limit, peak, oom_kills)
