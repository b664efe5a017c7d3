"""Somebody about whom there is an alarm, and an auditor, try to make it go away or never come."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from nbkeep.anomalies.raise_alarms import Watch
from nbkeep.model.actor import Role
from nbkeep.people.tokens import create_token
from office_parts import client_for, office
from usage_parts import NOON, spent

if TYPE_CHECKING:
    from nbkeep.model.actor import Actor
    from office_parts import OfficeForTests

__all__ = ["office"]
pytestmark = pytest.mark.attack


def token_of(office: OfficeForTests, who: Actor) -> str:
    with office.store.write() as tx:
        return create_token(tx, office.clock, who, name="t", scopes=sorted(who.scopes), valid_s=86400)[1]


def everything(office: OfficeForTests) -> list[tuple[object, ...]]:
    with office.store.read() as tx:
        return [tuple(row) for query in ("SELECT * FROM alarms", "SELECT * FROM alarm_rules")
                for row in tx.execute(text(query))]  # fmt: skip


@pytest.mark.parametrize("role", [Role.USER, Role.AUDITOR, Role.REVIEWER])
def test_nobody_but_an_admin_closes_or_changes_one(office: OfficeForTests, role: Role) -> None:
    office.clock.set(NOON)
    mallory = office.user("mallory", role)
    for day in range(1, 15):
        spent(office, mallory, day, 10)
    spent(office, mallory, 0, 1000)
    assert Watch("EUR").look(office.store, office.clock, "spend") == 1
    before = everything(office)
    alarm_id = str(before[0][0])
    with client_for(office.app(), token_of(office, mallory)) as client:
        for answer in (
            client.post(f"/api/v1/alarms/{alarm_id}/acknowledge", json={"note": "nothing"}),
            client.post("/api/v1/alarms/alm_00000000000000000000/acknowledge", json={"note": "nothing"}),
            client.patch("/api/v1/alarms/rules/spend", json={"enabled": False}),
            client.patch("/api/v1/alarms/rules/spend", json={"least": "99999"}),
        ):
            assert answer.status_code == 403
        may_read = 200 if role is Role.AUDITOR else 403
        for path in ("alarms", "alarms/rules", f"alarms/{alarm_id}", "dashboard"):
            assert client.get(f"/api/v1/{path}").status_code == may_read
        # "Not there" and "not yours" are one answer for who may see none.
        assert client.get("/api/v1/alarms/alm_00000000000000000000").status_code == (
            404 if may_read == 200 else 403
        )
    assert everything(office) == before


def test_a_wild_history_hides_less_than_thirty_times_the_usual(office: OfficeForTests) -> None:
    """Mallory spends a little and very much by turns for a month, so that nothing should be unusual any more."""
    office.clock.set(NOON)
    mallory = office.user("mallory")
    for day in range(1, 29):
        spent(office, mallory, day, (1, 300)[day % 2])
    spent(office, mallory, 0, 30 * 18)  # thirty times the middle between both
    assert Watch("EUR").look(office.store, office.clock, "spend") == 1
