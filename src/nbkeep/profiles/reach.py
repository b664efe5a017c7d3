"""A profile as the room that decides about connections knows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbkeep.egress.policy import Reach
from nbkeep.packages.values import in_force_of

if TYPE_CHECKING:
    from .values import Profile


def reach_of(profile: Profile, facts: str = "") -> Reach:
    """Return what a profile says about the way out. `facts`: as in `packages.values.InForce`."""
    packages = profile.packages
    return Reach(
        f"profile {profile.name}",
        profile.egress_allowlist,
        profile.egress_denylist,
        profile.egress_asklist,
        profile.public_internet,
        profile.egress_dry_run,
        profile.egress_volume_bytes,
        in_force_of(profile.name, packages, facts).text() if packages else "",
        packages.rules if packages else (),
        profile.project_hosts,
    )
