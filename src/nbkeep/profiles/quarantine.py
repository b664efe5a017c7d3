"""What a profile in quarantine closes: what would bring something of its person in, or let something out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nbkeep.model.errors import invalid

if TYPE_CHECKING:
    from collections.abc import Collection

    from .values import Profile

# Field → (what it is then, why no other value is taken). `packages` alone may be set again, by name.
CLOSED: dict[str, tuple[Any, str]] = {
    "keep_state": (False, "keeps no variables"),
    "egress_allowlist": ((), "reaches no host"),
    "egress_asklist": ((), "reaches no host, and nobody can ask for one"),
    "public_internet": (False, "reaches no host"),
    "project_hosts": (False, "reaches no host, whatever projects say"),
    "egress_dry_run": (False, "has nothing on trial"),
    "downloads": ("deny", "lets nothing be downloaded"),
}
_UNLESS_SAID: dict[str, Any] = {"packages": None}


def settled(profile: Profile, before: Profile | None, named: Collection[str]) -> Profile:
    """Return a profile as it is once quarantine is switched on: closed but for the fields that were named.

    What was named and is open is for `check_closed` to refuse: nobody's word is dropped in silence. One that
    was in quarantine before is returned as it is.
    """
    if not profile.quarantine or (before is not None and before.quarantine):
        return profile
    closed = {field: value for field, (value, _) in CLOSED.items()} | _UNLESS_SAID
    return replace(profile, **{field: value for field, value in closed.items() if field not in named})


def check_closed(profile: Profile) -> None:
    """Raise `Refused` (400) naming the first field that opens a profile in quarantine."""
    if not profile.quarantine:
        return
    for field, (value, why) in CLOSED.items():
        if getattr(profile, field) != value:
            raise invalid(
                field,
                f"A profile in quarantine {why}: {field} cannot be set there.",
                f"Leave {field} out, or switch quarantine off.",
            )
