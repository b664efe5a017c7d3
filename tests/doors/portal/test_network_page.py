"""The network page: what stands out, the log with its filters, and why a host is or is not reached."""

from __future__ import annotations

import re

from gateway_parts import make_gateway
from nbkeep.model.actor import OPERATOR, Role
from nbkeep.profiles import profiles
from nbkeep.profiles.known import known_to
from portal_parts import HOSTILE, Person, Portal

PROFILE = "notebook-cpu-small"


def hosts(person: Person, query: str = "") -> list[str]:
    found = re.findall(r'<tr data-host="([^"]+)">', person.get(f"/network{query}"))
    return [one.replace("&lt;", "<") for one in found]


def test_an_admin_finds_connections_and_is_told_which_rule_decides(portal: Portal) -> None:
    office, ops, jane = portal.office, portal.person("ops", Role.ADMIN), portal.office.user("jane")
    assert "No connections" in ops.get("/network")
    with office.store.write() as tx:
        fields = {"egress_allowlist": "pypi.org", "egress_denylist": "paste.example"}
        profiles.change_profile(tx, office.clock, OPERATOR, PROFILE, fields, known_to(office.settings))
    session_id = office.ready(jane)
    gateway = make_gateway(office)
    gateway.pull()
    old = gateway.record(session_id, "old.example")
    gateway.report(old)
    office.clock.advance(3 * 86400)
    ops = portal.browser(ops.actor)  # the sign-in has ended meanwhile
    gateway.report(*(gateway.record(session_id, one) for one in ("pypi.org", "paste.example", HOSTILE)))
    assert set(hosts(ops)) - {"pypi.org", "paste.example"}  # the hostile name, as text
    assert len(hosts(ops)) == 3
    assert "<img src=x" not in ops.get("/network")
    assert hosts(ops, "?outcome=refused&host=*paste*") == ["paste.example"]
    assert "old.example" in hosts(ops, "?period=7d")
    assert len(hosts(ops, f"?session={session_id}")) == 4  # one session is shown whole
    page = ops.get("/network")
    assert 'data-refused="paste.example"' in page
    assert "deny paste.example:*" in page
    assert "is refused: " in ops.get(f"/network?ask=paste.example&of={PROFILE}")
    assert "is allowed: " in ops.get(f"/network?ask=https://pypi.org/simple&of={session_id}")
    for ask, of in (("127.1", PROFILE), ("pypi.org", "nothing"), ("pypi.org", "ses_nothing")):
        assert 'id="answer"' in ops.get(f"/network?ask={ask}&of={of}")
    for wrong in ("?cursor=x", "?outcome=some"):
        assert ops.client.get(f"/portal/network{wrong}").status_code == 400


def test_a_user_reads_what_their_own_session_may_reach_and_did(portal: Portal) -> None:
    office, jane = portal.office, portal.person("jane")
    session_id = office.ready(jane.actor)
    gateway = make_gateway(office)
    gateway.pull()
    gateway.report(gateway.record(session_id, "data.example"))
    assert "No network: code reaches nothing outside its sandbox" in jane.get(f"/sessions/{session_id}")
    with office.store.write() as tx:
        change = {"egress_allowlist": "data.example"}
        profiles.change_profile(tx, office.clock, OPERATOR, PROFILE, change, known_to(office.settings))
    assert "Reaches only data.example" in jane.get(f"/sessions/{session_id}")
    assert hosts(jane) == ["data.example"]
    assert "no rule allows data.example:443" in jane.get("/network")
    assert "is allowed" in jane.get(f"/network?ask=data.example&of={session_id}")


def test_requests_are_explained_by_method_and_path(portal: Portal) -> None:
    office, ops = portal.office, portal.person("ops", Role.ADMIN)
    with office.store.write() as tx:
        change = {"egress_allowlist": "GET|HEAD@github.com/acme/*"}
        profiles.change_profile(tx, office.clock, OPERATOR, PROFILE, change, known_to(office.settings))
    assert "ask with a method and a path" in ops.get(f"/network?ask=github.com&of={PROFILE}")
    address = f"/network?ask=https://github.com/acme/x&of={PROFILE}"
    assert "GET /acme/x at github.com:443 is allowed: " in ops.get(address)
    page = ops.get(f"{address}&method=POST")
    assert "POST /acme/x at github.com:443 is refused: " in page
    assert '<option value="POST" selected>' in page
    assert "is no method" in ops.get(f"{address}&method=P%20T")


def test_alarms_are_shown_to_who_may_read_the_journal(portal: Portal) -> None:
    office, jane, ops = portal.office, portal.person("jane"), portal.person("ops", Role.ADMIN)
    session_id = office.ready(jane.actor)
    gateway = make_gateway(office)
    gateway.report(gateway.record(session_id, HOSTILE, bytes_out=200 << 20))
    page = ops.get("/network")
    assert 'data-alarm="upload"' in page
    assert "200 MiB were sent to" in page
    assert "<img src=x" not in page
    assert "200 MiB were sent to" in ops.get("/admin/audit?type=egress.alarm")
    assert "data-alarm" in ops.get(f"/network?session={session_id}")
    assert "data-alarm" not in ops.get("/network?user=somebody")
    assert "data-alarm" not in jane.get("/network")


def test_what_may_be_reached_is_said_on_the_profiles_page(portal: Portal) -> None:
    ops = portal.person("ops", Role.ADMIN)
    fields = {"display_name": "Mine", "description": "", "image": "base", "flavor": PROFILE, "idle_stop": "15min",
              "max_session": "8h", "max_extension": "0", "classification": "pii", "enabled": "on",
              "roles": "notebook.user", "state_limit": "8GB", "state_retention": "3d",
              "egress_allowlist": "a.example\r\n*.b.example:80,443\r\nGET|HEAD@c.example:443,80/x/*\r\n", "egress_dry_run": "on"}  # fmt: skip
    bad = ops.post("/admin/profiles/new", name="mine", **fields | {"egress_denylist": "127.1"})
    assert bad.status_code == 400
    assert 'id="e-egress_denylist"' in bad.text
    assert "a.example\r\n*.b.example:80,443" in bad.text  # what was typed is not lost
    assert ops.post("/admin/profiles/new", name="mine", **fields).status_code == 303
    page = ops.get("/admin/profiles/mine")
    assert "a.example\n*.b.example:80,443\nGET|HEAD@c.example:443,80/x/*</textarea>" in page
    assert 'name="egress_dry_run" checked' in page
    assert 'name="public_internet" checked' not in page
