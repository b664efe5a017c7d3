"""Terminals run in the sandbox; output, jobs and keystrokes are work."""

# JSON is tested as it comes over the wire:
# pyright: basic

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import pytest
from server_peers import USER_TOKEN
from session_server import PREFIX, RunningServer, eventually
from websockets.asyncio.client import unix_connect


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with RunningServer() as running:
        yield running


async def test_a_terminal_shows_what_is_typed_and_ends_with_its_shell(server: RunningServer) -> None:
    (server.home / "here").mkdir()
    name = server.json("POST", "api/terminals", json={"cwd": "here"})["name"]
    async with unix_connect(
        str(server.socket),
        uri=f"ws://jane.localhost{PREFIX}terminals/websocket/{name}",
        additional_headers={"Authorization": f"token {USER_TOKEN}"},
    ) as socket:

        async def until(text: str) -> str:
            seen = ""
            async with asyncio.timeout(15):
                while text not in seen:
                    kind, *rest = json.loads(await socket.recv())
                    seen += rest[0] if kind == "stdout" else ""
            return seen

        await socket.send(json.dumps(["set_size", 40, 100, 0, 0]))
        await socket.send(json.dumps(["stdin", "stty size; pwd; echo do''ne; env | grep -c TOKEN\r"]))
        seen = await until("done\r\n0")
        assert "40 100" in seen
        assert "/here" in seen
        assert server.json("GET", "api/terminals")[0]["name"] == name
        await socket.send(json.dumps(["stdin", "sleep 1.5\r"]))
        await asyncio.to_thread(eventually, lambda: server.office.heartbeats[-1]["busy"])
        await asyncio.to_thread(eventually, lambda: not server.office.heartbeats[-1]["busy"])
        await socket.send(json.dumps(["stdin", "exit\r"]))
        async with asyncio.timeout(15):
            while json.loads(await socket.recv())[0] != "disconnect":
                pass
    eventually(lambda: server.json("GET", "api/terminals") == [])
    assert server.office.of_type("terminal.opened")
    eventually(lambda: server.office.of_type("terminal.closed"))


def test_a_terminal_can_be_closed_by_its_user(server: RunningServer) -> None:
    name = server.json("POST", "api/terminals", json={"name": "mine"})["name"]
    assert name == "mine"
    assert server.request("DELETE", f"api/terminals/{name}").status_code == 204
    eventually(lambda: server.json("GET", "api/terminals") == [])


def test_odd_names_and_missing_terminals_are_refused(server: RunningServer) -> None:
    assert server.request("POST", "api/terminals", json={"name": "../x"}).status_code == 400
    assert server.request("GET", "api/terminals/none").status_code == 404
