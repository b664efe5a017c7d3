"""An incident about somebody ends what was to leave, whatever state it is in, and nothing of others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from incident_parts import closed, opened, shown
from nbkeep.model.actor import OPERATOR, Role
from nbkeep.model.errors import Refused
from nbkeep.people.users import change_user
from nbkeep.releases.take import take_document
from release_parts import CLEAN, LEAKY, ask, asked, documents, events_of, row, run, told

if TYPE_CHECKING:
    from nbkeep.incidents.values import Kind
    from office_parts import OfficeForTests


@pytest.mark.parametrize("kind", ["user", "session"])
def test_what_was_to_leave_does_not_leave_after_an_incident(any_office: OfficeForTests, kind: Kind) -> None:
    office = any_office
    jane, bob, rita = office.user("jane"), office.user("bob"), office.user("rita", Role.REVIEWER)
    session = office.ready(jane)
    taken = asked(office, jane, CLEAN, reason="taken before")
    take_document(office.store, office.clock, documents(office), jane, taken)
    waiting, ready = asked(office, jane, LEAKY), asked(office, jane, CLEAN, path="b.ipynb")
    copying, his = ask(office, jane, CLEAN, path="c.ipynb"), asked(office, bob, LEAKY)
    about = "jane" if kind == "user" else session
    incident_id = opened(office, OPERATOR, kind, about)
    run(office)
    for release_id in (waiting, ready, copying):
        assert row(office, release_id).state == "withdrawn"
        assert events_of(office, release_id)[-1][0] == "release.withdrawn"
    assert (row(office, taken).state, row(office, his).state) == ("released", "waiting")
    assert shown(office, incident_id)["revoked"]["releases"] == 3
    assert not any("jane wants to" in one for one in told(office, rita))
    assert any("3 releases" in one for one in closed(office, OPERATOR, incident_id, let_in=True))
    with office.store.write() as tx:
        change_user(tx, office.clock, OPERATOR, "jane", status="active", reason="looked into")
    with pytest.raises(Refused) as refused:
        take_document(office.store, office.clock, documents(office), jane, ready)
    assert refused.value.code == "not-ready"
