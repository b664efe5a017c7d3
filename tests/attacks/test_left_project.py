"""Attack: go on with a project's secret or connection after one has left it, lost one's account, or it is gone."""

from __future__ import annotations

import pytest

from gateway_parts import make_gateway
from nbkeep.model.actor import OPERATOR
from nbkeep.people.users import change_user
from nbkeep.sessions.stop import stop_session
from nbkeep.vault.leases import list_leases
from office_parts import OfficeForTests, office
from project_parts import declare, keep, leave, make, remove, told

__all__ = ["office"]
pytestmark = pytest.mark.attack


def _leave(office: OfficeForTests) -> None:
    leave(office, OPERATOR, "mallory")


def _remove(office: OfficeForTests) -> None:
    remove(office, take_grants=True)


def _disable(office: OfficeForTests) -> None:
    with office.store.write() as tx:
        change_user(tx, office.clock, OPERATOR, "mallory", status="disabled")


@pytest.mark.parametrize("end", [_leave, _remove, _disable])
def test_no_value_and_no_connection_is_had_by_a_lease_from_before(
    office: OfficeForTests, end: object
) -> None:
    mallory = office.user("mallory")
    make(office, "orion", "mallory")
    keep(office, "openai", "project:orion")
    declare(office, "project:orion")
    session = office.ready(mallory)
    gateway = make_gateway(office)
    with office.store.read() as tx:
        ((lease, *_),) = list_leases(tx, OPERATOR)
    wanted = {"session_id": session}
    had = gateway.client.post(f"/internal/v1/gateway/leases/{lease.id}", json=wanted)
    assert had.json()["value"] == "sk-of-a-project"
    assert told(office, session) == {"openai", "queue"}
    assert callable(end)
    end(office)
    assert told(office, session) == set()
    kept = gateway.client.post(f"/internal/v1/gateway/leases/{lease.id}", json=wanted)
    assert kept.status_code >= 400
    assert "sk-of-a-project" not in kept.text
    with office.store.read() as tx:
        assert list_leases(tx, OPERATOR) == []


def test_a_session_that_starts_after_leaving_has_nothing_of_it(office: OfficeForTests) -> None:
    mallory = office.user("mallory")
    make(office, "orion", "mallory")
    keep(office, "openai", "project:orion")
    declare(office, "project:orion")
    before = office.ready(mallory)
    stop_session(office, mallory, before)
    leave(office, OPERATOR, "mallory")
    assert told(office, office.ready(mallory, name="again")) == set()
    assert told(office, before) == set()
