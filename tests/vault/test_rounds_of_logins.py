"""Rounds over made logins: what hangs, or cannot be noted, holds up nothing else."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from nbkeep.connections import change, parse
from nbkeep.model.actor import OPERATOR
from nbkeep.store.login_tables import DatabaseLoginRow
from nbkeep.vault import leases
from nbkeep.vault.change import source_of
from nbkeep.vault.logins import settle
from nbkeep.vault.sources.hashicorp import Unanswered
from office_parts import office

if TYPE_CHECKING:
    from office_parts import OfficeForTests

__all__ = ["office"]
HUNG = "hung/creds/readonly"


@dataclass
class HangsAtOneMount:
    """An engine whose mount `hung` answers nothing, as long as `others` have not been asked."""

    others: int
    asked: list[str] = field(default_factory=list[str])
    are_done: threading.Event = field(default_factory=threading.Event)

    def revoke(self, vault_lease: str) -> None:
        self._ask(vault_lease)

    def renew(self, vault_lease: str) -> int:
        self._ask(vault_lease)
        return 3600

    def _ask(self, vault_lease: str) -> None:
        self.asked.append(vault_lease)
        if vault_lease.startswith(HUNG):
            assert self.are_done.wait(10), "the others waited for it"
            raise Unanswered("vault-away", "Vault cannot be asked: its answer is too slow.")
        if len([one for one in self.asked if not one.startswith(HUNG)]) == self.others:
            self.are_done.set()


def _put(office: OfficeForTests, paths: list[str], *, closing: bool) -> None:
    """Keep logins of these paths, due now."""
    one = parse.declared("warehouse", postgres="db.acme.local/sales", vault_role="readonly")
    made = (source_of(office.settings), parse.made_binding(one, "readonly"))
    jane = office.user()
    with office.store.write() as tx:
        change.add_connection(tx, office.clock, OPERATOR, one, made=made, grants=["user:jane"])
    session = office.ready(jane)
    now = office.clock.now()
    with office.store.write() as tx:
        ((lease, _),) = leases.leases_of(tx, office.row(session), now)
        for at, path in enumerate(paths):
            tx.add(DatabaseLoginRow(
                id=f"lgn_{at:03}", lease_id=lease.lease_id, number=at + 1, session_id=session, path=path,
                user_name=f"v-{at}", vault_lease=f"{path}/{at}", made_at=now, asked_at=now, lasts_s=3600,
                ends_at=now + timedelta(seconds=3600), is_renewable=True, renew_at=now,
                closing_at=now if closing else None, next_try_at=now if closing else None,
            ))  # fmt: skip


def _use(engine: HangsAtOneMount, monkeypatch: pytest.MonkeyPatch) -> None:
    def engine_of(_: object) -> HangsAtOneMount:
        return engine

    monkeypatch.setattr(settle, "engine_of", engine_of)


def _rows(office: OfficeForTests) -> list[DatabaseLoginRow]:
    with office.store.read() as tx:
        return tx.query(DatabaseLoginRow).order_by(DatabaseLoginRow.id).all()


def test_one_database_that_hangs_holds_up_no_other_revocation(
    office: OfficeForTests, monkeypatch: pytest.MonkeyPatch
) -> None:
    _put(office, [*[HUNG] * 8, *["database/creds/readonly"] * 3], closing=True)
    engine = HangsAtOneMount(others=3)
    _use(engine, monkeypatch)
    assert settle.revoke_new(office) == 3
    assert sum(one.startswith(HUNG) for one in engine.asked) == 1
    assert [one.tries for one in _rows(office)] == [1, *[0] * 7, 1, 1, 1]
    # From now on its path waits among those that fail: what else ends does not meet it.
    engine.asked.clear()
    assert settle.revoke_new(office) == 0
    assert engine.asked == []
    assert settle.revoke_again(office) == 0
    assert engine.asked == [f"{HUNG}/1"]


def test_one_database_that_hangs_holds_up_no_other_renewal(
    office: OfficeForTests, monkeypatch: pytest.MonkeyPatch
) -> None:
    _put(office, [*[HUNG] * 8, *["database/creds/readonly"] * 3], closing=False)
    engine = HangsAtOneMount(others=3)
    _use(engine, monkeypatch)
    settle.renew_due(office)
    assert sum(one.startswith(HUNG) for one in engine.asked) == 1
    assert [bool(one.problem) for one in _rows(office)] == [True, *[False] * 10]
    now = office.clock.now()
    assert all(one.renew_at and one.renew_at > now for one in _rows(office)[8:])


def test_what_cannot_be_noted_of_one_keeps_no_other_from_being_revoked(
    office: OfficeForTests, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    _put(office, ["database/creds/readonly"] * 3, closing=True)
    engine = HangsAtOneMount(others=3)
    _use(engine, monkeypatch)
    note = settle._record  # pyright: ignore[reportPrivateUsage]  nothing else fails for one of them alone

    def record(tx: object, clock: object, row: DatabaseLoginRow, problem: str = "") -> None:
        if row.id == "lgn_000":
            raise RuntimeError("the journal of this one cannot be written")
        note(tx, clock, row, problem)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(settle, "_record", record)
    assert settle.revoke_new(office) == 2
    assert [one.closed_at is None for one in _rows(office)] == [True, False, False]
    assert "lgn_000: it cannot be noted what became of it" in caplog.text
