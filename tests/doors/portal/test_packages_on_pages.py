"""What a package policy says, where admins and users look."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbkeep.model.actor import OPERATOR, Role
from nbkeep.profiles import profiles
from nbkeep.profiles.known import known_to

if TYPE_CHECKING:
    from portal_parts import Portal

PROFILE = "notebook-cpu-small"


def test_a_policy_is_said_in_words_and_kept_by_the_form(portal: Portal) -> None:
    ops, jane = portal.person("ops", Role.ADMIN), portal.person("jane")
    assert "no policy" in ops.get(f"/admin/profiles/{PROFILE}")
    assert "Packages" not in jane.get("/")
    office = portal.office
    wanted = {"packages": {"allow": "numpy,scikit-*", "pins": "numpy<2"}}
    with office.store.write() as tx:
        profiles.change_profile(tx, office.clock, OPERATOR, PROFILE, wanted, known_to(office.settings))
    said = "From https://pypi.org/simple: only numpy, scikit-*; numpy&lt;2"
    assert said in ops.get(f"/admin/profiles/{PROFILE}")
    assert said in jane.get("/")
    fields = {"display_name": "Mine", "description": "", "image": "base", "flavor": PROFILE, "idle_stop": "15min",
              "max_session": "8h", "max_extension": "0", "classification": "pii", "enabled": "on",
              "roles": "notebook.user", "state_limit": "8GB", "state_retention": "3d"}  # fmt: skip
    assert ops.post(f"/admin/profiles/{PROFILE}", **fields).status_code == 303
    assert said in ops.get(f"/admin/profiles/{PROFILE}")
