"""Frames between the trusted half and a kernel: bounded JSON, some with bounded bytes behind it.

Blocking, for a thread of its own. Whatever the other side does, each call ends by its deadline.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import time
from typing import Any, cast

import orjson

from nbkeep_runtime.server.state.slot import PIECE_BYTES

_LENGTH = struct.Struct(">I")
_JSON_BYTES = 1 << 20
_REASON_LENGTH = 500
_BUFFER_BYTES = 1 << 20


class FrameError(Exception):
    """The other side broke the protocol, was too slow, or went away."""


class KernelFailed(Exception):
    """The kernel says that it cannot go on."""


class Frames:
    """One connection."""

    def __init__(
        self, connection: socket.socket, first: bytes, deadline_s: float, silence_s: float = 600.0
    ) -> None:
        self._socket = connection
        # A chunk goes out in a few pieces; Linux gives less where its own limit (net.core.wmem_max) is lower.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_BYTES)
        self._first = memoryview(first)
        self._deadline_s = deadline_s
        self._silence_s = silence_s

    def close(self) -> None:
        """End the connection, also for a thread that waits for it; twice is safe."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def send(self, kind: str, data: bytes | memoryview | None = None, **more: object) -> None:
        """Send a frame; raises `FrameError`."""
        if data is not None:
            more["size"] = len(data)
        text = orjson.dumps({"type": kind, **more})
        try:
            self._patience()
            self._socket.sendall(_LENGTH.pack(len(text)) + text)
            if data is not None and len(data):
                self._patience()
                self._socket.sendall(data)
        except OSError as error:
            raise FrameError("The kernel went away or did not listen.") from error

    def receive(self, *kinds: str) -> tuple[dict[str, Any], bytearray]:
        """Return the next frame, one of these kinds, and its bytes; raises `FrameError` or `KernelFailed`."""
        (length,) = _LENGTH.unpack(self._read(_LENGTH.size))
        if length > _JSON_BYTES:
            raise FrameError("The kernel sent a frame that is too long.")
        try:
            loaded: Any = orjson.loads(self._read(length))
        except orjson.JSONDecodeError as error:
            raise FrameError("The kernel sent a frame that cannot be read.") from error
        frame = cast("dict[str, Any]", loaded) if isinstance(loaded, dict) else {}
        kind = frame.get("type")
        if kind == "failed":
            raise KernelFailed(str(frame.get("reason", ""))[:_REASON_LENGTH])
        size: Any = frame.get("size", 0)
        if kind not in kinds or type(size) is not int or not 0 <= size <= PIECE_BYTES:
            raise FrameError("The kernel sent a frame that was not expected.")
        return frame, self._read(size)

    def _patience(self) -> None:
        left_s = self._deadline_s - time.monotonic()
        if left_s <= 0:
            raise FrameError("It took too long.")
        self._socket.settimeout(min(left_s, self._silence_s))

    def _read(self, size: int) -> bytearray:
        """Return exactly this many bytes; a writer that trickles is cut off by the deadline, too."""
        data = bytearray(size)
        view = memoryview(data)
        while view:
            if self._first:
                count = min(len(view), len(self._first))
                view[:count] = self._first[:count]
                self._first = self._first[count:]
            else:
                self._patience()
                try:
                    count = self._socket.recv_into(view)
                except OSError as error:
                    raise FrameError("The kernel went away or fell silent.") from error
                if not count:
                    raise FrameError("The kernel went away.")
            view = view[count:]
        return data
