"""An incident ends what a person shares; the inventory shows what is exposed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from incident_parts import closed, opened, person, shown
from nbkeep.inventory.look import things
from nbkeep.model.actor import OPERATOR, Role
from nbkeep.shares.records import list_shares
from nbkeep.store.tables import UserRow
from share_parts import share, with_anyone

if TYPE_CHECKING:
    from office_parts import OfficeForTests


def test_an_incident_ends_what_somebody_shares_for_good(office: OfficeForTests) -> None:
    jane, bob, ops = person(office), office.user("bob"), office.user("ops", Role.ADMIN)
    for one in (jane, bob):
        share(office, one, "everyone")
    incident_id = opened(office, ops, "user", "jane")
    closed(office, ops, incident_id, let_in=True)
    with office.store.read() as tx:
        (hers,) = list_shares(tx, office.clock.now(), jane, "mine").rows
        (his,) = list_shares(tx, office.clock.now(), bob, "mine").rows
    assert hers.revoke_reason == f"security incident {incident_id}"
    assert his.revoked_at is None
    assert shown(office, incident_id)["revoked"]["shares"] == 1


def test_the_inventory_has_what_others_may_see_and_whose_owner_has_left(office: OfficeForTests) -> None:
    jane, bob = office.user("jane"), office.user("bob")
    with_anyone(office)
    share(office, jane, "anyone", title="For anyone")
    share(office, jane, "anyone", title="Public", classification="public")
    share(office, bob, "user:jane", title="Of somebody who left")
    with office.store.write() as tx:
        tx.get_one(UserRow, bob.id).status = "disabled"
    found = things(office, OPERATOR, "shares")
    assert [(one.name, one.level, one.exposure) for one in found] == [
        ("Of somebody who left", "unowned", "user:jane"),
        ("For anyone", "attention", "anyone"),
        ("Public", "fine", "anyone"),
    ]
    office.clock.advance(8 * 86400)
    assert not things(office, OPERATOR, "shares")
