"""Tells the warden which kernels should be ready at once: those of the profiles that can be started."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nbkeep.backends.interface import Warm
from nbkeep.profiles.profiles import enabled_profiles

if TYPE_CHECKING:
    from nbkeep.sessions.interface import Parts

# A warden that was restarted has forgotten.
_AGAIN_S = 15.0


@dataclass
class Wishes:
    """What was told last, and when; told again when it changes, and from time to time."""

    _told: list[Warm] | None = None
    _told_at_s: float = 0.0

    def tell(self, parts: Parts) -> None:
        """Tell the warden when there is reason to. Raises `Unavailable` when it does not answer."""
        with parts.store.read() as tx:
            found = [Warm(one.image, list(one.preimport)) for one in enabled_profiles(tx)]
        wanted: list[Warm] = []
        for one in found:
            if one not in wanted:
                wanted.append(one)
        now_s = parts.clock.monotonic_s()
        if wanted != self._told or now_s - self._told_at_s >= _AGAIN_S:
            parts.backend.keep_warm(wanted)
            self._told, self._told_at_s = wanted, now_s
