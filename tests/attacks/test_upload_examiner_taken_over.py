"""A document takes over, hangs or kills the process that looks at it, or is swapped after it was looked at."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from egress_parts import NameServer, Web, serving
from nbkeep.egress.leaving import wire
from nbkeep.egress.leaving.body import Body
from nbkeep.egress.leaving.interface import Document, Looked
from nbkeep.egress.leaving.scanner import JailedScanner
from nbkeep.model.gates import Found
from nbkeep.rendering import jail
from upload_parts import Examining, made_key, plain

if TYPE_CHECKING:
    from collections.abc import Generator

    from nbkeep.egress.leaving.interface import Scanner

pytestmark = pytest.mark.attack
NAME = "web.acme.local"
UNREAD = frozenset({Found.UNREAD})


@pytest.fixture(scope="module")
def web() -> Generator[Web]:
    with serving(Web()) as server:
        yield server


def gateway(folder: Path, scanner: Scanner, web: Web, **decisions: str) -> Examining:
    found = Examining(folder, NameServer(web_acme_local=[["127.0.0.1"]]), scanner=scanner)
    found.decide(f"{NAME}:{web.port} 127.0.0.1:{web.port}", **decisions)
    web.seen.clear()
    return found


async def looked(scanner: JailedScanner, data: bytes, words: str = "") -> Looked:
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        return await scanner.look(Document(file.fileno(), words=words))


class Swaps:
    """Says that it is clean, and has put something else in its place, as who took the process over would."""

    def __init__(self, to: bytes) -> None:
        self.to = to

    async def look(self, document: Document) -> Looked:
        assert document.file is not None
        place = f"/proc/self/fd/{document.file}"
        os.chmod(place, 0o600)  # noqa: PTH101  a descriptor
        Path(place).write_bytes(self.to)  # noqa: ASYNC240  a few bytes, in a test
        return Looked(frozenset({Found.NOTHING}))


def test_what_was_swapped_after_it_was_examined_is_not_sent(tmp_path: Path, web: Web) -> None:
    found = gateway(tmp_path, Swaps(made_key().encode()), web, secret="deny")
    try:
        answer = found.ask(plain(f"{NAME}:{web.port}", b"harmless"))
        assert answer.startswith(
            b"HTTP/1.1 503 Unavailable by nbkeep: what was examined is not what would be"
        )
        assert web.seen == []
    finally:
        found.end()


@pytest.mark.parametrize("size", [1, 300_000])
def test_a_body_knows_that_any_of_its_bytes_was_changed(tmp_path: Path, size: int) -> None:
    body = Body(tmp_path)
    body.add(b"x" * size)
    assert body.is_unchanged()
    with body.opened() as file:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.write(file, b"y")
        Path(f"/proc/self/fd/{file}").write_bytes(b"x" * (size - 1) + b"y")
    assert not body.is_unchanged()
    body.close()
    assert list(tmp_path.iterdir()) == []


async def test_who_is_killed_while_looking_has_not_read_it() -> None:
    scanner = JailedScanner()
    try:
        await looked(scanner, b"warm")
        parent = psutil.Process(scanner.pid)
        looking = asyncio.create_task(looked(scanner, b"a = 'b'\n" * 3_000_000))
        before = set(parent.children(recursive=True))
        # Nobody tells when a process begins.
        while not (forks := set(parent.children(recursive=True)) - before):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        forks.pop().send_signal(signal.SIGKILL)
        found = await looking
        assert (found.found, found.is_by_nobody) == (UNREAD, False)
        assert (await looked(scanner, made_key().encode())).found == frozenset({Found.SECRET})
        parent.kill()
        parent.wait()
        assert (await looked(scanner, b"x")).found == frozenset({Found.NOTHING}), "another jail was started"
    finally:
        scanner.close()


async def test_nobody_looks_on_when_nobody_waits_for_the_answer() -> None:
    scanner = JailedScanner()
    try:
        await looked(scanner, b"warm")
        parent = psutil.Process(scanner.pid)
        before = set(parent.children(recursive=True))
        looking = asyncio.create_task(looked(scanner, b"a = 'b'\n" * 3_000_000))
        while not (forks := set(parent.children(recursive=True)) - before):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        fork = forks.pop()
        began_s = fork.cpu_times().user
        looking.cancel()
        with contextlib.suppress(psutil.NoSuchProcess):
            while fork.status() != psutil.STATUS_ZOMBIE:
                assert fork.cpu_times().user - began_s < 1.0
                await asyncio.sleep(0.01)
    finally:
        scanner.close()


async def test_short_words_wait_for_no_large_documents() -> None:
    scanner = JailedScanner()
    try:
        async with contextlib.AsyncExitStack() as taken:
            while not scanner.turns.locked():
                await taken.enter_async_context(scanner.turns)
            assert (await scanner.look(Document(None, words="x"))).found == frozenset({Found.NOTHING})
    finally:
        scanner.close()


async def test_what_takes_too_long_was_not_read_and_without_a_jail_nothing_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scanner = JailedScanner(timeout_s=0.0)
    try:
        found = await looked(scanner, b"x")
        assert (found.found, found.is_by_nobody) == (UNREAD, False)
        monkeypatch.setattr(jail, "find", lambda: None)
        scanner.close()
        found = await looked(JailedScanner(), b"x")
        assert (found.found, found.is_by_nobody) == (UNREAD, True)
    finally:
        scanner.close()


LIES = [
    b"", b"x", b"\xff" * 8, wire.framed(b"not json"), wire.framed(b"[]"), wire.framed(b"{}"), wire.framed(b"7"),
    wire.framed(json.dumps({"kinds": "secret", "titles": [], "reasons": []}).encode()),
    wire.framed(json.dumps({"kinds": ["clean"], "titles": [], "reasons": []}).encode()),
    wire.framed(json.dumps({"kinds": [[]], "titles": 7, "reasons": None}).encode()),
    (1 << 40).to_bytes(8, "big"),
]  # fmt: skip


@pytest.mark.parametrize("lie", range(len(LIES)))
async def test_an_answer_that_is_none_is_no_clean_one(monkeypatch: pytest.MonkeyPatch, lie: int) -> None:
    """A process that a document has taken over says what it likes."""
    liar = f"""
import os, socket
asked = socket.socket(fileno=int(os.environ["ASKED"]))
_, files, _, _ = socket.recv_fds(asked, 1, 2)
answering = socket.socket(fileno=files[0])
answering.recv(1 << 20)
answering.sendall({LIES[lie]!r})
"""

    def stay(module: str, file: int) -> subprocess.Popen[bytes]:
        del module
        return subprocess.Popen(
            [sys.executable, "-c", liar], env={"ASKED": str(file)}, pass_fds=[file], cwd="/"
        )

    monkeypatch.setattr(jail, "stay", stay)
    scanner = JailedScanner()
    try:
        assert (await looked(scanner, b"x")).found == UNREAD
    finally:
        scanner.close()


def test_the_jail_has_no_network_no_home_and_no_environment(tmp_path: Path) -> None:
    """What runs there instead of the scanner sees what the scanner would see."""
    (tmp_path / "secret").write_text("x")
    ours, theirs = socket.socketpair()
    # As a module that is called by its name: json.tool would read, `this` only speaks.
    process = jail.stay("nbkeep.egress.leaving.child", theirs.fileno())
    try:
        theirs.close()
        inside = psutil.Process(process.pid)
        while not (
            found := [one for one in inside.children(recursive=True) if "child" in " ".join(one.cmdline())]
        ):
            pass
        pid = found[-1].pid
        assert Path(f"/proc/{pid}/ns/net").readlink() != Path("/proc/self/ns/net").readlink()
        assert Path(f"/proc/{pid}/ns/pid").readlink() != Path("/proc/self/ns/pid").readlink()
        assert not Path(f"/proc/{pid}/root{tmp_path}/secret").exists()
        environment = Path(f"/proc/{pid}/environ").read_bytes()
        assert {one.partition(b"=")[0] for one in environment.split(b"\0") if one} <= {
            b"HOME",
            b"PATH",
            b"PWD",
            b"LC_CTYPE",
        }
    finally:
        ours.close()
        process.kill()
        process.wait()
