"""Asks a kernel on its shell channel to save or to restore, and waits for its reply."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

import asyncio
from typing import Any, Self, cast

from nbkeep_runtime.server.state.index import Lost

_REPLY_BYTES = 4 << 20
_LOST = 1000
_COUNT, _BYTES = 1 << 31, 1 << 50
_NAME, _TYPE, _REASON = 200, 100, 500


class BadReply(Exception):
    """The kernel answered with something else than a reply."""


class Asked:
    """One request to one kernel; a context manager. Nothing is asked before `send`."""

    def __init__(self, kernel: Any, kind: str) -> None:
        self._kernel = kernel
        self._kind = kind
        self._reply: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()

    def __enter__(self) -> Self:
        self._stream = self._kernel.connect_shell()
        self._stream.on_recv(self._received)
        return self

    def __exit__(self, *_exc: object) -> None:
        self._stream.on_recv(None)
        self._stream.close(linger=0)
        self._reply.cancel()

    def send(self, **content: object) -> None:
        """Send the request; it waits in the kernel behind cells that run."""
        self._kernel.session.send(self._stream, f"nbkeep_{self._kind}_request", content)

    async def reply(self) -> dict[str, Any]:
        """Return the reply's content; raises `BadReply`. Cancel this to give up."""
        return await asyncio.shield(self._reply)

    def _received(self, frames: list[bytes]) -> None:
        if self._reply.done():
            return
        try:
            self._reply.set_result(self._content(frames))
        except Exception:  # noqa: BLE001  # the kernel decides what it sends
            self._reply.set_exception(BadReply("The kernel answered with nonsense."))
            self._reply.exception()  # nobody may be waiting yet

    def _content(self, frames: list[bytes]) -> dict[str, Any]:
        if sum(map(len, frames)) > _REPLY_BYTES:
            raise BadReply
        session = self._kernel.session
        message = session.deserialize(session.feed_identities(frames)[1])
        content: Any = message["content"]
        if message["msg_type"] != f"nbkeep_{self._kind}_reply" or not isinstance(content, dict):
            raise BadReply
        return cast("dict[str, Any]", content)


def failure(reply: dict[str, Any]) -> str:
    """Return why the kernel failed, or "" when it did not."""
    if reply.get("status") == "ok":
        return ""
    return text(reply.get("reason"), _REASON) or "The kernel gave no reason."


def kept(reply: dict[str, Any]) -> int:
    """Return how many variables the kernel says it kept."""
    return _number(reply, "kept", _COUNT)


def memory(reply: dict[str, Any]) -> int:
    """Return how many bytes of memory the kernel says are filled again at a restore."""
    return _number(reply, "memory", _BYTES)


def _number(reply: dict[str, Any], name: str, most: int) -> int:
    count: Any = reply.get(name)
    return min(max(count, 0), most) if type(count) is int else 0


def lost(reply: dict[str, Any]) -> tuple[Lost, ...]:
    """Return what the kernel says is lost, within bounds."""
    told: Any = reply.get("lost")
    many = cast("list[Any]", told)[:_LOST] if isinstance(told, list) else []
    found = [cast("dict[str, Any]", one) for one in many if isinstance(one, dict)]
    return tuple(
        Lost(text(one.get("name"), _NAME), text(one.get("type"), _TYPE), text(one.get("reason"), _REASON))
        for one in found
    )


def text(value: object, length: int) -> str:
    """Return text that JSON can carry: half of a surrogate pair cannot be encoded."""
    return value[:length].encode("utf-8", "replace").decode() if isinstance(value, str) else ""
