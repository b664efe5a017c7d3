"""Looks after pushes that are held for a review: they lapse, are settled, and what was shown is deleted."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from nbkeep.pushes.forget import forget_pages, lapse_pushes
from nbkeep.pushes.settle import settle_unheard
from nbkeep.rendering.kept import Documents

if TYPE_CHECKING:
    from nbkeep.sessions.interface import Parts

_log = logging.getLogger("nbkeep.worker")


def look_after_pushes(parts: Parts) -> None:
    """Do all of it; twice is safe."""
    settle_unheard(parts.store, parts.clock)
    lapse_pushes(parts.store, parts.clock)
    try:
        forget_pages(parts.store, parts.clock, parts.settings, Documents(parts.settings.pushes_dir))
    except OSError as error:
        _log.warning("What was shown of pushes is not deleted for now: %s", error)
