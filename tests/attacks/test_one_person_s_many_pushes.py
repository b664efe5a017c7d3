"""Attack: keep everybody from pushing by many pushes of one's own, and use approvals up by going away."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

import pytest
from starlette.requests import Request

from guard_parts import say
from nbkeep.doors.internal import pushes as door
from nbkeep.model.actor import Role
from nbkeep.model.errors import Unavailable
from nbkeep.pushes.decide import approve_push
from nbkeep.pushes.pktline import line
from nbkeep.pushes.turns import Turns
from nbkeep.pushes.values import Examined
from nbkeep.rendering.interface import Made
from nbkeep.scanning.values import Finding, Place
from nbkeep.store.push_tables import PushRow
from office_parts import office

if TYPE_CHECKING:
    from nbkeep.app import Office
    from office_parts import OfficeForTests

__all__ = ["office"]
_TEXT = b"0" * 40 + b" " + b"a" * 40 + b" refs/heads/x\0report-status"
PUSH = line(_TEXT) + b"0000PACK"


class _People:
    """People who push; `order`: as their turns came."""

    def __init__(self, turns: Turns) -> None:
        self.turns, self.order = turns, list[str]()
        self.at_once = self.most = 0

    async def push(self, who: str) -> None:
        async with self.turns.of(who):
            self.order.append(who)
            self.at_once += 1
            self.most = max(self.most, self.at_once)
            for _ in range(5):
                await asyncio.sleep(0)
            self.at_once -= 1


def test_people_take_turns_however_often_one_of_them_asks() -> None:
    async def all_of_them() -> _People:
        people = _People(Turns(at_once=2, most_of_one=10, most=100))
        await asyncio.gather(*map(people.push, ["mallory"] * 8 + ["jane", "joe", "jane"]))
        return people

    people = asyncio.run(all_of_them())
    assert people.order[:5] == ["mallory", "jane", "joe", "mallory", "jane"]
    assert people.order[5:] == ["mallory"] * 6
    assert people.most == 2


def test_of_one_person_one_push_is_examined_at_once() -> None:
    async def all_of_them() -> int:
        people = _People(Turns(at_once=2, most_of_one=10, most=100))
        await asyncio.gather(*map(people.push, ["mallory"] * 8))
        return people.most

    assert asyncio.run(all_of_them()) == 1


def test_who_has_gone_while_they_waited_keeps_nobody_from_their_turn() -> None:
    async def all_of_them() -> list[str]:
        people = _People(Turns(at_once=1, most_of_one=2, most=100))
        first = asyncio.create_task(people.push("jane"))
        await asyncio.sleep(0)
        gone = [asyncio.create_task(people.push("mallory")) for _ in range(2)]
        await asyncio.sleep(0)
        for one in gone:
            one.cancel()
        await asyncio.gather(*gone, return_exceptions=True)
        await asyncio.gather(first, people.push("mallory"), people.push("joe"))
        return people.order

    assert asyncio.run(all_of_them()) == ["jane", "mallory", "joe"]


@pytest.mark.parametrize(("most_of_one", "most", "who"), [(2, 100, "jane"), (100, 2, "joe")])
def test_beyond_a_few_nobody_waits(most_of_one: int, most: int, who: str) -> None:
    async def all_of_them() -> None:
        people = _People(Turns(at_once=1, most_of_one=most_of_one, most=most))
        waiting = [asyncio.create_task(people.push("jane")) for _ in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(Unavailable, match="Too many pushes wait"):
            await people.push(who)
        await asyncio.gather(*waiting)

    asyncio.run(all_of_them())


class _Gateway:
    """One request of the gateway's; `is_gone`: it has closed its connection by now."""

    def __init__(self, *, is_gone: bool) -> None:
        self._messages: list[dict[str, Any]] = [{"type": "http.request", "body": PUSH, "more_body": False}]
        self._is_gone = is_gone

    async def receive(self) -> dict[str, Any]:
        if self._messages:
            return self._messages.pop()
        if not self._is_gone:
            await asyncio.Event().wait()
        return {"type": "http.disconnect"}


def pushed(office: OfficeForTests, session_id: str, *, is_gone: bool = False) -> dict[str, Any]:
    gateway = _Gateway(is_gone=is_gone)
    request = Request({"type": "http", "method": "POST", "headers": []}, gateway.receive)
    return asyncio.run(
        door.take(request, cast("Office", office), session_id, "https://forge.acme.local/risk.git")
    )


def test_an_approval_is_not_used_up_by_a_gateway_that_has_gone(
    office: OfficeForTests, monkeypatch: pytest.MonkeyPatch
) -> None:
    finding = Finding("a.py", Place(), 1, 1, "aws-access-key-id", "secret", "AWS key", "critical", "AKIA…PD")

    def examine(*_: object, **__: object) -> Examined:
        return Examined(
            Made(findings=[finding]), "e" * 64, ["https://forge.acme.local/risk.git", "x"], 0, 1, 1
        )

    monkeypatch.setattr(door, "examine_push", examine)
    say(office, "everywhere", "push", secret="review", personal="review", unread="review")
    session_id, rita = office.ready(office.user("jane")), office.user("rita", Role.REVIEWER)
    assert pushed(office, session_id, is_gone=True) == {}
    push_id = pushed(office, session_id)["push_id"]
    with office.store.write() as tx:
        fingerprint = tx.get_one(PushRow, push_id).fingerprint
        approve_push(tx, office.clock, office.settings, rita, push_id, fingerprint=fingerprint)
    assert pushed(office, session_id, is_gone=True) == {}
    with office.store.read() as tx:
        assert tx.get_one(PushRow, push_id).state == "approved"
    assert pushed(office, session_id)["passes"] is True
    assert pushed(office, session_id)["passes"] is False, "it counts once"
    assert list((office.settings.pushes_dir / "work").iterdir()) == []
