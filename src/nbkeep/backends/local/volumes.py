"""Homes as the office asks for them: the part of the back end that knows no process."""

from __future__ import annotations

import json
import os
import threading
from collections import defaultdict
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from nbkeep.backends.interface import ChangedFiles, HomeListing, LeftFiles, Volume, VolumeUsage
from nbkeep.model.errors import Refused
from nbkeep.model.ids import ID_PATTERN

from .changed import changed_in_home
from .copying import copy_out
from .endings import load_ending
from .homes import Homes
from .leavings import delete_leftovers, find_leftovers
from .listing import list_home
from .usage import UsageCache

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from datetime import datetime

    from .layout import Layout


class Volumes:
    """Part of the `Backend` contract; what each method does is told there. Safe from several threads.

    Invariant: a home is put to rest only while no session has it and nobody looks into it: `_users`, asked
    with the home's lock.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self._homes = Homes(layout)
        self._usage = UsageCache(self._homes)
        self._measured: list[str] = []
        self._locks: defaultdict[str, threading.RLock] = defaultdict(threading.RLock)

    def _ids(self) -> list[str]:
        return sorted(path.name for path in self.layout.sessions.iterdir() if ID_PATTERN.fullmatch(path.name))

    def rest_homes(self) -> None:
        """Unmount the homes of users without a session. Twice is safe; what is busy rests at a later look."""
        if os.geteuid() != 0:
            return
        for user in self._homes.awake() - self._users():
            with self._locks[f"home {user}"]:
                if user not in self._users():
                    self._homes.rest(user)

    def _users(self) -> set[str]:
        """Return whose home is in use: by a session that has not ended, or because it is being measured."""
        found = set(self._measured)
        for session_id in self._ids():
            folder = self.layout.session(session_id).path
            try:
                spec = json.loads((folder / "spec.json").read_text())
            except OSError:
                continue  # stopped meanwhile, or not so far yet that it has a home
            if load_ending(folder) is None and not spec.get("quarantine", False):
                found.add(str(spec["user"]))
        return found

    def volume(self, user: str) -> Volume | None:
        """Return a user's home."""
        found = self._homes.volume(user)
        if found is not None and found.kind == "folder":
            used = self._usage.used_bytes(user)
            return Volume("folder", 0, used, found.free_bytes)
        return found

    def resize_volume(self, user: str, size_bytes: int) -> Volume:
        """Grow a home."""
        with self._locks[f"home {user}"]:
            return self._homes.resize(user, size_bytes)

    def delete_volume(self, user: str) -> None:
        """Delete a home for good; refused while one of its sessions is there."""
        with self._locks[f"home {user}"]:
            if user in self._users():
                raise Refused("volume-busy", f"The home of {user} is in use.",
                              "Stop the user's sessions first.", status=409)  # fmt: skip
            self._homes.delete(user)

    def volume_usage(self, user: str, depth: int = 2) -> VolumeUsage:
        """Return usage by folder; a home that rests is mounted for it."""
        with self._awake(user):
            return self._usage.measure(user, depth)

    def home_listing(self, user: str, after: str = "") -> HomeListing:
        """Return the next files of a home with their hashes; a home that rests is mounted for it."""
        with self._awake(user):
            return list_home(self._homes, user, after)

    def changed_files(self, user: str, since: datetime, after: str = "") -> ChangedFiles:
        """Return the next files of a home that were changed; a home that rests is mounted for it."""
        with self._awake(user):
            return changed_in_home(self._homes, user, since, after)

    def copy_file(self, user: str, path: str, into: BinaryIO, most_bytes: int) -> None:
        """Write what a file of a home holds into an open file; a home that rests is mounted for it."""
        with self._awake(user):
            copy_out(self._homes, user, path, into, most_bytes)

    def leftovers(self, user: str, rules: str) -> LeftFiles:
        """Return what tools left behind in a home; one that rests is mounted for it."""
        with self._awake(user):
            return find_leftovers(self._homes, user, rules)

    def delete_leftovers(self, user: str, versions: Mapping[str, str]) -> dict[str, str]:
        """Delete leftovers; a home that rests is mounted for it."""
        with self._awake(user):
            return delete_leftovers(self._homes, user, versions)

    @contextmanager
    def _awake(self, user: str) -> Generator[None]:
        """Have a home mounted for as long as somebody looks into it."""
        with self._locks[f"home {user}"]:
            self._homes.wake(user)
            self._measured.append(user)
        try:
            yield
        finally:
            self._measured.remove(user)
