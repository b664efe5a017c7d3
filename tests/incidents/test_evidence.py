"""Evidence: whose records it holds, what is said of a journal that somebody changed, what a killed office leaves."""

from __future__ import annotations

import json
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from incident_parts import checked, opened, secret, shown, step, used
from nbkeep.audit.bundle import writing
from nbkeep.audit.signing import keys_of
from nbkeep.incidents import evidence
from nbkeep.incidents.evidence import path_of, preserve
from nbkeep.incidents.steps import advance
from nbkeep.incidents.verify import verify_evidence
from nbkeep.model.actor import OPERATOR, Role
from nbkeep.store.class_tables import ClassifiedFileRow, ClassWalkRow
from nbkeep.store.data_tables import DatasetReadRow
from usage_parts import called, sent

if TYPE_CHECKING:
    from pathlib import Path

    from nbkeep.model.actor import Actor
    from office_parts import OfficeForTests


def lines(office: OfficeForTests, incident_id: str, name: str) -> list[dict[str, Any]]:
    """Return what a file of an incident's evidence has, line by line."""
    with zipfile.ZipFile(path_of(office, incident_id)) as packed:
        return [json.loads(line) for line in packed.read(name).decode().split("\n") if line]


def worked(office: OfficeForTests, who: Actor, session_id: str) -> None:
    """Let a session have reached, called, read and used something."""
    sent(office, who, session_id, 1, 1000)
    called(office, who, session_id, 1, 100)
    used(office, session_id)
    with office.store.write() as tx:
        tx.add(DatasetReadRow(session_id=session_id, dataset_id=f"dat_{session_id[-8:]}", dataset="sales",
                              classification="internal", first_at=office.clock.now()))  # fmt: skip
        tx.add(ClassifiedFileRow(user_id=who.id, key=session_id, path="sales.csv", classification="internal",
                                 session_id=session_id, seen_at=office.clock.now()))  # fmt: skip
        tx.add(ClassWalkRow(session_id=session_id, user_id=who.id, classification="internal"))


def tampered(office: OfficeForTests, change: str, **values: object) -> None:
    """Let somebody with the database's own rights change its journal."""
    with office.store.write() as tx:
        tx.execute(text("DROP TRIGGER audit_journal_no_update"))
        tx.execute(text(f"UPDATE audit_journal SET {change}"), values)  # noqa: S608  the attack


def test_evidence_about_a_session_holds_what_all_sessions_of_its_user_did(office: OfficeForTests) -> None:
    """All of them are frozen with it; what somebody else did stays out."""
    root, jane, joe = office.user("root", Role.ADMIN), office.user(), office.user("joe")
    secret(office, root, "everyone")
    first, second = office.ready(jane), office.ready(jane, name="second")
    for who, session_id in ((jane, first), (jane, second), (joe, office.ready(joe))):
        worked(office, who, session_id)
    incident_id = opened(office, OPERATOR, "session", first)
    advance(office)
    assert checked(office, incident_id).ok
    for name in ("network.jsonl", "models.jsonl", "datasets.jsonl", "leases.jsonl", "classified.jsonl",
                 "class-walks.jsonl"):  # fmt: skip
        assert {one["session_id"] for one in lines(office, incident_id, name)} == {first, second}, name
    assert {one["id"] for one in lines(office, incident_id, "sessions.jsonl")} == {first, second}


@pytest.mark.parametrize(
    "record", ["replace(record, 'session.', 'nothing.')", "'no JSON' || char(10) || '{'"]
)
def test_evidence_of_a_journal_that_somebody_changed_is_intact_and_says_so(
    office: OfficeForTests, record: str
) -> None:
    office.ready(office.user())
    incident_id = opened(office, OPERATOR, "user", "jane")
    with office.store.read() as tx:
        seq = tx.execute(text("SELECT max(seq) FROM audit_journal WHERE session_id IS NOT NULL")).scalar_one()
    tampered(office, f"record = {record} WHERE seq = :seq", seq=seq)
    advance(office)
    report = checked(office, incident_id)
    assert report.ok, report.problem
    assert "changed by somebody before this was signed" in report.warning
    assert f"The record {seq} did not fit its hash when this was signed." in report.notes
    assert "changed by somebody" in step(office, incident_id, "preserve")["said"]
    assert "changed by somebody" in shown(office, incident_id)["evidence"]["warning"]


def test_a_change_of_what_was_signed_long_before_is_told_as_well(office: OfficeForTests) -> None:
    """A checkpoint looks at what is new since the last one."""
    office.ready(office.user())
    opened(office, OPERATOR, "secret", secret(office, OPERATOR).id)
    advance(office)  # which signs all of the above
    tampered(office, "record = replace(record, 'jane', 'john') WHERE session_id IS NOT NULL")
    incident_id = opened(office, OPERATOR, "user", "jane")
    advance(office)
    report = checked(office, incident_id)
    assert report.ok, report.problem
    assert report.warning


def test_evidence_of_a_whole_journal_warns_of_nothing(office: OfficeForTests) -> None:
    office.user()
    incident_id = opened(office, OPERATOR, "user", "jane")
    advance(office)
    report = checked(office, incident_id)
    assert (report.ok, report.warning, report.notes) == (True, "", ())


GOOD: dict[str, Any] = {"incident": "inc_1", "checkpoint": None, "notes": []}


@pytest.mark.parametrize(
    ("about", "journal"),
    [
        ({}, b""),
        (GOOD | {"checkpoint": {"seq": "x"}}, b""),
        (GOOD | {"checkpoint": 7}, b""),
        (GOOD | {"notes": 7}, b""),
        (GOOD, b"no JSON\n"),
        (GOOD, b"[]\n"),
        (GOOD, b"{}\n"),
        (GOOD, b'{"prev":1,"hash":2,"record":3}\n'),
        (GOOD, b'{"prev":"","hash":"","record":"x"}\n'),
        (GOOD, b"[" * 100_000 + b"\n"),
    ],
)
def test_what_is_no_evidence_although_it_was_signed_is_said_in_a_sentence(
    office: OfficeForTests, tmp_path: Path, about: dict[str, Any], journal: bytes
) -> None:
    file, keys = tmp_path / "odd.zip", keys_of(office.settings)
    with writing(file, kind="incident", keys=keys, at=office.clock.now()) as made:
        made.about = about
        made.add("journal.jsonl", [journal])
    report = verify_evidence(file, keys.public())
    assert not report.ok
    assert report.problem


def test_what_an_office_left_that_was_killed_while_it_wrote_is_cleared_away(office: OfficeForTests) -> None:
    office.user()
    incident_id = opened(office, OPERATOR, "user", "jane")
    folder = office.settings.incidents_dir
    folder.mkdir()
    others = {".inc_of_another.0a1b2c3d4e5f", "inc_of_another.zip"}
    for name in {f".{incident_id}.0a1b2c3d4e5f", f"..{incident_id}.0a1b2c3d4e5f.f5e4d3c2b1a0", *others}:
        (folder / name).write_text("half")
    advance(office)
    assert {one.name for one in folder.iterdir()} == others | {f"{incident_id}.zip"}
    (folder / f".{incident_id}.0a1b2c3d4e5f").write_text("half")
    preserve(office, incident_id, 0)  # also when it is written already
    assert {one.name for one in folder.iterdir()} == others | {f"{incident_id}.zip"}


def test_evidence_is_in_its_folder_on_the_disk_before_it_is_on_record(
    office: OfficeForTests, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.user()
    incident_id = opened(office, OPERATOR, "user", "jane")
    synced: list[tuple[str, bool]] = []

    def note(folder: Path) -> None:
        with office.store.read() as tx:
            is_on_record = tx.execute(text("SELECT evidence FROM incidents")).scalar_one() not in {
                None,
                "null",
            }
        synced.append((folder.name, is_on_record))
        assert path_of(office, incident_id).is_file()

    monkeypatch.setattr(evidence, "sync_folder", note)
    advance(office)
    assert synced == [(office.settings.incidents_dir.name, False)]
    assert checked(office, incident_id).ok


def test_evidence_that_is_gone_is_not_said_to_be_kept(office: OfficeForTests) -> None:
    office.user()
    incident_id = opened(office, OPERATOR, "user", "jane")
    advance(office)
    assert preserve(office, incident_id, 0).startswith("Kept: ")
    path_of(office, incident_id).unlink()
    said = preserve(office, incident_id, 0)
    assert "lies there no more" in said
    assert shown(office, incident_id)["evidence"]["sha256"] in said
