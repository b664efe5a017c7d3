"""A paused session: nothing reaches kernels and terminals before the office says so; nothing is lost or run twice."""

# JSON is tested as it comes over the wire:
# pyright: basic

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from session_server import PREFIX, USER_TOKEN, Browser, RunningServer, eventually
from websockets.asyncio.client import unix_connect


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with RunningServer() as running:
        running.put_notebook("p.ipynb", "1")
        yield running


@pytest.fixture(scope="module")
def kernel(server: RunningServer) -> str:
    return server.open_notebook("p.ipynb")


@pytest.fixture(autouse=True)
def office_as_ever(server: RunningServer) -> Iterator[None]:
    yield
    office = server.office
    office.is_down, office.may_thaw, office.freeze_takes_s, office.says_to_freeze = False, True, 0.0, "yes"
    office.asks_freeze, office.state = False, "ready"
    server.json("POST", "nbkeep/api/extend")  # which waits until the session goes on


def paused(server: RunningServer, says: str = "yes") -> None:
    """Have the session paused, as the office does when it is idle."""
    server.office.says_to_freeze = says
    server.office.asks_freeze = True
    eventually(lambda: server.office.state == "frozen", 60)
    seen = len(server.office.heartbeats)
    eventually(lambda: len(server.office.heartbeats) > seen + 1)


def runs(server: RunningServer, name: str) -> int:
    """Return how often a cell ran that appends to a file of this name."""
    file: Path = server.home / name
    return len(file.read_text()) if file.exists() else 0


def appends(name: str) -> str:
    return f"with open({name!r}, 'a') as file: print('x', end='', file=file)"


def records(server: RunningServer) -> int:
    return len(server.office.of_type("execution.started"))


async def test_a_cell_waits_until_the_office_has_thawed_and_runs_once(
    server: RunningServer, kernel: str
) -> None:
    async with Browser(server, kernel) as browser:
        await browser.run("kept = 42")
        await asyncio.to_thread(paused, server)
        known = await browser.send("kernel_info_request", {})
        await browser.send("comm_info_request", {})
        marks = await asyncio.to_thread(
            server.json,
            "POST",
            f"nbkeep/api/kernels/{kernel}/cells",
            json={"cells": [{"id": "a", "source": "1"}]},
        )
        for path in (
            "api/kernels",
            "api/sessions",
            "api/terminals",
            "nbkeep/api/status",
            "api/contents/p.ipynb",
        ):
            await asyncio.to_thread(server.json, "GET", path)
        thaws, recorded = server.office.thaws, records(server)
        assert (server.office.state, marks["is_busy"] or not marks["is_watched"]) == ("frozen", True)
        server.office.is_down = True
        cells = [await browser.execute(appends("once")) for _ in range(3)]
        last = await browser.execute("print(kept)")
        told = ""
        async with asyncio.timeout(30):
            while "does not answer just now" not in told:
                message = json.loads(await browser.socket.recv())
                told += message["content"].get("text", "") if message["msg_type"] == "stream" else ""
        assert (runs(server, "once"), records(server), server.office.state) == (0, recorded, "frozen")
        server.office.is_down = False
        assert (await browser.until_idle(last)).endswith("42\n")
        assert runs(server, "once") == 3
        assert server.office.thaws == thaws + 1
        starts = [event["execution_id"] for event in server.office.of_type("execution.started")]
        assert len(starts) == len(set(starts)) >= len(cells)
        assert known


async def test_a_refusal_is_told_in_the_cell_and_nothing_runs_or_is_recorded(
    server: RunningServer, kernel: str
) -> None:
    async with Browser(server, kernel) as browser:
        await asyncio.to_thread(paused, server)
        server.office.may_thaw = False
        recorded = records(server)
        told = await browser.run(appends("refused"))
        assert "Not continued: jane is not active. Ask." in told
        answer = await asyncio.to_thread(server.request, "POST", f"api/kernels/{kernel}/restart")
        assert (answer.status_code, answer.json()["message"]) == (
            409,
            "Not continued: jane is not active. Ask.",
        )
        answer = await asyncio.to_thread(server.request, "POST", "api/terminals")
        assert answer.status_code == 409
        with pytest.raises(Exception, match="409"):
            async with Browser(server, kernel):
                pass
        server.office.may_thaw = True
        assert (await browser.run("print('on')")).strip() == "on"
    assert (runs(server, "refused"), records(server)) == (0, recorded + 1)


async def test_a_cell_while_the_office_decides(server: RunningServer, kernel: str) -> None:
    """It says no, after a while: the cell that came meanwhile goes on as if nothing had been."""
    async with Browser(server, kernel) as browser:
        server.office.freeze_takes_s, server.office.says_to_freeze = 4.0, "no"
        server.office.asks_freeze = True
        await asyncio.to_thread(eventually, lambda: not server.office.asks_freeze, 60)
        cell = await browser.execute(appends("meanwhile"))
        await asyncio.sleep(1)
        assert runs(server, "meanwhile") == 0
        await browser.until_idle(cell)
        assert runs(server, "meanwhile") == 1


async def test_a_lost_answer_forwards_nothing_before_it_is_known_how_things_are(
    server: RunningServer, kernel: str
) -> None:
    async with Browser(server, kernel) as browser:
        await asyncio.to_thread(paused, server, "lost")
        thaws = server.office.thaws
        await browser.run(appends("lost"))
        assert runs(server, "lost") == 1
        assert server.office.thaws == thaws + 1
        # Somebody else resumed it: the next heartbeat tells, and what waits without a person goes on then.
        await asyncio.to_thread(paused, server)
        asked = await browser.send("kernel_info_request", {})
        server.office.state = "ready"
        await browser.until_idle(asked)
        assert server.office.thaws == thaws + 1


async def test_what_is_typed_into_a_terminal_waits_and_wakes(server: RunningServer) -> None:
    name = server.json("POST", "api/terminals", json={})["name"]
    uri = f"ws://jane.localhost{PREFIX}terminals/websocket/{name}"
    headers = {"Authorization": f"token {USER_TOKEN}"}
    async with unix_connect(str(server.socket), uri=uri, additional_headers=headers) as terminal:
        await asyncio.to_thread(paused, server)
        thaws = server.office.thaws
        server.office.is_down = True
        for text in ("printf x ", ">> typed", "\r"):
            await terminal.send(json.dumps(["stdin", text]))
        await asyncio.sleep(1.5)
        assert (runs(server, "typed"), server.office.state) == (0, "frozen")
        server.office.is_down = False
        await asyncio.to_thread(eventually, lambda: runs(server, "typed"), 30)
    assert (runs(server, "typed"), server.office.thaws) == (1, thaws + 1)
    server.json("DELETE", f"api/terminals/{name}")


async def test_at_the_end_of_a_paused_session_what_waited_is_told(server: RunningServer, kernel: str) -> None:
    async with Browser(server, kernel) as browser:
        await asyncio.to_thread(paused, server)
        server.office.is_down = True
        cell = await browser.execute(appends("ended"))
        await asyncio.sleep(0.5)
        assert server.server is not None
        server.server.terminate()
        assert "Not run: this session is about to end" in await browser.until_idle(cell)
    assert await asyncio.to_thread(server.server.wait, 60) == 0
    assert runs(server, "ended") == 0
    server.office.is_down = False
    await asyncio.to_thread(server.start_server)
