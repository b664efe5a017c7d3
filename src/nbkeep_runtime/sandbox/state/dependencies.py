"""Which memory a variable can reach, read from its frame: what it contains, and what it refers to."""

from __future__ import annotations

import bisect
import pickle
import pickletools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .pickler import Frame

Ranges = list[tuple[int, int]]

_SCANNED_BYTES = 64 << 10
_BUDGET_BYTES = 1 << 20
_LENGTHS = {-2: (1, False), -3: (4, True), -4: (4, False), -5: (8, False)}  # pickletools.TAKEN_FROM_ARGUMENT…
_OPCODES = {ord(one.code): (one.arg.n if one.arg else 0) for one in pickletools.opcodes}
_GETS = {pickle.BINGET[0]: 1, pickle.LONG_BINGET[0]: 4}


class Dependencies:
    """Knows, for each frame so far, the out-of-band buffers that its value reaches.

    A long frame is not read: it reaches everything before it.
    """

    def __init__(self) -> None:
        self._memos: list[int] = []
        self._needs: list[Ranges] = []
        self._budget = _BUDGET_BYTES

    def add(self, frame: Frame, taken: int) -> Ranges:
        """Add the next frame, after which `taken` buffers were taken; return what it reaches."""
        needs: Ranges = [(frame.taken, taken)] if taken > frame.taken else []
        if taken:
            if frame.size > _SCANNED_BYTES or frame.size > self._budget:
                needs = [(0, taken)]
            else:
                self._budget -= frame.size
                for index in self._referred(b"".join(frame.pieces), frame.memo):
                    needs += self._needs[index]
        self._memos.append(frame.memo)
        self._needs.append(_united(needs))
        return self._needs[-1]

    def _referred(self, stream: bytes, memo: int) -> set[int]:
        """Return the earlier frames whose objects a frame refers to; the first holds no user's objects."""
        found = {bisect.bisect_right(self._memos, number) - 1 for number in _gets(stream) if number < memo}
        return {index for index in found if index > 0}


def _gets(stream: bytes) -> set[int]:
    """Return the numbers of the memo that a pickle stream reads."""
    found: set[int] = set()
    position, end = 0, len(stream)
    while position < end:
        opcode = stream[position]
        position += 1
        size = _GETS.get(opcode)
        if size is not None:
            found.add(int.from_bytes(stream[position : position + size], "little"))
            position += size
            continue
        length = _OPCODES[opcode]
        if length >= 0:
            position += length
        elif length == -1:
            position = stream.index(b"\n", position) + 1
        else:
            width, signed = _LENGTHS[length]
            position += width + int.from_bytes(stream[position : position + width], "little", signed=signed)
    return found


def _united(ranges: Ranges) -> Ranges:
    """Return the same numbers as ordered ranges that do not touch."""
    found: Ranges = []
    for start, end in sorted(ranges):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found
