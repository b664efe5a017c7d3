"""Some values out of a JSON text that comes in pieces, without holding the rest of it. Pure; RFC 8259."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    Path = tuple[str, ...]

_DEEPEST = 64  # levels that are told apart; what lies below holds nothing that is wanted
_LONGEST_KEY = 64
_IN_STRING = re.compile(rb'["\\]')
_IN_OBJECT = re.compile(rb'["{}\[\],:]')
_IN_ARRAY = re.compile(rb'["{}\[\]]')  # commas between numbers are passed over: there can be millions


class _Level:
    """An object or an array that is open."""

    def __init__(self, *, is_object: bool) -> None:
        self.is_object = is_object
        self.key = ""
        self.wants_key = is_object


class Picker:
    """Tells of each value at a wanted path once it has ended; None for one that is longer than `most` bytes.

    A path is made of the keys from the outermost object inwards; nothing inside arrays has one. What is no
    JSON is told of as nothing, or as bytes that are none. `is_whole`: an outermost value has ended.
    """

    def __init__(
        self, wanted: Collection[Path], most: int, found: Callable[[Path, bytes | None], None]
    ) -> None:
        self._wanted, self._most, self._found = frozenset(wanted), most, found
        self._levels: list[_Level] = []
        self._deeper = 0
        self._in_string = self._is_escaped = False
        self._key: bytearray | None = None
        self._taken: bytearray | None = None
        self._path: Path = ()
        self._at_level = 0
        self.is_whole = False

    def feed(self, data: bytes) -> None:
        """Read on."""
        at = 0
        while at < len(data):
            at = self._string(data, at) if self._in_string else self._structure(data, at)

    def _string(self, data: bytes, at: int) -> int:
        if self._is_escaped:
            self._is_escaped = False
            self._keep(data[at : at + 1])
            return at + 1
        match = _IN_STRING.search(data, at)
        if match is None:
            self._keep(data[at:])
            return len(data)
        self._keep(data[at : match.end()])
        if match[0] == b"\\":
            self._is_escaped = True
        else:
            self._in_string = False
            self._end_key()
        return match.end()

    def _structure(self, data: bytes, at: int) -> int:
        level = self._levels[-1] if self._levels and not self._deeper else None
        match = (_IN_OBJECT if level is not None and level.is_object else _IN_ARRAY).search(data, at)
        if match is None:
            self._keep(data[at:])
            return len(data)
        letter = match[0]
        self._keep(data[at : match.start()])
        is_here = len(self._levels) == self._at_level and not self._deeper
        if letter in b",}]" and self._taken is not None and is_here:
            self._tell()
        self._keep(letter)
        if letter == b'"':
            self._in_string = True
            if level is not None and level.wants_key:
                self._key = bytearray()
        elif letter in b"{[":
            self._open(is_object=letter == b"{")
        elif letter in b"}]":
            self._close()
        elif level is not None:  # a comma or a colon of an object
            level.wants_key = letter == b","
            if letter == b":":
                self._begin()
        return match.end()

    def _open(self, *, is_object: bool) -> None:
        if len(self._levels) >= _DEEPEST:
            self._deeper += 1
        else:
            self._levels.append(_Level(is_object=is_object))

    def _close(self) -> None:
        if self._deeper:
            self._deeper -= 1
        elif self._levels:
            self._levels.pop()
            self.is_whole = self.is_whole or not self._levels

    def _begin(self) -> None:
        if self._taken is not None or not all(one.is_object for one in self._levels):
            return
        path = tuple(one.key for one in self._levels)
        if path in self._wanted:
            self._taken, self._path, self._at_level = bytearray(), path, len(self._levels)

    def _tell(self) -> None:
        taken, self._taken = self._taken or bytearray(), None
        self._found(self._path, bytes(taken) if len(taken) <= self._most else None)

    def _keep(self, data: bytes) -> None:
        if self._key is not None and len(self._key) <= _LONGEST_KEY:
            self._key += data[: _LONGEST_KEY + 1]
        if self._taken is not None and len(self._taken) <= self._most:
            self._taken += data[: self._most + 1]

    def _end_key(self) -> None:
        key, self._key = self._key, None
        if key is None or not self._levels:
            return
        try:
            # `key` ends with the closing quote. A key may be written with escapes.
            self._levels[-1].key = cast("str", json.loads(b'"' + bytes(key))) if key else ""
        except ValueError:
            self._levels[-1].key = ""
