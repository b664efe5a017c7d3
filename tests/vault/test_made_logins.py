"""Made logins in both databases: who asks at once, what fails half way, what was sealed by another key; and rules."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy.exc import OperationalError

from egress_parts import serving
from kv_server import KvServer
from login_parts import connected_to_stand_in, settle, stand_in, value_of
from nbkeep.connections import change, parse
from nbkeep.model.actor import OPERATOR
from nbkeep.model.errors import NbkeepError, Refused, Unavailable
from nbkeep.store.login_tables import DatabaseLoginRow
from nbkeep.vault import leases
from nbkeep.vault.change import check_role, source_of
from nbkeep.vault.logins import have, rules
from nbkeep.vault.logins.turns import Turns
from nbkeep.vault.master import add_key
from nbkeep.vault.place import needed_place
from nbkeep.vault.sources.hashicorp import hashicorp
from office_parts import any_office, client_for, office

if TYPE_CHECKING:
    from collections.abc import Generator

    from database_engine import Engine
    from office_parts import OfficeForTests

__all__ = ["any_office", "office"]
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def kv() -> Generator[KvServer]:
    hashicorp.cache_clear()
    with serving(KvServer()) as found:
        yield found


@pytest.fixture
def engine(kv: KvServer) -> Engine:
    return stand_in(None, kv)


def _leased(office: OfficeForTests) -> tuple[str, str]:
    """Declare a connection; return a session of Jane's and its lease."""
    jane = office.user()
    one = parse.declared("warehouse", postgres="db.acme.local/sales", vault_role="readonly")
    made = (source_of(office.settings), parse.made_binding(one, "readonly"))
    with office.store.write() as tx:
        change.add_connection(tx, office.clock, OPERATOR, one, made=made, grants=["user:jane"])
    session = office.ready(jane)
    with office.store.read() as tx:
        ((lease, _),) = leases.leases_of(tx, office.row(session), office.clock.now())
    return session, lease.lease_id


def _rows(office: OfficeForTests) -> list[DatabaseLoginRow]:
    with office.store.read() as tx:
        return tx.query(DatabaseLoginRow).order_by(DatabaseLoginRow.number).all()


def test_many_who_ask_at_once_get_one_login_and_it_ends_with_the_lease(
    any_office: OfficeForTests, kv: KvServer, engine: Engine
) -> None:
    there = connected_to_stand_in(any_office, kv)
    session, lease = _leased(there)
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(value_of, there, session, lease) for _ in range(8)]
        found = {one.result() for one in asked}
    assert len(found) == len(engine.users) == len(_rows(there)) == 1
    with there.store.write() as tx:
        leases.end_of_session(tx, there.clock, OPERATOR, session)
        leases.end_of_session(tx, there.clock, OPERATOR, session)
    (row,) = _rows(there)
    assert (row.close_reason, row.sealed, row.closed_at) == ("session-ended", None, None)
    assert (settle(there), settle(there)) == (1, 0)
    assert engine.users == []
    assert _rows(there)[0].closed_at is not None


def test_what_cannot_be_put_on_record_is_revoked_at_once(
    office: OfficeForTests, kv: KvServer, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = connected_to_stand_in(office, kv)
    session, lease = _leased(there)

    def full(*_: object) -> None:
        raise OperationalError("INSERT", None, OSError("database or disk is full"))

    monkeypatch.setattr(have, "_record", full)
    with pytest.raises(Exception, match=r"full|database"):
        value_of(there, session, lease)
    assert (engine.users, len(engine.revoked), _rows(there)) == ([], 1, [])
    monkeypatch.undo()
    assert value_of(there, session, lease)[0] == 1


def test_a_lease_that_ends_while_the_vault_is_asked_gets_nothing(
    office: OfficeForTests, kv: KvServer, engine: Engine
) -> None:
    there = connected_to_stand_in(office, kv)
    session, lease = _leased(there)

    def ended(answer: object) -> object:
        with there.store.write() as tx:
            leases.end_of_session(tx, there.clock, OPERATOR, session)
        return answer

    engine.instead = ended
    with pytest.raises(Refused) as refusal:
        value_of(there, session, lease)
    assert refusal.value.code == "no-lease"
    assert [(one.close_reason, one.sealed) for one in _rows(there)] == [("lease-ended", None)]
    assert (settle(there), engine.users) == (1, [])


def test_what_was_made_for_a_lease_that_has_ended_is_revoked_until_it_is(
    office: OfficeForTests, kv: KvServer, engine: Engine
) -> None:
    """Also where the Vault cannot revoke it at that moment: it is on record."""
    there = connected_to_stand_in(office, kv)
    session, lease = _leased(there)

    def ended(answer: object) -> object:
        with there.store.write() as tx:
            leases.end_of_session(tx, there.clock, OPERATOR, session)
        engine.is_stuck = True
        return answer

    engine.instead = ended
    with pytest.raises(Refused, match="no live lease"):
        value_of(there, session, lease)
    assert (settle(there), len(engine.users)) == (0, 1)
    engine.is_stuck = False
    there.clock.advance(3)
    assert (settle(there), engine.users) == (1, [])


def test_what_is_left_after_a_trial_is_told_to_the_admin(
    office: OfficeForTests, kv: KvServer, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    there = connected_to_stand_in(office, kv)
    engine.is_stuck = True
    with pytest.raises(
        Refused, match=r"made at database/creds/readonly .* is left there until .* \(3600 s\)"
    ):
        check_role(there.settings, OPERATOR, "vault:database/creds/readonly")
    assert "database/creds/readonly is not revoked" in caplog.text
    (lease,) = engine.leases
    assert lease not in caplog.text


@pytest.mark.parametrize("said", [b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{", None])
def test_while_one_may_be_there_that_nobody_knows_no_other_is_made(
    office: OfficeForTests, kv: KvServer, engine: Engine, said: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    """The Vault made one, and its answer was lost, or names no lease."""
    there = connected_to_stand_in(office, kv)
    session, lease = _leased(there)
    if said is None:
        engine.instead = lambda answer: answer | {"lease_id": ""}
    else:
        kv.raw = lambda path: said if "creds" in path else None
    for _ in range(3):
        with pytest.raises(NbkeepError):
            value_of(there, session, lease)
    assert kv.asked.count("database/creds/readonly") == 1
    assert "may have been made at database/creds/readonly" in caplog.text
    kv.raw = engine.instead = None
    hashicorp.cache_clear()  # which waits for a moment, too
    there.clock.advance(31)
    there.beat(session)
    assert value_of(there, session, lease)[0] == 1


@pytest.mark.parametrize("other_lease", [False, True])
def test_two_sessions_never_share_one_role(
    office: OfficeForTests, kv: KvServer, engine: Engine, *, other_lease: bool
) -> None:
    """A cache before the Vault answers equal requests alike; nor are they equal."""
    there = connected_to_stand_in(office, kv)
    session, lease = _leased(there)
    first: list[dict[str, object]] = []

    def cached(answer: dict[str, object]) -> object:
        first.append(answer)
        return first[0] | ({"lease_id": answer["lease_id"]} if other_lease else {})

    engine.instead = cached
    value_of(there, session, lease)
    (jane,) = _rows(there)
    there.clock.advance(3590)  # its time is nearly over, and it is not renewed
    there.beat(session)
    with there.store.write() as tx:
        tx.get_one(DatabaseLoginRow, jane.id).is_renewable = False
    with pytest.raises(Refused, match="No role of the database"):
        value_of(there, session, lease)
    assert engine.revoked == []
    assert len(_rows(there)) == 1
    once = [one for one, path in zip(kv.once, kv.asked, strict=True) if "creds" in path]
    assert len(set(once)) == len(once) == 2
    assert "" not in once


def test_a_session_that_spoils_its_own_role_keeps_the_vault_and_the_writer_free(
    office: OfficeForTests, kv: KvServer, engine: Engine
) -> None:
    del engine
    there = connected_to_stand_in(office, kv)
    session, lease = _leased(there)
    for _ in range(5):
        value_of(there, session, lease)
    assert kv.asked.count("sys/leases/renew") == 0
    for _ in range(2):
        there.clock.advance(11)
        for _ in range(3):
            value_of(there, session, lease)
    assert kv.asked.count("sys/leases/renew") == 2


def test_what_vault_makes_takes_no_value(office: OfficeForTests, kv: KvServer, engine: Engine) -> None:
    """A password that somebody gives there would be thought to be in use."""
    del engine
    there = connected_to_stand_in(office, kv)
    session, lease = _leased(there)
    value_of(there, session, lease)
    operator = client_for(there.app(), there.settings.secret("operator-token"))
    refused = operator.post("/api/v1/secrets/warehouse-role/rotate", json={"value": "a-new-password"})
    assert (refused.status_code, "has no value" in refused.text) == (400, True)
    assert "a-new-password" not in refused.text
    assert _rows(there)[0].closing_at is None
    assert operator.post("/api/v1/secrets/warehouse-role/rotate", json={}).status_code == 200
    assert _rows(there)[0].closing_at is not None


def test_who_waits_for_the_same_lease_waits_for_a_moment_only() -> None:
    turns = Turns()
    with (
        turns.of("a", 0.01),
        turns.of("b", 0.01),
        pytest.raises(Unavailable, match="too slow"),
        turns.of("a", 0.01),
    ):
        pass
    with turns.of("a", 0.01):
        pass


def test_what_another_master_key_has_sealed_is_replaced(
    office: OfficeForTests, kv: KvServer, engine: Engine
) -> None:
    there = connected_to_stand_in(office, kv)
    session, lease = _leased(there)
    _, first = value_of(there, session, lease)
    add_key(there.settings)
    assert value_of(there, session, lease) == (1, first)
    with there.store.write() as tx:
        tx.query(DatabaseLoginRow).one().master_key_id = "0" * 16
    number, second = value_of(there, session, lease)
    assert number == 2
    assert json.loads(first) != json.loads(second)
    assert settle(there) == 1
    assert engine.users == [json.loads(second)["user"]]


def test_while_nothing_was_made_the_loop_asks_no_vault(
    office: OfficeForTests, kv: KvServer, engine: Engine
) -> None:
    del engine
    there = connected_to_stand_in(office, kv)
    _leased(there)
    assert settle(there) == 0
    assert kv.asked == []


def test_a_right_that_is_missing_does_not_cost_the_roles_that_there_are(
    office: OfficeForTests, kv: KvServer, engine: Engine
) -> None:
    """With nbkeep's token all that was made by it would end: a refusal is no reason for another token."""
    there = connected_to_stand_in(office, kv)
    session, lease = _leased(there)
    value_of(there, session, lease)
    with pytest.raises(Refused, match="does not let nbkeep read secret/data/others/x"):
        hashicorp(needed_place(there.settings)).ask("GET", "secret/data/others/x")
    value_of(there, session, lease)
    assert kv.asked.count("auth/approle/login") == 1
    assert len(engine.users) == 1


@pytest.mark.parametrize(
    ("left_s", "lasts_s", "fresh"),
    [(31, 3600, True), (30, 3600, False), (-5, 3600, False), (1, 6, True), (0.6, 6, False), (29, 240, True)],
)
def test_what_is_left_of_a_login_is_enough_or_not(left_s: float, lasts_s: int, *, fresh: bool) -> None:
    assert rules.is_fresh(NOW, NOW + timedelta(seconds=left_s), lasts_s) is fresh


def test_it_is_tried_again_soon_and_then_each_minute() -> None:
    waits = [(rules.try_again_at(NOW, tries) - NOW).total_seconds() for tries in (1, 2, 3, 4, 5, 6, 7, 1000)]
    assert waits == [2, 4, 8, 16, 32, 60, 60, 60]


def test_a_vault_that_always_gives_less_is_not_asked_for_ever() -> None:
    assert rules.is_whole(3600, 3600)
    assert rules.is_whole(3600, 3599)
    assert not rules.is_whole(3600, 1800)
