"""What the process that looks at documents and the gateway agree on: JSON, its length in front of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket

MODULE = "nbkeep.egress.leaving.child"
MOST_S = 150.0  # after which a fork is ended
MOST_BYTES = 1 << 20  # of a question, of an answer
LENGTH = 8
QUESTION, RULES = b"?", b"r"
"""What is sent with descriptors: a document and where to answer; the own rules, for all questions after."""


def framed(data: bytes) -> bytes:
    """Return a message as it goes over a socket."""
    return len(data).to_bytes(LENGTH, "big") + data


def length_of(head: bytes) -> int:
    """Return how long the message is; raises ValueError for more than anybody says."""
    found = int.from_bytes(head, "big")
    if len(head) < LENGTH or found > MOST_BYTES:
        raise ValueError("no message")
    return found


def received(source: socket.socket) -> bytes:
    """Return a whole message; raises ValueError, OSError."""
    return _exactly(source, length_of(_exactly(source, LENGTH)))


def _exactly(source: socket.socket, count: int) -> bytes:
    data = bytearray()
    while len(data) < count:
        if not (more := source.recv(count - len(data))):
            raise ValueError("ended in the middle")
        data += more
    return bytes(data)
