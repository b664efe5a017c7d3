"""Attack: speak HTTP as no Vault does: so that a password is in an error, or that an answer never ends."""

from __future__ import annotations

import json
import logging
import socket
import threading
import traceback
from typing import TYPE_CHECKING

import pytest

from kv_server import KvServer
from login_parts import connected_to_stand_in, stand_in
from nbkeep.model.clock import ManualClock
from nbkeep.model.errors import NbkeepError, Unavailable
from nbkeep.vault.place import needed_place
from nbkeep.vault.references import parse_reference
from nbkeep.vault.sources.database import DatabaseEngine
from nbkeep.vault.sources.hashicorp import Hashicorp

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from office_parts import OfficeForTests

pytestmark = pytest.mark.attack
PATH = "database/creds/readonly"
PASSWORD = "Zx9-made-for-nobody"
_ANSWER = {"lease_id": f"{PATH}/abc", "lease_duration": 60, "data": {"username": "v", "password": PASSWORD},
           "auth": {"client_token": PASSWORD, "lease_duration": 60}}  # fmt: skip
_CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
_STRANGE = {
    "a chunk's header": _CHUNKED + json.dumps(_ANSWER).encode() + b"\r\n\r\n",
    "a status line": json.dumps(_ANSWER).encode() + b"\r\n\r\n",
    "a header": b"HTTP/1.1 200 OK\r\n" + json.dumps(_ANSWER).encode() + b" x\r\n\r\n",
    "a length": b"HTTP/1.1 200 OK\r\nContent-Length: " + PASSWORD.encode() + b"\r\n\r\n",
}


@pytest.mark.parametrize("asked", ["database/creds/readonly", "auth/approle/login", "secret/data/nbkeep/x"])
@pytest.mark.parametrize("where", list(_STRANGE))
def test_what_is_no_http_is_quoted_nowhere(
    office: OfficeForTests, kv: KvServer, caplog: pytest.LogCaptureFixture, asked: str, where: str
) -> None:
    caplog.set_level(logging.INFO)
    caplog.set_level(logging.DEBUG, "nbkeep")
    stand_in(None, kv)
    client = Hashicorp(needed_place(connected_to_stand_in(office, kv).settings), ManualClock())
    kv.raw = lambda path: _STRANGE[where] if path == asked else None
    with pytest.raises(NbkeepError) as error:
        if asked == PATH:
            DatabaseEngine(client).make(PATH)
        else:
            client.read(parse_reference("vault:secret/data/nbkeep/x#y"))
    told = f"{error.value!r} {error.value} " + "".join(traceback.format_exception(error.value))
    assert PASSWORD not in told + caplog.text


def _body(send: Callable[[bytes], None]) -> None:
    send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    while True:
        send(b" ")


def _headers(send: Callable[[bytes], None]) -> None:
    send(b"HTTP/1.1 200 OK\r\nX-More: ")
    while True:
        send(b"x")


def _hints(send: Callable[[bytes], None]) -> None:
    while True:
        send(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")


class _Endless:
    """A server whose answers, drop by drop, never end."""

    def __init__(self, answer: Callable[[Callable[[bytes], None]], None]) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._over, self._answer = threading.Event(), answer
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while not self._over.is_set():
            try:
                sock, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._drip, args=(sock,), daemon=True).start()

    def _drip(self, sock: socket.socket) -> None:
        def send(data: bytes) -> None:
            sock.sendall(data)
            if self._over.wait(0.01):
                raise OSError("it is over")

        with sock:
            sock.recv(65536)
            try:
                self._answer(send)
            except OSError:
                return

    def end(self) -> None:
        self._over.set()
        self._listening.close()


@pytest.fixture(params=[_body, _headers, _hints])
def endless(request: pytest.FixtureRequest) -> Generator[_Endless]:
    found = _Endless(request.param)
    yield found
    found.end()


def test_an_answer_that_never_ends_is_not_waited_for(office: OfficeForTests, endless: _Endless) -> None:
    """Nor do its locks stay taken: the next one is told at once, and later asks again."""
    kv = KvServer()
    there = connected_to_stand_in(office, kv).settings
    kv.shutdown()
    kv.server_close()
    place = needed_place(there)
    clock = ManualClock()
    client = Hashicorp(type(place)(**(vars(place) | {"url": endless.url})), clock, most_s=0.2)
    for _ in range(2):
        for ask in (lambda: client.read(parse_reference("vault:secret/data/nbkeep/x#y")),
                    lambda: DatabaseEngine(client).make(PATH)):  # fmt: skip
            with pytest.raises(Unavailable, match="too slow"):
                ask()
            clock.advance(3)


def test_who_waits_for_another_to_sign_in_waits_for_a_moment_only(
    office: OfficeForTests, kv: KvServer
) -> None:
    client = Hashicorp(needed_place(connected_to_stand_in(office, kv).settings), ManualClock(), most_s=0.3)
    kv.slow_s = 1.0
    told: list[str] = []

    def ask() -> None:
        with pytest.raises(Unavailable) as error:
            client.keep_signed_in()
        told.append(str(error.value))

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(10)
    assert len(told) == 6
