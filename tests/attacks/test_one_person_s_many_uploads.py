"""Attack: have everybody else's uploads wait, or leave them no room, by several sessions of one's own."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import pytest

from egress_parts import OTHER, SESSION, NameServer, Web, policy, read_all, serving, wait_for
from nbkeep.egress.leaving.interface import Looked, Place, Sent
from nbkeep.egress.leaving.told import read_told
from nbkeep.egress.leaving.uploads import Uploads
from nbkeep.egress.rules import Compiled
from nbkeep.model.gates import Found
from upload_parts import Examining, plain, told

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from nbkeep.egress.leaving.interface import Document, Scanner

pytestmark = pytest.mark.attack
NAME = "web.acme.local"
JANES = "ses_0000000000000000000c"
TOLD = told(secret="deny")
SHARE = 100_000


class _Looks:
    """A scanner that finds nothing; `most`: so many documents with a word were looked at at once."""

    def __init__(self) -> None:
        self.now: dict[str, int] = {}
        self.most: dict[str, int] = {}

    async def look(self, document: Document) -> Looked:
        who = next(word for word in ("mallory", "jane", "nobody") if word in document.words)
        self.now[who] = self.now.get(who, 0) + 1
        self.most[who] = max(self.most.get(who, 0), self.now[who])
        for _ in range(20):
            await asyncio.sleep(0)
        self.now[who] -= 1
        return Looked(frozenset({Found.NOTHING}))


def _most_at_once(*sent_by: tuple[str, str]) -> dict[str, int]:
    """Return how many documents of each were looked at at once; of each session and person four are sent."""
    looks = _Looks()
    uploads = Uploads(cast("Scanner", looks))

    def request(session_id: str, person: str) -> Sent:
        return Sent(
            Place(session_id, NAME, 443, "", person),
            "GET",
            f"/x?by={person or 'nobody'}".encode(),
            (),
            lambda: read_told(TOLD),
        )

    async def all_of_them() -> None:
        requests = [request(*one) for one in sent_by for _ in range(2)]
        await asyncio.gather(
            *(uploads.examine(one, None) for one in requests),
            *(uploads.look_at_words(one) for one in requests),  # as of a push
        )

    asyncio.run(all_of_them())
    return looks.most


def test_more_sessions_of_a_person_have_no_more_turns() -> None:
    found = _most_at_once((SESSION, "mallory"), (OTHER, "mallory"), (JANES, "jane"))
    assert found == {"mallory": 2, "jane": 2}


def test_a_session_of_which_nobody_says_whose_it_is_has_turns_of_its_own() -> None:
    assert _most_at_once((SESSION, ""), (OTHER, "")) == {"nobody": 4}


@pytest.fixture(scope="module")
def web() -> Generator[Web]:
    with serving(Web()) as server:
        yield server


@pytest.fixture
def gate(tmp_path: Path, web: Web) -> Generator[Examining]:
    names = NameServer(web_acme_local=[["127.0.0.1"]])
    scanner = cast("Scanner", _FindsNothing())
    found = Examining(tmp_path, names, scanner=scanner, most=SHARE, total=4 * SHARE)
    for session_id, person in ((SESSION, "usr_m"), (OTHER, "usr_m"), (JANES, "usr_j")):
        found.reach(f"{NAME}:{web.port} 127.0.0.1:{web.port}", session_id)
        told_of = policy(session_id, f"{NAME}:{web.port} 127.0.0.1:{web.port}")
        found.policies[session_id] = Compiled(replace(told_of, leaving=TOLD, person=person))
    yield found
    found.end()


class _FindsNothing:
    async def look(self, document: Document) -> Looked:
        del document
        return Looked(frozenset({Found.NOTHING}))


def test_more_sessions_of_a_person_have_no_more_room_for_what_they_send(gate: Examining, web: Web) -> None:
    place = f"{NAME}:{web.port}"
    head = f"POST http://{place}/x HTTP/1.1\r\nHost: {place}\r\nContent-Length: {SHARE}\r\n\r\n"
    with gate.connect(SESSION) as sock:
        sock.sendall(head.encode() + b"x" * (SHARE - 1000))
        wait_for(lambda: sum(gate.bodies.used.values()) >= SHARE - 1000, "what was sent")
        answer = gate.ask(plain(place, b"y" * 2000), OTHER)
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"there is no room to examine what is sent just now" in answer
        assert b"got 2000" in gate.ask(plain(place, b"y" * 2000), JANES)
        sock.sendall(b"x" * 1000)
        assert b"got %d" % SHARE in read_all(sock)
    assert b"got 2000" in gate.ask(plain(place, b"y" * 2000), OTHER)
