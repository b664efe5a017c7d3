"""The lines of git's protocols (gitprotocol-common(5)): four hex digits, and so many bytes. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

FLUSH = b"0000"
_HEX = frozenset(b"0123456789abcdefABCDEF")
_HEAD, _MOST = 4, 65520


class UnreadableError(ValueError):
    """What came is not what git says there. Its words are ours alone: they may be shown."""


def line(payload: bytes) -> bytes:
    r"""Return bytes as one line; raises ValueError for more than a line can have.

    >>> line(b"ok\n")
    b'0007ok\n'
    """
    if len(payload) + _HEAD > _MOST:
        raise ValueError(len(payload))
    return b"%04x" % (len(payload) + _HEAD) + payload


def section(data: bytes, at: int = 0) -> tuple[list[bytes], int]:
    r"""Return the lines from `at` up to a flush, and where it goes on after that. Raises `UnreadableError`.

    >>> section(b"0006ab0005c0000PACK")
    ([b'ab', b'c'], 15)
    """
    found: list[bytes] = []
    for payload, end in _lines(data, at):
        if payload is None:
            return found, end
        found.append(payload)
    raise UnreadableError("its lines have no end")


def whole(data: bytes, at: int) -> int:
    """Return where the line at `at` ends; 0 where not all of it is there yet. Raises `UnreadableError`."""
    if len(data) - at < _HEAD:
        return 0
    size = _size(data, at)
    end = at + max(size, _HEAD)
    return end if len(data) >= end else 0


def _lines(data: bytes, at: int) -> Iterator[tuple[bytes | None, int]]:
    while at < len(data):
        end = whole(data, at)
        if not end:
            raise UnreadableError("it ends in the middle of a line")
        yield (data[at + _HEAD : end] if _size(data, at) else None), end
        at = end


def _size(data: bytes, at: int) -> int:
    """Return what a line's head says; 0 is a flush. git pushes with no other line that has no bytes."""
    head = data[at : at + _HEAD]
    if not _HEX.issuperset(head):
        raise UnreadableError("it has a line without a length")
    size = int(head, 16)
    if 0 < size < _HEAD or size > _MOST:
        raise UnreadableError("it has a line of no possible length")
    return size
