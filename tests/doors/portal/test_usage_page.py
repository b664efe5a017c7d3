"""The page of usage: what one used oneself, or everybody for those who may see it, and what it costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meter_parts import beat, meter_of
from nbkeep.model.actor import Role

if TYPE_CHECKING:
    from nbkeep.model.actor import Actor
    from portal_parts import Portal


def ran(portal: Portal, *people: Actor) -> list[str]:
    """Let people have sessions for half an hour."""
    found = [portal.office.ready(one) for one in people]
    portal.office.clock.advance(1800)
    beat(portal.office, meter_of())
    return found


def test_people_see_their_own_and_what_an_hour_costs(portal: Portal) -> None:
    jane = portal.person()
    assert "Nothing was used" in jane.get("/usage")
    session_id, _ = ran(portal, jane.actor, portal.office.user("joe"))
    page = jane.get("/usage?by=day")
    assert "2026-01-01" in page
    assert "flavor:notebook-cpu-small" in page
    assert "0.0500 EUR" in page
    assert "joe" not in page
    assert jane.get("/usage?user=joe").count("Nothing was used") == 1  # as if there were nobody
    assert "0.10 EUR per hour now" in jane.get(f"/sessions/{session_id}")


def test_auditors_see_all(portal: Portal) -> None:
    ran(portal, portal.office.user(), portal.office.user("joe"))
    vera = portal.person("vera", Role.AUDITOR)
    assert 'href="/portal/usage"' in vera.get("/usage")
    for name in ("jane", "joe"):
        assert name in vera.get("/usage")
    assert "jane" not in vera.get("/usage?user=joe")
    assert "0.10 EUR" in vera.get("/usage")


def test_a_month_that_is_none_is_told_on_the_page(portal: Portal) -> None:
    answer = portal.person().client.get("/portal/usage?month=<script>")
    assert answer.status_code == 400
    assert "is not a month" in answer.text
