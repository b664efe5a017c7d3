"""Somebody hands an auditor a false export, on another machine, with every hash computed anew: it is named.

The auditor has the file and the public key. The attacker has whatever the office ever signed, and writes files.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from nbkeep.audit import events, journal
from nbkeep.audit.canonical import canonical
from nbkeep.audit.checkpoints import make_checkpoint
from nbkeep.audit.export import export
from nbkeep.audit.search import Wanted
from nbkeep.audit.signing import Keys, PublicKey, read_public
from nbkeep.audit.verify import Report, verify_journal, verify_lines
from nbkeep.keyplace import KeyPlace
from nbkeep.model.actor import OPERATOR
from nbkeep.model.clock import ManualClock
from nbkeep.model.errors import Refused
from nbkeep.store.database import Store

pytestmark = pytest.mark.attack


class World:
    """A journal of six records, the third of which was signed, then an export."""

    def __init__(self, store: Store, clock: ManualClock, folder: Path) -> None:
        self.store, self.clock = store, clock
        self.keys = keys_at(folder / "audit-key")
        self.fill(3)
        make_checkpoint(store, clock, self.keys)
        self.fill(3)
        # As it comes from the file that `nbkeep audit key` wrote.
        self.public = read_public("".join(one.pem for one in self.keys.public()).encode())
        self.lines = self.export()

    def fill(self, count: int) -> None:
        for number in range(count):
            with self.store.write() as tx:
                journal.append(tx, self.clock, OPERATOR, events.FlavorDeleted(flavor=f"f{number}"))

    def export(self, keys: Keys | None = None) -> list[str]:
        return list(export(self.store, self.clock, OPERATOR, keys=keys or self.keys))

    def verdict(self, lines: list[str]) -> Report:
        return verify_lines(lines, keys=self.public)

    def tamper(self, statement: str, **values: object) -> None:
        with self.store.write() as tx:
            tx.execute(text("DROP TRIGGER IF EXISTS audit_journal_no_update"))
            tx.execute(text("DROP TRIGGER IF EXISTS audit_journal_no_delete"))
            tx.execute(text(statement), values)


def keys_at(path: Path) -> Keys:
    return Keys(KeyPlace(path, "audit-key", "The key", "Put it back."), may_make=True)


@pytest.fixture
def world(sqlite_store: Store, clock: ManualClock, tmp_path: Path) -> World:
    return World(sqlite_store, clock, tmp_path)


def kind(line: str) -> str:
    return next(one for one in ("export", "checkpoint", "head", "record") if one in json.loads(line))


def forge(record: dict[str, Any]) -> None:
    record["data"]["x"] = "forged"


def rechained(lines: list[str], change: Callable[[dict[str, Any]], None], after: int = 0) -> list[str]:
    """Return the lines with records after a number changed, and every hash computed anew."""
    made: list[str] = []
    hash_ = ""
    for line in lines:
        value = json.loads(line)
        if "export" in value:
            hash_ = value["export"]["after_hash"]
        elif "record" in value:
            if value["record"]["seq"] > after:
                change(value["record"])
            hash_ = value["hash"] = journal.link(hash_, canonical(value["record"]))
        elif "head" in value:
            value["head"]["hash"] = hash_
        made.append(json.dumps(value))
    return made


def test_a_true_export_is_intact_and_says_when_it_was_signed(world: World) -> None:
    report = world.verdict(world.lines)
    assert report.ok, report.problem
    assert (report.count, report.signed_at) == (7, world.clock.now().isoformat())
    assert [kind(line) for line in world.lines].count("checkpoint") == 2


def test_a_piece_of_the_journal_is_signed_too(world: World) -> None:
    world.clock.advance(60)
    since = world.clock.now()
    world.fill(2)
    piece = list(export(world.store, world.clock, OPERATOR, Wanted(since=since), keys=world.keys))
    assert world.verdict(piece).ok
    records = [line for line in piece if kind(line) == "record"]
    assert not world.verdict([line for line in piece if line != records[0]]).ok


def test_truncated(world: World) -> None:
    report = world.verdict(world.lines[:-3])
    assert not report.ok
    assert "truncated" in report.problem


def test_truncated_at_a_checkpoint_with_a_head_of_the_attackers(world: World) -> None:
    until = next(number for number, line in enumerate(world.lines) if kind(line) == "checkpoint")
    signed = json.loads(world.lines[until])["checkpoint"]
    short = [*world.lines[: until + 1], json.dumps({"head": signed})]
    assert verify_lines(short).ok  # the chain alone does not tell
    assert "export as a whole" in world.verdict(short).problem


def test_the_first_records_left_out(world: World) -> None:
    first, second = json.loads(world.lines[1]), world.lines[2:]
    start = json.loads(world.lines[0])
    start["export"] |= {"after_seq": 1, "after_hash": first["hash"]}
    late = [json.dumps(start), *second]
    assert verify_lines(late).ok
    assert "edited" in world.verdict(late).problem


def test_two_records_swapped(world: World) -> None:
    lines = world.lines[:]
    lines[1], lines[2] = lines[2], lines[1]
    assert "out of order" in world.verdict(lines).problem


def test_a_checkpoint_moved(world: World) -> None:
    lines = world.lines[:]
    at = next(number for number, line in enumerate(lines) if kind(line) == "checkpoint")
    lines.insert(at + 1, lines.pop(at - 1))
    assert "reordered" in world.verdict(lines).problem or "out of order" in world.verdict(lines).problem
    lines = world.lines[:]
    lines.insert(2, lines[at])
    assert "reordered" in world.verdict(lines).problem


def test_edited(world: World) -> None:
    lines = [line.replace('"f1"', '"fx"') for line in world.lines]
    assert "changed" in world.verdict(lines).problem


def test_edited_and_computed_anew_is_a_fork_of_what_was_signed(world: World) -> None:
    forged = rechained(world.lines, forge)
    assert "forked" in world.verdict(forged).problem
    assert "forked" in verify_lines(forged).problem  # even without the key


def test_forked_after_the_checkpoint(world: World) -> None:
    forged = rechained(world.lines, forge, after=3)
    late = next(number for number, line in enumerate(forged) if kind(line) == "head") - 1
    assert kind(forged[late]) == "checkpoint"
    del forged[late]
    assert verify_lines(forged).ok
    assert "export as a whole" in world.verdict(forged).problem


def test_without_any_signature(world: World) -> None:
    bare = [line for line in world.lines if kind(line) != "checkpoint"]
    head = json.loads(bare[-1])["head"]
    bare[-1] = json.dumps({"head": {"seq": head["seq"], "hash": head["hash"]}})
    assert verify_lines(bare).ok
    assert "is missing" in world.verdict(bare).problem


def test_signed_with_the_attackers_own_key(world: World, tmp_path: Path) -> None:
    theirs = keys_at(tmp_path / "theirs")
    assert "another key" in world.verdict(world.export(theirs)).problem
    # … with the id of ours on it
    lines = [line.replace(theirs.public()[0].id, world.public[0].id) for line in world.export(theirs)]
    assert "edited" in world.verdict(lines).problem


def test_the_wrong_key_given(world: World, tmp_path: Path) -> None:
    wrong: list[PublicKey] = keys_at(tmp_path / "other").public()
    assert "wrong key" in verify_lines(world.lines, keys=wrong).problem


@pytest.mark.parametrize("junk", ['"x"', "null", "3", "[]", "1e999", '"' + "A" * 88 + '"', '"\\ud800"'])
def test_signatures_that_are_none(world: World, junk: str) -> None:
    head = json.loads(world.lines[-1])["head"]
    head["signature"] = "JUNK"
    lines = [*world.lines[:-1], json.dumps({"head": head}).replace('"JUNK"', junk)]
    assert not world.verdict(lines).ok


def test_a_database_computed_anew_is_not_signed(world: World) -> None:
    """The attacker owns the database: the office gives what is there, and vouches for none of it."""
    rows = [json.loads(line) for line in rechained(world.lines, forge) if kind(line) == "record"]
    for row in rows:
        world.tamper("UPDATE audit_journal SET record = :record, hash = :hash WHERE seq = :seq",
                     record=canonical(row["record"]), hash=row["hash"], seq=row["record"]["seq"])  # fmt: skip
    world.tamper("UPDATE audit_head SET hash = :hash", hash=rows[-1]["hash"])
    report = verify_journal(world.store, OPERATOR, keys=world.public)
    assert (report.ok, report.bad_seq) == (False, 3)
    assert "forked" in report.problem
    for seq in (None, 2, 3, 5, 7):
        with pytest.raises(Refused, match=r"was signed|does not continue"):
            make_checkpoint(world.store, world.clock, world.keys, seq)
    assert not world.verdict(world.export()).ok


def test_a_database_cut_off_is_not_signed(world: World) -> None:
    world.tamper("DELETE FROM audit_journal WHERE seq > 2")
    world.tamper("UPDATE audit_head SET seq = 2, hash = (SELECT hash FROM audit_journal WHERE seq = 2)")
    assert "truncated" in verify_journal(world.store, OPERATOR, keys=world.public).problem
    with pytest.raises(Refused, match="was signed already"):
        make_checkpoint(world.store, world.clock, world.keys)


def test_the_key_is_for_its_owner_alone(world: World, tmp_path: Path) -> None:
    assert (tmp_path / "audit-key").stat().st_mode & 0o777 == 0o600
    secret = (tmp_path / "audit-key").read_text().strip()
    assert secret not in "".join(world.lines) + world.public[0].pem
    (tmp_path / "audit-key").chmod(0o644)
    with pytest.raises(Refused, match="0600"):
        make_checkpoint(world.store, world.clock, world.keys)
