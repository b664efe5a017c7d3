"""Holds back what a user's tab sends to a kernel, until the kernel has its variables again."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger("nbkeep.state")

_MESSAGES = 2000


class Holds:
    """Messages in the order in which they came, for each kernel that is being restored."""

    def __init__(self) -> None:
        self._held: dict[str, list[Callable[[], None]]] = {}

    def begin(self, kernel_id: str) -> None:
        """Hold from now on."""
        self._held.setdefault(kernel_id, [])

    def is_held(self, kernel_id: str) -> bool:
        """Tell whether a kernel is being restored."""
        return kernel_id in self._held

    def hold(self, kernel_id: str, deliver: Callable[[], None]) -> bool:
        """Take a message if its kernel is being restored; else the caller goes on."""
        held = self._held.get(kernel_id)
        if held is None:
            return False
        if len(held) < _MESSAGES:
            held.append(deliver)
        else:
            log.warning("More than %d messages wait for a restore: one was dropped", _MESSAGES)
        return True

    def release(self, kernel_id: str) -> None:
        """Deliver what was held; harmless twice."""
        for deliver in self._held.pop(kernel_id, ()):
            try:
                deliver()
            except Exception:  # one tab that is gone must not keep the others waiting
                log.exception("A message that was held back was not delivered")
