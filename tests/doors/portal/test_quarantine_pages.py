"""What pages say of quarantine, and the one box that switches it on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbkeep.model.actor import OPERATOR, Role
from nbkeep.profiles.profiles import get_profile

if TYPE_CHECKING:
    from portal_parts import Portal

MARK = "Quarantine: nothing of yours is here"
FIELDS = {
    "display_name": "Mine", "description": "", "image": "base", "flavor": "notebook-cpu-small",
    "idle_stop": "15min", "max_session": "8h", "max_extension": "0", "classification": "internal",
    "enabled": "on", "roles": "notebook.user", "keep_state": "on", "public_internet": "on",
    "egress_allowlist": "pypi.org", "egress_asklist": "huggingface.co", "state_limit": "8GB",
    "state_retention": "3d", "downloads": "allow",
}  # fmt: skip


def test_the_box_closes_all_that_the_form_has_open(portal: Portal) -> None:
    ops = portal.person("ops", Role.ADMIN)
    made = ops.post("/admin/profiles/new", name="mine", **FIELDS, quarantine="on")
    assert made.status_code == 303, made.text
    with portal.office.store.read() as tx:
        closed = get_profile(tx, OPERATOR, "mine")[0]
    assert closed.quarantine
    assert (closed.keep_state, closed.public_internet, closed.downloads) == (False, False, "deny")
    assert (closed.egress_allowlist, closed.egress_asklist) == ((), ())
    assert 'name="quarantine" checked' in ops.get("/admin/profiles/mine")
    assert ops.post("/admin/profiles/mine", **FIELDS).status_code == 303
    assert 'name="quarantine" checked' not in ops.get("/admin/profiles/mine")


def test_a_session_says_that_nothing_of_its_person_is_in_it_and_that_its_files_go(portal: Portal) -> None:
    jane = portal.person()
    assert MARK in jane.get("/")  # on the profile's card
    session = portal.office.ready(jane.actor, "quarantine", "closed")
    page = jane.get(f"/sessions/{session}")
    assert MARK in page
    assert "Its files go with it." in page
    assert "Files stay" not in page
    stop = portal.person("ops", Role.ADMIN).get(f"/sessions/{session}/stop")
    assert "its files go with it" in stop
    assert "files stay" not in stop
    own = jane.get(f"/sessions/{portal.office.ready(jane.actor)}")
    assert MARK not in own
    assert f"//0-q-{session.removeprefix('ses_')}." in page
    assert "//0-q-" not in own
