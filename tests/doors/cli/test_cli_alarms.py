"""`nbkeep alarm` and `nbkeep dashboard`, as admins and their spreadsheets read them."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from nbkeep.anomalies.raise_alarms import Watch
from usage_parts import NOON, busy_office, spent

if TYPE_CHECKING:
    from cli_parts import Nbkeep

    from office_parts import OfficeForTests


def test_an_alarm_from_its_list_to_its_end(nbkeep: Nbkeep, served: OfficeForTests) -> None:
    assert "No open alarms." in nbkeep("alarm", "list").err
    served.clock.set(NOON)
    jane = served.user()
    for day in range(1, 15):
        spent(served, jane, day, 10)
    spent(served, jane, 0, 100)
    Watch("EUR").look(served.store, served.clock, "spend")
    listed = nbkeep("alarm", "list", "--json").json
    assert [(one["user"], one["kind"]) for one in listed] == [("jane", "spend")]
    assert "100.00 EUR spent today" in nbkeep("alarm", "list", "--user", "jane").out
    alarm_id = listed[0]["id"]
    assert nbkeep("alarm", "acknowledge", alarm_id, "--note", " ").code == 1
    done = nbkeep("alarm", "acknowledge", alarm_id, "--note", "planned")
    assert "planned" in done.out
    assert "operator" in done.out
    assert "No open alarms." in nbkeep("alarm", "list").err
    assert alarm_id in nbkeep("alarm", "list", "--state", "all").out
    absent = nbkeep("alarm", "show", "alm_00000000000000000000")
    assert absent.code == 1
    assert "There is no alarm" in absent.err
    assert nbkeep("alarm", "list", "--kind", "nothing").code == 1


def test_rules_are_shown_and_set(nbkeep: Nbkeep, served: OfficeForTests) -> None:
    del served
    assert "500 MiB" in nbkeep("alarm", "rules").out
    assert (
        "from 2 GiB and 4 times the usual on"
        in nbkeep("alarm", "set", "egress", "--from", "2GiB", "--factor", "4").err
    )
    assert "tokens: off." in nbkeep("alarm", "set", "tokens", "--off").err
    assert "2 GiB" in nbkeep("alarm", "rules").out
    assert nbkeep("alarm", "set", "spend").code == 2
    assert nbkeep("alarm", "set", "spend", "--from", "=1+1").code == 1


def test_the_dashboard_for_people_and_for_spreadsheets(nbkeep: Nbkeep, served: OfficeForTests) -> None:
    assert "0 live" in nbkeep("dashboard").out
    busy_office(served)
    shown = nbkeep("dashboard")
    assert "5 live, 0 of them idle" in shown.out
    assert "spend-by-project" in shown.out
    rows = list(csv.reader(io.StringIO(nbkeep("dashboard", "--sheet", "spend-by-user", "--csv").out)))
    assert rows[0] == ["Person", "Spend (EUR)"]
    assert {row[0] for row in rows[1:]} == {"jane", "omar", "mei", "lars", "aiko", "tom"}
    assert "vision" in nbkeep("dashboard", "--sheet", "spend-by-project").out
    assert nbkeep("dashboard", "--sheet", "nothing").code == 2
    assert nbkeep("dashboard", "--csv").code == 2
    assert nbkeep("dashboard", "--month", "November").code == 1
