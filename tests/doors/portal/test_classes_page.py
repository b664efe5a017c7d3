"""The page of classes, the hosts of a project, and the files that count as classified, as people see them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbkeep.data.class_rules import list_class_rules
from nbkeep.model.actor import OPERATOR, Role
from nbkeep.people.project_records import find_project
from nbkeep.store.class_tables import ClassifiedFileRow, ClassWalkRow
from nbkeep.store.tables import SessionRow

if TYPE_CHECKING:
    from portal_parts import Portal

HOSTS = "/projects/orion/hosts"


def test_an_admin_sets_rules_of_a_class_and_nobody_else_sees_the_page(portal: Portal) -> None:
    ops, jane = portal.person("ops", Role.ADMIN), portal.person()
    shown = ops.get("/admin/classifications")
    assert all(f'id="{name}"' in shown for name in ("public", "internal", "confidential", "pii"))
    assert shown.count(" disabled") == 1, "personal data: the settings close it"
    saved = ops.post(
        "/admin/classifications/confidential",
        egress_denylist="*.paste.example\nevil.example",
        closes_internet="on",
    )
    assert saved.headers["location"] == "/portal/admin/classifications?done=saved#confidential"
    assert ops.post("/admin/classifications/pii", egress_only="db.acme.local").status_code == 303
    with portal.office.store.read() as tx:
        rules = {one["name"]: one for one in list_class_rules(tx, portal.office.settings, OPERATOR)}
    assert rules["confidential"]["public_internet"] is False
    assert rules["confidential"]["egress_denylist"] == ["*.paste.example", "evil.example"]
    assert (rules["pii"]["public_internet"], rules["pii"]["egress_only"]) == (False, ["db.acme.local"])
    wrong = ops.post("/admin/classifications/internal", egress_only="<b>x</b>")
    assert (wrong.status_code, "<b>x" in wrong.text, "&lt;b&gt;x" in wrong.text) == (400, False, True)
    assert 'id="e-egress_only-internal"' in wrong.text
    assert ops.post("/admin/classifications/secret", egress_only="").status_code == 404
    assert jane.post("/admin/classifications/internal", egress_denylist="x.example").status_code == 403
    assert "/admin/classifications" not in jane.get("/")


def test_a_projects_hosts_are_set_by_admins_and_seen_by_members(portal: Portal) -> None:
    ops, jane, john = portal.person("ops", Role.ADMIN), portal.person(), portal.person("john")
    assert ops.post("/projects", name="orion", lead="jane").status_code == 303
    assert "Hosts" not in jane.get("/projects/orion")
    assert ops.post(HOSTS, egress_allowlist="wiki.acme.local\n*.data.acme.local:8443").status_code == 303
    hers = jane.get("/projects/orion")
    assert "wiki.acme.local" in hers
    assert "Save hosts" not in hers
    assert jane.post(HOSTS, egress_allowlist="evil.example").status_code == 403
    assert john.post(HOSTS, egress_allowlist="evil.example").status_code == 404
    wrong = ops.post(HOSTS, egress_allowlist="ok.example\n*")
    assert (wrong.status_code, "who may reach the public internet is said by profiles" in wrong.text) == (
        400,
        True,
    )
    assert "ok.example" in wrong.text, "what was typed stays"
    assert "ok.example" not in ops.get("/projects/orion")


def test_a_long_list_is_saved_as_a_whole_or_not_at_all(portal: Portal) -> None:
    ops = portal.person("ops", Role.ADMIN)
    ops.post("/projects", name="orion", lead="ops")
    hosts = [f"{number:04d}.{'storage-of-a-competitor.' * 5}example" for number in range(1000)]
    for path, field in ((HOSTS, "egress_denylist"), ("/admin/classifications/internal", "egress_denylist")):
        typed = {field: "\n".join(hosts)}
        assert len(typed[field]) > 100_000
        assert ops.post(path, **typed).status_code == 303
        refused = ops.post(path, **{field: "x" * 1_000_001})
        assert (refused.status_code, "nothing was saved" in refused.text) == (400, True)
    with portal.office.store.read() as tx:
        rules = {one["name"]: one for one in list_class_rules(tx, portal.office.settings, OPERATOR)}
        assert rules["internal"]["egress_denylist"] == hosts
        assert list(find_project(tx, OPERATOR, "orion").egress_denylist) == hosts


def test_ones_home_page_lists_ones_classified_files_and_no_others(portal: Portal) -> None:
    jane, john = portal.person(), portal.person("john")
    assert "classified" not in jane.get("/files")
    office = portal.office
    now = office.clock.now()
    with office.store.write() as tx:
        tx.add(SessionRow(id="ses_x", user_id=jane.actor.id, name="x", profile_name="p", profile={}, state="stopped",
                          requested_at=now, ended_at=now))  # fmt: skip
        tx.flush()
        for number in range(60):
            tx.add(ClassifiedFileRow(user_id=jane.actor.id, key=f"{number:064d}", path=f"<i>{number:02d}",
                                     classification="pii", session_id="ses_x", changed_at=now, bytes=1, note="",
                                     seen_at=now))  # fmt: skip
        tx.add(ClassWalkRow(session_id="ses_x", user_id=jane.actor.id, classification="pii", walked_at=now,
                            whole="its files could not be walked"))  # fmt: skip
    hers = jane.get("/files")
    assert "&lt;i&gt;49" in hers
    assert "&lt;i&gt;50" not in hers
    assert "The first 50 of 60" in hers
    assert "All of your home counts as" in hers
    assert "&lt;i&gt;" not in john.get("/files")
