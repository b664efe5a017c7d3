"""A look at a document that fails says nothing about the document, and one beside holds up no save for long."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from session_server import eventually

from nbkeep.model.gates import Found
from nbkeep_runtime.server.examining import examiner as examining
from nbkeep_runtime.server.examining import reader as reading
from nbkeep_runtime.server.examining.examined import Examined, unexamined
from nbkeep_runtime.server.examining.examiner import Examiner
from nbkeep_runtime.server.examining.reader import Reader
from nbkeep_runtime.server.home import Home
from nbkeep_runtime.server.office import Office

if TYPE_CHECKING:
    from collections.abc import Iterator


class FailsFirst:
    """Ends without an answer the first time."""

    def __init__(self) -> None:
        self.looks = 0

    def examine(self, _file: int, _name: str, **_how: Any) -> Examined:
        self.looks += 1
        return unexamined("could not be examined", is_final=False) if self.looks == 1 else Examined()

    def close(self) -> None:
        pass


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    (tmp_path / "a.txt").write_text("a\n")
    (tmp_path / "b.txt").write_text("b\n")
    made = Home(tmp_path, "/home/user")
    yield made
    made.close()


def examiner_of(home: Home, reader: FailsFirst) -> Examiner:
    office = cast("Office", type("NoOffice", (), {"view": {}})())
    return Examiner(home, office, cast("Reader", reader))


def test_a_look_that_failed_is_told_and_not_remembered(home: Home) -> None:
    """A minute in which the machine was busy does not make a file unread until it is changed."""

    async def looks() -> list[str]:
        examiner = examiner_of(home, FailsFirst())
        told = [await examiner.told("a.txt", 20.0) for _ in range(2)]
        await examiner.stop()
        return [str(one["unread"]) for one in told]

    first, second = asyncio.run(looks())
    assert ("could not be examined" in first, second) == (True, "[]")


def test_no_more_documents_wait_than_may(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Attack: a page that asks about every file of a home. What has no place is looked at when there is one."""
    monkeypatch.setattr(examining, "_WAITING", 1)

    async def looks() -> tuple[int, list[str]]:
        reader = FailsFirst()
        reader.looks = 1
        examiner = examiner_of(home, reader)
        asked = [asyncio.create_task(examiner.told(name, 20.0)) for name in ("a.txt", "b.txt")]
        most = 0
        while not all(one.done() for one in asked):
            most = max(most, examiner.waiting)
            await asyncio.sleep(0)
        await examiner.stop()
        return most, [one.result()["state"] for one in asked]

    assert asyncio.run(looks()) == (1, ["examined", "examined"])


def test_a_look_that_nobody_waits_for_gives_way_to_a_save_and_is_done_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Attack: a dialog that has a document with pictures read for a minute, while its author saves."""
    monkeypatch.setattr(reading, "_PATIENCE_S", 0.1)
    document = tmp_path / "a.txt"
    document.write_text("a\n")
    reader = Reader(timeout_s=300)
    file = os.open(document, os.O_RDONLY)
    beside: list[Examined] = []
    try:
        assert reader.examine(file, "a.txt").found == {Found.NOTHING}
        assert reader.pid is not None
        os.kill(reader.pid, signal.SIGSTOP)
        look = threading.Thread(target=lambda: beside.append(reader.examine(file, "a.txt", is_urgent=False)))
        look.start()
        eventually(lambda: reader.is_busy)
        assert reader.examine(file, "a.txt").found == {Found.NOTHING}
        look.join(60)
        assert [one.found for one in beside] == [{Found.NOTHING}]
    finally:
        reader.close()
        os.close(file)


def test_rules_that_a_thaw_tells_of_are_fetched_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A session that goes on examines its next save by the rules of now, and not only after a heartbeat."""
    asked: list[str] = []

    async def call(_office: Office, _method: str, path: str, _body: object) -> dict[str, Any]:
        asked.append(path)
        return {"text": ""} if path == "session/rules" else {"own_rules": "0" * 64}

    monkeypatch.setattr(Office, "call", call)

    async def acts() -> None:
        for act in ("thaw", "extend", "freeze"):
            office = Office.__new__(Office)
            office.rules, office.view = examining.OwnRules(), None
            await (office.freeze({}) if act == "freeze" else getattr(office, act)())

    asyncio.run(acts())
    assert asked == [
        "session/thaw", "session/rules", "session/extend", "session/rules", "session/freeze", "session/rules",
    ]  # fmt: skip
