"""What a program says first in a tunnel: TLS for which host, HTTP, something else. Pure; RFC 8446, 6066."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

# Longer than any first message that programs send: post-quantum keys take 2 KiB.
MOST_BYTES = 32 << 10
_HANDSHAKE, _CLIENT_HELLO, _SERVER_NAME = 22, 1, 0
_RECORD_HEADER, _MESSAGE_HEADER = 5, 4
_BEFORE_EXTENSIONS = 34  # version and random
# What no line of HTTP has: control characters but tab, CR and LF.
_BINARY = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
UNRECOGNIZED_NAME = b"\x15\x03\x01\x00\x02\x02\x70"  # the alert that programs show as such


@dataclass(frozen=True)
class Hello:
    """`server_name`: the host that TLS asks for (SNI), None without one."""

    kind: Literal["more", "tls", "http", "other", "broken"]
    server_name: str | None = None


class _BrokenError(Exception):
    pass


class _ShortError(Exception):
    pass


def look(data: bytes) -> Hello:
    """Tell what begins with these bytes; `more`: not enough of them to know."""
    short = Hello("more") if len(data) < MOST_BYTES else Hello("broken")
    if data[:1] == bytes([_HANDSHAKE]):
        try:
            return Hello("tls", _server_name(_client_hello(data)))
        except _ShortError:
            return short
        except (_BrokenError, UnicodeError):
            return Hello("broken")
    # Servers pass over empty lines before a request, and some over blanks.
    line, newline, _ = data.lstrip(b"\r\n\t ").partition(b"\n")
    if _BINARY.search(line) or (newline and not _is_request(line)):
        return Hello("other")
    return Hello("http") if newline else short


def _is_request(line: bytes) -> bool:
    words = line.split()
    return len(words) > 1 and words[-1][:5].upper() == b"HTTP/"


def _client_hello(data: bytes) -> bytes:
    """Return the body of the first handshake message, which may be spread over records."""
    message, at = b"", 0
    while True:
        if len(message) >= _MESSAGE_HEADER:
            if message[0] != _CLIENT_HELLO:
                raise _BrokenError
            length = int.from_bytes(message[1:4], "big")
            if len(message) >= _MESSAGE_HEADER + length:
                return message[_MESSAGE_HEADER : _MESSAGE_HEADER + length]
        header = data[at : at + _RECORD_HEADER]
        if len(header) < _RECORD_HEADER:
            raise _ShortError
        length = int.from_bytes(header[3:5], "big")
        if header[0] != _HANDSHAKE or header[1] != 3 or not length:  # every version says 3
            raise _BrokenError
        message += data[at + _RECORD_HEADER : at + _RECORD_HEADER + length]
        at += _RECORD_HEADER + length


class _Reader:
    """Fields of the wire, each with its length in front."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def __bool__(self) -> bool:
        return bool(self._data)

    def take(self, count: int) -> bytes:
        if len(self._data) < count:
            raise _BrokenError
        taken, self._data = self._data[:count], self._data[count:]
        return taken

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def field(self, size: int) -> _Reader:
        return _Reader(self.take(self.number(size)))

    def rest(self) -> bytes:
        return self.take(len(self._data))


def _server_name(hello: bytes) -> str | None:
    reader = _Reader(hello)
    reader.take(_BEFORE_EXTENSIONS)
    for size in (1, 2, 1):  # session id, cipher suites, compression methods
        reader.field(size)
    found: list[str] = []
    extensions = reader.field(2) if reader else reader
    while extensions:
        kind, body = extensions.number(2), extensions.field(2)
        if kind != _SERVER_NAME:
            continue
        names = body.field(2)
        while names:
            if names.number(1) != 0:
                raise _BrokenError
            found.append(names.field(2).rest().decode("ascii"))
    if len(found) > 1:
        raise _BrokenError  # one server might take the first and another the last
    return found[0] if found else None
