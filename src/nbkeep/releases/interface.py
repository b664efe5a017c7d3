"""What this room needs from outside: a backend that copies files, and what makes documents of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from nbkeep.rendering.interface import Made, Order


class Make(Protocol):
    """What `rendering.job.make` is. It is called by the loop of releases, outside of transactions."""

    def __call__(self, source: Path, order: Order, into: Path, *, timeout_s: float = 120) -> Made:
        """Examine a file and make what may leave of it, as files below `into`. No content makes it raise."""
        ...
