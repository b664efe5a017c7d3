"""What waits for the office outlives the gateway, and stays bounded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nbkeep.egress.spool import MAX_BATCH, Record, Spool
from nbkeep.model.errors import Unavailable

if TYPE_CHECKING:
    from pathlib import Path


def record(number: int, *, allowed: bool = True) -> Record:
    at = "2026-01-01T00:00:00+00:00"
    return Record(f"con_{number}", "ses_1", at, "pypi.org", 443, "connect", allowed=allowed, reason="a rule")


def drain(spool: Spool) -> list[str]:
    taken: list[str] = []
    while batch := spool.batch():
        assert len(batch) <= MAX_BATCH
        taken += [one["id"] for one in batch]
        spool.taken(batch)
    return taken


def test_records_wait_until_they_are_taken(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "records.jsonl")
    one = record(1)
    spool.opened(one)
    assert spool.batch() == []
    one.bytes_in = 7
    spool.ended(one)
    spool.ended(record(2, allowed=False))
    assert [(found["id"], found["bytes_in"]) for found in spool.batch()] == [("con_1", 7), ("con_2", 0)]
    assert len(spool.batch()) == 2, "not taken yet"
    assert drain(spool) == ["con_1", "con_2"]
    assert drain(Spool(tmp_path / "records.jsonl")) == []


def test_what_was_open_when_the_gateway_was_killed_is_told_by_the_next_one(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "records.jsonl")
    for number in range(3):
        spool.opened(record(number))
    spool.ended(record(1))
    with (tmp_path / "records.jsonl").open("a") as file:
        file.write('{"e": {"id": "con_')  # killed while it wrote
    found = Spool(tmp_path / "records.jsonl").batch()
    assert [one["id"] for one in found] == ["con_1", "con_0", "con_2"]
    assert [("is not known" in one["reason"]) for one in found] == [False, True, True]
    assert len(Spool(tmp_path / "records.jsonl")) == 3, "and by the one after that"


def test_what_does_not_fit_into_memory_comes_from_the_file(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "records.jsonl", in_memory=10)
    for number in range(35):
        spool.opened(record(number))
        spool.ended(record(number))
    assert len(spool) == 35
    assert sorted(drain(spool)) == sorted(f"con_{number}" for number in range(35))
    assert len(spool) == 0
    assert not spool.batch()


def test_what_cannot_be_on_record_does_not_happen(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "records.jsonl", file_bytes=3000)
    with pytest.raises(Unavailable) as caught:
        for number in range(100):
            spool.opened(record(number))
            spool.ended(record(number))
    assert caught.value.code == "records-full"
    assert (tmp_path / "records.jsonl").stat().st_size < 6000
    drain(spool)
    spool.opened(record(101))


def test_a_disk_that_takes_nothing_lets_nothing_happen(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "records.jsonl")
    (tmp_path / "records.jsonl").unlink()
    (tmp_path / "records.jsonl").mkdir()
    with pytest.raises(Unavailable):
        spool.opened(record(1))


def test_the_file_does_not_grow_with_what_was_taken(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "records.jsonl", file_bytes=160_000)
    for number in range(200):
        spool.opened(record(number))
        spool.ended(record(number))
        drain(spool)
    assert (tmp_path / "records.jsonl").stat().st_size < 20_000
