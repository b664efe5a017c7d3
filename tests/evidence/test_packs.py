"""Evidence packs: what they say of what is on record, and what becomes of them when something breaks."""

from __future__ import annotations

import errno
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

import nbkeep.evidence.packs as packs_module
from evidence_parts import NIST, ask, made, record, shown, some_records, work
from nbkeep.audit import events
from nbkeep.audit.signing import keys_of
from nbkeep.audit.verify import verify_journal
from nbkeep.evidence import packs
from nbkeep.evidence.check import check
from nbkeep.evidence.facts import FACTS
from nbkeep.evidence.frameworks import NAMES, framework
from nbkeep.evidence.rules import finding
from nbkeep.evidence.values import Control, Observation, Status
from nbkeep.model.actor import OPERATOR, Actor, Role
from nbkeep.model.errors import Refused, Unavailable
from nbkeep.store.evidence_tables import EvidenceRow
from office_parts import OfficeForTests, any_office, office
from portal_parts import HOSTILE

__all__ = ["any_office", "office"]


def said(path: Path) -> dict[str, Any]:
    with zipfile.ZipFile(path) as packed:
        return json.loads(packed.read("evidence.json"))


def fact(data: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in data["observations"] if one["id"] == name)


def control(data: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in data["findings"] if one["target-id"] == name)


def test_a_pack_counts_what_is_on_record_and_names_records(any_office: OfficeForTests) -> None:
    some_records(any_office)
    path = made(any_office)
    data = said(path)
    assert fact(data, "sign-ins")["number"] == 3
    assert fact(data, "sign-ins")["relevant-evidence"] == [1, 2, 3]
    assert control(data, "PR.AA-03")["status"] == "partly"
    assert "second factor" in control(data, "PR.AA-03")["description"]
    verdict = check(path, keys_of(any_office.settings).public())
    assert verdict.ok, verdict.problem
    assert verdict.checkpoints >= 1
    assert verdict.last_hash == journal_hash(any_office, verdict.last_seq)


def journal_hash(office: OfficeForTests, seq: int) -> str:
    with office.store.read() as tx:
        return str(tx.execute(text("SELECT hash FROM audit_journal WHERE seq = :s"), {"s": seq}).scalar_one())


def test_nothing_on_record_is_never_covered(office: OfficeForTests) -> None:
    """Of days before the platform there was nothing, and no control says otherwise by a fact of those days."""
    data = said(made(office, first="2025-12-01", last="2025-12-31"))
    of_the_days = [one for one in data["observations"] if "in these days" in one["description"]]
    assert of_the_days
    assert {one["status"] for one in of_the_days} == {"not covered"}
    assert "The journal has no record of these days." in data["limits"]
    assert data["counts"]["covered"] == 0
    for one in data["findings"]:
        facts = [fact(data, name)["status"] for name in one["related-observations"]]
        if not facts or set(facts) == {"not covered"}:
            assert one["status"] == "not covered"
            assert one["description"].startswith("Not covered")


def test_days_are_those_of_utc_to_the_microsecond(office: OfficeForTests) -> None:
    """Also on the day on which clocks change, and at the turn of a year, which is where leap seconds are."""
    office.clock.advance((31 + 28 + 27) * 86400 + 86400 - 0.000001)  # 2026-03-28T23:59:59.999999
    before = record(office, events.SignInSucceeded(user="before"))
    office.clock.advance(0.000001)
    first = record(office, events.SignInSucceeded(user="first"))
    office.clock.advance(86400 - 0.000001)
    last = record(office, events.SignInSucceeded(user="last"))
    office.clock.advance(0.000001)
    after = record(office, events.SignInSucceeded(user="after"))
    data = said(made(office, first="2026-03-29", last="2026-03-29"))  # 23 hours long in Berlin
    assert fact(data, "sign-ins")["relevant-evidence"] == [first, last]
    assert (before, after) == (first - 1, last + 1)
    assert (data["start"], data["end"]) == ("2026-03-29T00:00:00+00:00", "2026-03-30T00:00:00+00:00")


def test_days_that_are_not_over_are_said_to_be_so(office: OfficeForTests) -> None:
    some_records(office)
    data = said(made(office, last="2026-12-31"))
    assert any("not over" in one for one in data["limits"])
    assert data["end"] == office.clock.now().isoformat()


def approved(user: str) -> events.GrantApproved:
    return events.GrantApproved(
        grant_id="g", kind="host", subject="x.com", profile="p", granted_s=1, expires_at="", user=user
    )


def test_an_approval_of_ones_own_request_is_no_four_eyes(office: OfficeForTests) -> None:
    jane = Actor("usr_1", "jane", frozenset())
    record(office, approved("jane"), jane)
    assert fact(said(made(office)), "four-eyes")["status"] == "not covered"
    seq = record(office, approved("omar"), jane)
    assert fact(said(made(office)), "four-eyes")["relevant-evidence"] == [seq]


def test_examples_are_the_first_and_the_last_and_stay_few(office: OfficeForTests) -> None:
    seqs = [record(office, events.SignInSucceeded(user=f"u{number}")) for number in range(20)]
    found = fact(said(made(office)), "sign-ins")
    assert (found["number"], found["relevant-evidence"]) == (20, [*seqs[:3], *seqs[-2:]])


def test_a_huge_record_is_counted_and_not_shown(office: OfficeForTests) -> None:
    record(office, events.ExecutionStarted(execution_id="x", kernel_id="k", code="#" * 100_000))
    found = fact(said(made(office)), "executions")
    assert (found["number"], found["relevant-evidence"]) == (1, [])


def test_what_users_wrote_is_only_text_on_the_page(office: OfficeForTests) -> None:
    record(office, events.SignInSucceeded(user=HOSTILE))
    with office.store.write() as tx:
        row = packs.request(tx, office.clock, Actor("u", HOSTILE[:60], frozenset({"audit:read"})), name=NIST,
                            first="2026-01-01", last="2026-01-31")  # fmt: skip
    work(office)
    with zipfile.ZipFile(packs.path_of(office.settings, row.id)) as packed:
        page = packed.read("index.html").decode()
    assert "<img" not in page
    assert "<script" not in page
    assert "&lt;img src=x" in page
    assert not re.findall(r'(?:src|href)="(?!#)', page)  # nothing is loaded, nothing leads elsewhere
    assert "default-src &#39;none&#39;" in page or "default-src 'none'" in page


@pytest.mark.parametrize("name", NAMES)
def test_every_framework_makes_a_pack_that_has_all_of_its_controls(office: OfficeForTests, name: str) -> None:
    some_records(office)
    data = said(made(office, name))
    assert len(data["findings"]) == {"nist-csf-2.0": 106, "owasp-nhi": 10, "nist-800-207": 18}[name]
    assert len({one["target-id"] for one in data["findings"]}) == len(data["findings"])
    assert sum(data["counts"].values()) == len(data["findings"])
    assert all(one["description"] for one in data["findings"])


def test_every_fact_is_pointed_at_and_every_kind_of_record_exists() -> None:
    used = {fact for name in NAMES for one in framework(name).controls for fact in one.facts}
    assert used == set(FACTS)
    for one in FACTS.values():
        assert set(getattr(one, "types", ())) <= set(events.EVENTS), one.name


def seen(status: Status) -> dict[str, Observation]:
    return {
        "f": Observation("f", "F", "", 0, "", status),
        "g": Observation("g", "G", "", 1, "", Status.COVERED),
    }


@pytest.mark.parametrize(
    ("facts", "whole", "status", "result"),
    [
        ((), False, Status.COVERED, Status.NOT_COVERED),
        (("f",), True, Status.COVERED, Status.COVERED),
        (("f",), False, Status.COVERED, Status.PARTLY),
        (("f",), True, Status.PARTLY, Status.PARTLY),
        (("f",), True, Status.NOT_COVERED, Status.NOT_COVERED),
        (("f", "g"), True, Status.NOT_COVERED, Status.PARTLY),
        (("f", "g"), True, Status.PARTLY, Status.PARTLY),
        (("f", "g"), True, Status.COVERED, Status.COVERED),
    ],
)
def test_nothing_is_rounded_up(facts: tuple[str, ...], whole: bool, status: Status, result: Status) -> None:
    assert finding(Control("C", "G", "T", facts, whole, ""), seen(status)).status is result


@pytest.mark.parametrize(
    ("name", "first", "last", "words"),
    [
        ("iso-27001", "2026-01-01", "2026-01-01", "no framework"),
        ("../../etc/passwd", "2026-01-01", "2026-01-01", "no framework"),
        (NIST, "2026-01-02", "2026-01-01", "earlier day first"),
        (NIST, "2026-02-30", "2026-03-01", "no day"),
        (NIST, "", "2026-03-01", "no day"),
        (NIST, "2026-01-01T00:00", "2026-03-01", "no day"),
        (NIST, "20260101", "2026-03-01", "no day"),
        (NIST, "2027-01-01", "2027-03-01", "not there yet"),
        (NIST, "2020-01-01", "2026-01-01", "at most 800"),
    ],
)
def test_impossible_wishes_are_refused(
    office: OfficeForTests, name: str, first: str, last: str, words: str
) -> None:
    with pytest.raises(Refused, match=words) as refused:
        ask(office, name, first, last)
    assert refused.value.status == 400


def test_only_so_many_wait_at_once(office: OfficeForTests) -> None:
    for _ in range(packs.MOST_WAITING):
        ask(office)
    with pytest.raises(Refused, match="wait to be made") as refused:
        ask(office)
    assert refused.value.status == 429


def test_asking_building_and_taking_are_on_record(office: OfficeForTests) -> None:
    id_ = ask(office)
    work(office)
    packs.take(office.store, office.clock, office.settings, OPERATOR, id_)
    with office.store.read() as tx:
        kinds = list(
            tx.scalars(text("SELECT type FROM audit_journal WHERE type LIKE 'evidence%' ORDER BY seq"))
        )
        whole = tx.execute(
            text("SELECT record FROM audit_journal WHERE type = 'evidence.built'")
        ).scalar_one()
    assert kinds == ["evidence.requested", "evidence.built", "evidence.downloaded"]
    assert json.loads(whole)["data"]["sha256"] == shown(office, id_)["sha256"]
    assert json.loads(whole)["data"]["asked_by"] == "operator"


def test_an_office_that_was_killed_is_followed_by_one_that_finishes(office: OfficeForTests) -> None:
    id_ = ask(office)
    with office.store.write() as tx:
        row = tx.get_one(EvidenceRow, id_)
        row.state, row.builder, row.tries = "building", "an office that is no more", 1
    left = packs.path_of(office.settings, id_).with_name(f".{id_}.zip.0123456789ab")
    left.parent.mkdir()
    left.write_bytes(b"half of a pack")
    work(office)
    assert shown(office, id_)["state"] == "ready"
    assert not left.exists()


def test_a_pack_that_kills_the_office_again_and_again_is_given_up(office: OfficeForTests) -> None:
    id_ = ask(office)
    with office.store.write() as tx:
        row = tx.get_one(EvidenceRow, id_)
        row.state, row.builder, row.tries = "building", "an office that is no more", 3
    work(office)
    seen = shown(office, id_)
    assert seen["state"] == "failed"
    assert "the office ended each time" in seen["problem"]
    with pytest.raises(Refused, match="was not made"):
        packs.take(office.store, office.clock, office.settings, OPERATOR, id_)


def test_a_broken_journal_makes_no_pack_and_the_next_one_is_tried(office: OfficeForTests) -> None:
    some_records(office)
    with office.store.write() as tx:
        tx.execute(text("DROP TRIGGER audit_journal_no_update"))
        tx.execute(text("UPDATE audit_journal SET record = replace(record, 'omar', 'ivan') WHERE seq = 2"))
    broken, early = ask(office), ask(office, first="2025-01-01", last="2025-01-31")
    work(office)
    assert shown(office, broken)["state"] == "failed"
    assert "record 2 was changed" in shown(office, broken)["problem"]
    assert shown(office, early)["state"] == "ready"  # days without records are no claim about any


def test_a_full_disk_fails_the_pack_and_says_so(
    office: OfficeForTests, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_args: object, **_named: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(packs_module, "build", full)
    id_ = ask(office)
    work(office)
    seen = shown(office, id_)
    assert (seen["state"], "No space left" in seen["problem"]) == ("failed", True)


def test_a_bug_fails_the_pack_without_its_words(
    office: OfficeForTests, monkeypatch: pytest.MonkeyPatch
) -> None:
    def bug(*_args: object, **_named: object) -> None:
        raise ZeroDivisionError("a secret detail")

    monkeypatch.setattr(packs_module, "build", bug)
    id_ = ask(office)
    work(office)
    assert shown(office, id_)["state"] == "failed"
    assert "secret detail" not in shown(office, id_)["problem"]


def test_a_file_that_is_gone_is_said_to_be(office: OfficeForTests) -> None:
    id_ = ask(office)
    with pytest.raises(Refused, match="still being made"):
        packs.take(office.store, office.clock, office.settings, OPERATOR, id_)
    work(office)
    packs.path_of(office.settings, id_).unlink()
    with pytest.raises(Unavailable, match="no longer on the host"):
        packs.take(office.store, office.clock, office.settings, OPERATOR, id_)


def test_a_pack_is_for_its_owner_alone_on_the_disk(office: OfficeForTests) -> None:
    path = made(office)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_what_retention_deleted_is_not_made_up_for(office: OfficeForTests) -> None:
    jane = office.user("jane", Role.USER)
    session = office.ready(jane)
    with office.store.write() as tx:
        tx.execute(
            text(
                "INSERT INTO connections (id, session_id, user_id, at, host, port, address, protocol, method, allowed,"
                " would_block, rule_id, rule_source, reason, bytes_out, bytes_in, duration_s) VALUES ('c', :s, :u, :at,"
                " 'x.com', 443, '', 'connect', '', 1, 0, '', '', '', 0, 0, 0)"
            ),
            {"s": session, "u": jane.id, "at": "2026-01-01 12:00:00.000000"},
        )
    office.clock.advance(91 * 86400)
    found = fact(said(made(office, last="2026-01-31")), "network-log")
    assert found["status"] == "partly"
    assert "are deleted" in found["description"]


def test_the_journal_is_intact_after_all_of_this(office: OfficeForTests) -> None:
    some_records(office)
    made(office)
    office.clock.advance(86400)
    made(office)
    assert verify_journal(office.store, OPERATOR, keys=keys_of(office.settings).public()).ok


def test_every_fact_is_in_the_reference() -> None:
    page = (Path(__file__).parents[2] / "docs/reference/evidence.md").read_text()
    for one in FACTS.values():
        line = f"| `{one.name}` | {one.title} | {one.basis} |"
        assert line in page, f"{one.name}: add to docs/reference/evidence.md: {line}"
