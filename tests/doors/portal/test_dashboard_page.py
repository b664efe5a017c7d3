"""Dashboard and alarms as pages, API and command line: for admins and auditors, and for nobody else."""

from __future__ import annotations

import csv
import hashlib
import io
from typing import TYPE_CHECKING

from nbkeep.anomalies.raise_alarms import Watch
from nbkeep.doors.portal.render import STATIC
from nbkeep.model.actor import Role
from usage_parts import NOON, busy_office, called, spent

if TYPE_CHECKING:
    from nbkeep.model.actor import Actor
    from portal_parts import Portal

HOSTILE = "<img src=x onerror=alert(1)>"


def alarmed(portal: Portal) -> Actor:
    """Let somebody have spent far too much, and be found."""
    portal.office.clock.set(NOON)
    jane = portal.office.user()
    for day in range(1, 15):
        spent(portal.office, jane, day, 10)
    spent(portal.office, jane, 0, 100)
    assert Watch("EUR").look(portal.office.store, portal.office.clock, "spend") == 1
    return jane


def test_admins_and_auditors_have_the_page_and_users_do_not(portal: Portal) -> None:
    busy_office(portal.office)
    for role in (Role.ADMIN, Role.AUDITOR):
        page = portal.person(role.name.lower(), role).get("/admin/dashboard")
        assert 'href="/portal/admin/dashboard"' in page
        assert "Spend by project" in page
        assert 'data-chart="stacked"' in page
    user = portal.person("user")
    assert "/portal/admin/dashboard" not in user.get("/")
    for path in ("dashboard", "dashboard/spend-by-day.csv", "alarms"):
        assert user.client.get(f"/portal/admin/{path}").status_code == 403


def test_an_empty_office_has_a_friendly_page(portal: Portal) -> None:
    page = portal.person("ops", Role.ADMIN).get("/admin/dashboard")
    assert page.count("Nothing was spent in this month.") == 3
    assert "No session holds a GPU" in page
    assert "data-chart" not in page


def test_the_csv_has_what_the_table_shows_and_more(portal: Portal) -> None:
    portal.office.clock.set(NOON)
    for number in range(12):
        spent(portal.office, portal.office.user(f"u{number:02}"), 0, number + 1)
    ops = portal.person("ops", Role.ADMIN)
    page = ops.get("/admin/dashboard")
    assert "The largest 10 of 12; the CSV has all." in page
    answer = ops.client.get("/portal/admin/dashboard/spend-by-user.csv?month=2026-11")
    assert answer.headers["content-type"].startswith("text/csv")
    assert 'filename="nbkeep-spend-by-user-2026-11.csv"' in answer.headers["content-disposition"]
    found = list(csv.reader(io.StringIO(answer.text)))
    assert found[0] == ["Person", "Spend (EUR)"]
    assert (len(found), found[1]) == (13, ["u11", "12.00"])
    assert ops.client.get("/portal/admin/dashboard/nothing.csv").status_code == 404
    assert ops.client.get("/portal/admin/dashboard?month=%3Cscript%3E").status_code == 400


def test_names_are_text_on_the_page(portal: Portal) -> None:
    portal.office.clock.set(NOON)
    jane = portal.office.user()
    spent(portal.office, jane, 0, 5, profile=HOSTILE)
    called(portal.office, jane, portal.office.ready(jane), 0, 100, f"{HOSTILE}model")
    page = portal.person("ops", Role.ADMIN).get("/admin/dashboard")
    assert HOSTILE not in page
    assert "&lt;img src=x" in page


def test_an_alarm_is_closed_on_its_page_by_admins_alone(portal: Portal) -> None:
    alarmed(portal)
    ops, vera = portal.person("ops", Role.ADMIN), portal.person("vera", Role.AUDITOR)
    page = vera.get("/admin/alarms")
    assert "100.00 EUR spent today" in page
    assert "Acknowledge" not in page.replace("Acknowledged", "")
    alarm_id = page.partition('data-alarm="')[2].partition('"')[0]
    path = f"/admin/alarms/{alarm_id}/acknowledge"
    assert vera.post(path, note="nothing").status_code == 403
    assert vera.post("/admin/alarms/rules/spend", least="1000", enabled="on").status_code == 403
    assert ops.post(path, note=" ").status_code == 400
    assert ops.post(path, note=HOSTILE).status_code == 303
    assert "No open alarms" in ops.get("/admin/alarms")
    assert HOSTILE not in ops.get("/admin/alarms?state=all")
    assert "1" not in ops.get("/admin/dashboard").partition('/portal/admin/alarms">open')[0][-40:]


def test_rules_are_set_on_the_page(portal: Portal) -> None:
    ops = portal.person("ops", Role.ADMIN)
    assert ops.post("/admin/alarms/rules/egress", least="2GiB", factor="4", enabled="on").status_code == 303
    assert 'value="2GiB"' in ops.get("/admin/alarms")
    for wrong in ({"least": "much"}, {"least": "1GiB", "factor": "x"}, {"least": "1GiB", "factor": "nan"}):
        answer = ops.post("/admin/alarms/rules/egress", enabled="on", **wrong)
        assert answer.status_code == 400
        assert 'role="alert"' in answer.text
    assert ops.post("/admin/alarms/rules/nothing", least="1").status_code == 404


def test_the_chart_library_is_the_published_one() -> None:
    """Chart.js 4.5.1 of the npm package, unchanged: its hash is that of `npm pack chart.js@4.5.1`."""
    found = hashlib.sha256((STATIC / "vendor/chart.umd.min.js").read_bytes()).hexdigest()
    assert found == "48444a82d4edcb5bec0f1965faacdde18d9c17db3063d042abada2f705c9f54a"
    assert "4.5.1" in (STATIC / "vendor/NOTICE").read_text()
