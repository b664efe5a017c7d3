"""The socket between a kernel and the trusted half: JSON frames, some with bytes behind them."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

PIECE_BYTES = 1 << 22
HASHES = 4096
_JSON_BYTES = 1 << 20
_BUFFER_BYTES = 1 << 20  # a chunk goes out in a few pieces, or in as few as Linux allows
_LENGTH = struct.Struct(">I")


class WireError(Exception):
    """The other side refused, went away, or said what it must not say."""


class Wire:
    """One connection; used by one thread for each direction."""

    def __init__(self, path: str, token: str, timeout_s: float) -> None:
        """Connect to the socket at `path` and show the token; raises `OSError`."""
        self._socket = socket.socket(socket.AF_UNIX)
        try:
            self._socket.settimeout(timeout_s)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_BYTES)
            self._socket.connect(path)
            self._socket.sendall(json.dumps({"token": token}).encode() + b"\n")
        except BaseException:
            self._socket.close()
            raise

    def close(self) -> None:
        """End the connection, also for a thread that waits for it; twice is safe."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def send(self, kind: str, data: bytes | memoryview | None = None, **more: Any) -> None:
        """Send one frame; raises `OSError`, or `WireError` with the reason of an other side that refused."""
        if data is not None:
            more["size"] = len(data)
        text = json.dumps({"type": kind, **more}).encode()
        try:
            self._socket.sendall(_LENGTH.pack(len(text)) + text)
            if data is not None:
                self._socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError) as error:
            with contextlib.suppress(OSError):
                self.receive(())  # it closed after saying why
            raise WireError("The connection ended too early.") from error

    def send_pieces(self, kind: str, data: bytes | memoryview) -> None:
        """Send something long in frames of one kind; nothing long is one empty frame."""
        view = memoryview(data)
        for start in range(0, max(len(view), 1), PIECE_BYTES):
            self.send(kind, view[start : start + PIECE_BYTES])

    def receive(self, expected: Iterable[str]) -> dict[str, Any]:
        """Return the next frame, of one of the expected kinds; bytes behind it are still to be read."""
        (length,) = _LENGTH.unpack(self._read(_LENGTH.size))
        if length > _JSON_BYTES:
            raise WireError("The answer is too long.")
        try:
            frame: Any = json.loads(self._read(length))
            kind = frame["type"]
        except (ValueError, KeyError, TypeError):
            raise WireError("The answer cannot be read.") from None
        if kind in ("failed", "refused"):
            raise WireError(str(frame.get("reason", ""))[:1000])
        size: Any = frame.get("size", 0)
        if kind not in expected or not isinstance(size, int) or not 0 <= size <= PIECE_BYTES:
            raise WireError("The answer is not one that was expected.")
        return frame

    def read(self, frame: dict[str, Any]) -> bytes:
        """Return the bytes behind a frame."""
        return bytes(self._read(int(frame.get("size", 0))))

    def read_into(self, view: memoryview) -> None:
        """Fill `view` with the bytes behind a frame, without a copy."""
        done = 0
        while done < len(view):
            count = self._socket.recv_into(view[done:])
            if not count:
                raise WireError("The connection ended too early.")
            done += count

    def _read(self, size: int) -> bytearray:
        data = bytearray(size)
        self.read_into(memoryview(data))
        return data
