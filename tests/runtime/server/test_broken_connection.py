"""The connection to the sandbox may break at any time; no end of a process is missed for that."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from nbkeep_runtime.server.sandbox import Exit, Sandbox

if TYPE_CHECKING:
    from pathlib import Path


async def test_a_process_that_ended_while_the_connection_was_broken_is_told_as_ended(short_dir: Path) -> None:
    asked: list[dict[str, Any]] = []
    living = {12, 13}

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            request: dict[str, Any] = json.loads(line)
            asked.append(request)
            pid = request.get("pid", 12 if len(asked) == 1 else 13)
            writer.write(json.dumps({"id": request["id"], "ok": pid in living, "pid": pid}).encode() + b"\n")
            if request["op"] == "spawn" and pid == 13:  # the second one
                living.discard(12)
                break
            if len(asked) == 3:  # and it breaks once more
                break
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    talks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.add(asyncio.ensure_future(talk(reader, writer)))

    server = await asyncio.start_unix_server(accept, short_dir / "init.sock")
    sandbox = Sandbox(short_dir / "init.sock")
    ended: list[Exit] = []
    sandbox.on_exit(ended.append)
    assert [await sandbox.spawn(["x"], {}, "/") for _ in range(2)] == [12, 13]
    async with asyncio.timeout(10):
        while not ended or len(asked) < 4:  # noqa: ASYNC110  # 13 is asked about too
            await asyncio.sleep(0.02)
    assert ended == [Exit(12, None, None, 0)]
    assert {request["signum"] for request in asked[2:]} == {0}
    await sandbox.close()
    server.close()
    await asyncio.gather(*talks)  # else a connection outlives its loop, and a later test is blamed for it
