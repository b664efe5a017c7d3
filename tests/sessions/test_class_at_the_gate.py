"""What was read by one session of a person is not let out by another one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nbkeep.backends.interface import ChangedFile
from nbkeep.data.classified import Due, take_part
from nbkeep.model.gates import Decision, Found, Gate
from nbkeep.sessions.leaving import leaving_rules
from nbkeep.store.data_tables import DatasetReadRow
from nbkeep.store.guard_tables import GatePolicyRow
from nbkeep.store.tables import SessionRow

if TYPE_CHECKING:
    from office_parts import OfficeForTests


LEAVING = (Gate.DOWNLOAD, Gate.EXPORT, Gate.SHARE, Gate.PUBLISH)


def told(save: str, leaves: str) -> dict[str, str]:
    return {"save": save} | {gate.value: leaves for gate in LEAVING}


def decided(office: OfficeForTests, session_id: str) -> dict[str, Any]:
    with office.store.read() as tx:
        rules = leaving_rules(tx, tx.get_one(SessionRow, session_id))
    return {gate: one["nothing"]["decision"] for gate, one in rules.items()}


def test_a_file_that_another_session_wrote_is_downloaded_as_of_its_class(office: OfficeForTests) -> None:
    jane, john = office.user(), office.user("john")
    reader, plain = office.ready(jane, name="reader"), office.ready(jane, name="plain")
    johns = office.ready(john)
    now = office.clock.now()
    with office.store.write() as tx:
        for gate in (Gate.SAVE, *LEAVING):
            tx.add(GatePolicyRow(kind="class", subject="confidential", gate=gate.value,
                                 found=Found.NOTHING.value, decision=Decision.DENY.value, set_at=now,
                                 set_by="boss"))  # fmt: skip
    assert decided(office, plain) == told("allow", "allow")
    with office.store.write() as tx:
        tx.add(DatasetReadRow(session_id=reader, dataset_id="dat_1", dataset="x",
                              classification="confidential", first_at=now))  # fmt: skip
    assert decided(office, reader) == told("deny", "deny")
    assert decided(office, plain) == told("allow", "deny"), "it may have written already"
    office.change(reader, state="stopped", ended_at=now)
    assert decided(office, plain)["download"] == "deny", "nobody has looked yet what it has written"

    def walked(*files: ChangedFile) -> None:
        due = Due(reader, jane.id, "jane", True, 1, "", ((now, "confidential"),))
        with office.store.write() as tx:
            take_part(tx, office.clock, due, files, "")

    walked(ChangedFile("a.csv", "key", 10, now.isoformat(), ""))
    assert decided(office, plain)["download"] == "deny", "it is on record"
    office.clock.advance(10)
    walked()
    assert decided(office, plain)["download"] == "allow", "it is gone"
    assert decided(office, johns) == told("allow", "allow")
