"""What a document fetches into files, and which files it runs: over all cells, whatever their order."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from . import places
from .values import Spot

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST = 20_000
_UNSEEN = "not in this document, and may be another one tomorrow"
_NO_FILES = frozenset({"", "-", ".", "..", "null", "stdout", "{…}"})


@dataclass
class Trail:
    """Files by their names alone: a document goes from folder to folder in too many ways to follow."""

    _fetched: dict[str, str] = field(default_factory=dict[str, str])
    _runs: dict[tuple[str, Spot], tuple[str, str]] = field(
        default_factory=dict[tuple[str, Spot], "tuple[str, str]"]
    )
    _written: dict[int, list[str]] = field(default_factory=dict[int, "list[str]"])
    _is_open: bool = False
    _handed: dict[Spot, str] = field(default_factory=dict[Spot, str])
    _folders: dict[str, str] = field(default_factory=dict[str, str])
    _looked: dict[tuple[str, Spot], tuple[str, str]] = field(
        default_factory=dict[tuple[str, Spot], "tuple[str, str]"]
    )
    _filled: dict[int, str] = field(default_factory=dict[int, str])

    def fetches(self, path: str, host: str) -> None:
        """Remember that something is fetched into a file."""
        name = _name(path)
        if name not in _NO_FILES and len(self._fetched) < _MOST:
            self._fetched.setdefault(name, host)
            if not places.is_address(path) and (folder := _name(path.rpartition("/")[0])) not in _NO_FILES:
                self._folders.setdefault(folder, host)

    def fetches_into(self, folder: str, host: str) -> None:
        """Remember that something is fetched into a folder."""
        name = _name(folder)
        if name not in _NO_FILES and len(self._folders) < _MOST:
            self._folders.setdefault(name, host)

    def looks_in(self, folder: str, variable: str, spot: Spot, code: str) -> None:
        """Remember that programs are told to look in a folder for what they load."""
        name = _name(folder)
        if name not in _NO_FILES and len(self._looked) < _MOST:
            self._looked.setdefault((name, spot), (variable, code))

    def runs(self, path: str, spot: Spot, code: str, verb: str = "runs") -> None:
        """Remember that a file is run, imported or made a program."""
        name = _name(path)
        if name not in _NO_FILES and len(self._runs) < _MOST:
            self._runs.setdefault((name, spot), (verb, code))

    def writes(self, path: str, cell: int) -> None:
        """Remember that a cell opens a file to write it."""
        if len(self._written) < _MOST:
            self._written.setdefault(cell, []).append(path[:4096])

    def fills(self, cell: int) -> None:
        """Remember that a cell writes what it fetches into a file: any of those that it opens."""
        self._filled[cell] = "elsewhere"

    def opens(self) -> None:
        """Remember that the document opens a connection of its own."""
        self._is_open = True

    def hands_over(self, spot: Spot, code: str) -> None:
        """Remember that a place gives a program other hands and ears than its own."""
        if len(self._handed) < _MOST:
            self._handed.setdefault(spot, code)

    def told(self) -> Iterator[tuple[Spot, str, str]]:
        """Yield where what was fetched is run, in which words, and how that is written."""
        for cell, host in self._filled.items():
            for path in self._written.get(cell, []):
                self.fetches(path, host)
        for spot, code in self._handed.items() if self._is_open else ():
            yield spot, "gives a connection to a program (a reverse shell)", code
        for (name, spot), (verb, code) in self._runs.items():
            if name in self._fetched:
                what = f"{verb} {name}, which it fetches from {self._fetched[name]}: what is run is {_UNSEEN}"
                yield spot, what, code
        for (folder, spot), (variable, code) in self._looked.items():
            if folder in self._folders:
                what = f"sets {variable} to {folder}, into which it fetches from {self._folders[folder]}"
                yield spot, f"{what}: what is loaded is {_UNSEEN}", code


def _name(path: str) -> str:
    return re.split(r"[?#]", path, maxsplit=1)[0].rstrip("/").rpartition("/")[2][:200]
