"""Flavors and profiles in the configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nbkeep.model.actor import OPERATOR
from nbkeep.profiles import flavors, profiles
from nbkeep.profiles.parse import flavor_from, plain, profile_from
from nbkeep.profiles.rules import check_flavor

from .section import Entry, WholeSection, Work

if TYPE_CHECKING:
    from collections.abc import Mapping


class Flavors(WholeSection):
    """What the document leaves out of one is at its default, not as it happens to be."""

    name, kind = "flavors", "flavor"

    def entries(self, work: Work) -> list[Entry]:
        """Return all flavors."""
        return [plain(one) for one in flavors.list_flavors(work.tx, OPERATOR)]

    def put(self, work: Work, wanted: Mapping[str, Any], before: Entry | None) -> Entry:
        """Create or change one."""
        if before is None:
            return plain(flavors.create_flavor(work.tx, work.clock, work.actor, wanted))
        after = flavor_from(wanted)
        check_flavor(after)
        flavors.change_flavor(work.tx, work.clock, work.actor, after.name, plain(after))
        return plain(after)

    def delete(self, work: Work, name: str) -> None:
        """Delete one that no profile needs."""
        flavors.delete_flavor(work.tx, work.clock, work.actor, name)


class Profiles(WholeSection):
    """What the document leaves out of one is at its default, not as it happens to be."""

    name, kind = "profiles", "profile"

    def entries(self, work: Work) -> list[Entry]:
        """Return all profiles."""
        found = [plain(one) for one, _ in profiles.list_profiles(work.tx, OPERATOR)]
        return sorted(found, key=lambda one: one["name"])

    def put(self, work: Work, wanted: Mapping[str, Any], before: Entry | None) -> Entry:
        """Create or change one."""
        if before is None:
            return plain(profiles.create_profile(work.tx, work.clock, work.actor, wanted, work.known)[0])
        after = profile_from(wanted)
        profiles.change_profile(work.tx, work.clock, work.actor, after.name, plain(after), work.known)
        return plain(after)

    def delete(self, work: Work, name: str) -> None:
        """Delete one."""
        profiles.delete_profile(work.tx, work.clock, work.actor, name)
