"""Steps that tests of approvals of flavors repeat."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grants_parts import PROFILE
from nbkeep.grants import end
from nbkeep.grants.request import request_grant
from nbkeep.model.actor import OPERATOR
from nbkeep.profiles import flavors, profiles
from nbkeep.profiles.known import known_to

if TYPE_CHECKING:
    from nbkeep.model.actor import Actor
    from office_parts import OfficeForTests

FLAVOR = PROFILE  # the seeds give it the name of its profile
LARGE = "notebook-cpu-large"


def mark(office: OfficeForTests, flavor: str = FLAVOR, *, needs: bool = True) -> None:
    """Say that a flavor needs an approval, or none any more."""
    with office.store.write() as tx:
        flavors.change_flavor(tx, office.clock, OPERATOR, flavor, {"needs_approval": needs})


def another_profile(office: OfficeForTests, name: str = "other", **fields: object) -> str:
    """Make a second profile on the same flavor and image."""
    wanted = {"name": name, "image": "base", "flavor": FLAVOR} | fields
    with office.store.write() as tx:
        profiles.create_profile(tx, office.clock, OPERATOR, wanted, known_to(office.settings))
    return name


def ask_to_start(
    office: OfficeForTests, actor: Actor, lasts: str = "2h", profile: str = PROFILE, flavor: str = FLAVOR
) -> str:
    """Ask for an approval; return the request's id."""
    with office.store.write() as tx:
        return request_grant(
            tx, office.clock, office.settings, actor, flavor,
            reason="The last run", duration=lasts, profile=profile, kind="flavor",
        ).id  # fmt: skip


def revoke(office: OfficeForTests, actor: Actor, grant_id: str, reason: str = "The GPUs are needed") -> None:
    """Take an approval away."""
    with office.store.write() as tx:
        end.revoke_grant(tx, office.clock, actor, grant_id, reason)
