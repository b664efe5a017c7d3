"""Asks the warden for a kernel that is forked from a warm parent into this session's sandbox."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any, cast

import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

log = logging.getLogger("nbkeep.kernels")

_ANSWER_S = 12.0
_LOWEST_PID = 2


async def fork(socket: Path, connection_file: str, env: Mapping[str, str], cwd: str) -> int | None:
    """Return the kernel's pid inside the sandbox, or None: then it has to be started the plain way."""
    try:
        async with asyncio.timeout(_ANSWER_S):
            reader, writer = await asyncio.open_unix_connection(socket)
            try:
                asked = {"connection_file": connection_file, "cwd": cwd, "env": dict(env)}
                writer.write(orjson.dumps(asked) + b"\n")
                told: Any = orjson.loads(await reader.readline())
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
    except (OSError, TimeoutError, ValueError):
        return None
    answer = cast("dict[str, Any]", told) if isinstance(told, dict) else {}
    pid = answer.get("pid")
    if answer.get("ok") is True and isinstance(pid, int) and pid >= _LOWEST_PID:
        return pid
    log.info("A kernel is started the plain way: %s", answer.get("error"))
    return None
