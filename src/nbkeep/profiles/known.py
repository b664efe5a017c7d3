"""What an installation has that profiles may name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .images import known_images

if TYPE_CHECKING:
    from nbkeep.settings import Settings

    from .values import Profile


@dataclass(frozen=True)
class Known:
    """Names of images, and of places of keys for saved variables."""

    images: frozenset[str]
    state_keys: frozenset[str] = frozenset()

    def and_those_of(self, profile: Profile) -> Known:
        """Return the same, and what a profile names already."""
        return Known(self.images | {profile.image}, self.state_keys | ({profile.state_key} - {""}))


def known_to(settings: Settings) -> Known:
    """Return what there is now."""
    return Known(known_images(settings.images_dir), frozenset(settings.state_keys))
