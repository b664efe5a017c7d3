"""The page of the audit: exports of what is looked at, and where the record is sent on to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbkeep.forwarding import destinations, rules
from nbkeep.forwarding.deliver import deliver, due
from nbkeep.model.actor import OPERATOR, Role

if TYPE_CHECKING:
    from portal_parts import Portal


def test_an_auditor_sees_how_destinations_are_doing(portal: Portal) -> None:
    anna = portal.person("anna", Role.AUDITOR)
    assert "Sent on to" not in anna.get("/admin/audit")
    office = portal.office
    with office.store.write() as tx:
        place = rules.syslog("127.0.0.1:1", tls=False)  # nobody listens on tcpmux
        destinations.add(tx, office.clock, office.settings, OPERATOR, name="siem", place=place)
    for one in due(office):
        deliver(office, one)
    text = anna.get("/admin/audit")
    assert "syslog://127.0.0.1:1" in text
    assert "failing" in text
    assert "it refused the connection" in text
    assert 'data-label="Records behind">1<' in text


def test_an_export_has_the_filters_and_the_format_that_were_chosen(portal: Portal) -> None:
    anna = portal.person("anna", Role.AUDITOR)
    assert '<input type="hidden" name="type" value="signin">' in anna.get("/admin/audit?type=signin")
    answer = anna.post("/admin/audit/export", format="csv", type="platform")
    assert answer.status_code == 200
    assert answer.text.startswith('"seq","at"')
    assert "audit.exported" not in answer.text
    assert anna.post("/admin/audit/export", format="xml").status_code in {400, 422}
    assert portal.person("john").post("/admin/audit/export", format="csv").status_code == 403
