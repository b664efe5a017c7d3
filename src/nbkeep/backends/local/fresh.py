"""Homes of sessions in quarantine: made with the session, in its own folder, and gone with it.

They lie where no user's home can lie, so that no name leads from one to the other: `run/s/SESSION/home`. What
is put into one before anything runs waits in `given/SESSION`.
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nbkeep import wholefile
from nbkeep.model.errors import Unavailable, invalid
from nbkeep.model.ids import ID_PATTERN

from . import scratch
from .homes import Homes
from .layout import Layout, make_dir

if TYPE_CHECKING:
    from pathlib import Path

_HOME = "home"
_LONGEST_NAME_BYTES = 255
_ROOM_BYTES = 64 << 20  # beside the files that it begins with, however large they are
_WAITS_S = 3600.0
log = logging.getLogger("nbkeep.warden")


@dataclass(frozen=True)
class _InSession(Layout):
    """Where the one home of a session lies."""

    session_id: str

    @property
    def homes(self) -> Path:
        return self.session(self.session_id).path


class FreshHomes:
    """All homes of sessions in quarantine; the caller holds the session's lock."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def give(self, session_id: str, name: str, data: bytes) -> None:
        """Keep a file until the session is launched; see `Backend.give_file`."""
        self._layout.session(session_id)  # refuses what is no session's id
        if not _is_name(name):
            raise invalid("name", f"{name[:80]!r} is no file's name.", "Give a name without a folder.")
        try:
            make_dir(self._layout.data_dir / "given")
            with wholefile.replacing_bytes(make_dir(self._given(session_id)) / name) as file:
                file.write(data)
        except OSError as error:
            self.forget(session_id)
            raise Unavailable(
                "file-not-given",
                f"The file could not be kept for the session: {error.strerror or error}.",
                "An admin looks at the disk of the data directory.",
            ) from error

    def open(self, session_id: str, size_bytes: int, owner: int) -> Path:
        """Return a home in which nobody was before, with the files that were given. Raises `NbkeepError`."""
        self.clear(session_id)
        given = self._given_files(session_id)
        least = _ROOM_BYTES + 2 * sum(file.stat().st_size for file in given)
        home = self._homes(session_id).open(_HOME, max(size_bytes, least), owner)
        home.chmod(0o700)
        for file in given:
            into = home / file.name
            shutil.copyfile(file, into)
            into.chmod(0o600)
            os.chown(into, owner, owner)
        return home

    def clear(self, session_id: str) -> None:
        """Delete a session's fresh home, mounted or not. Twice is safe; sessions without one have none."""
        layout = _InSession(self._layout.data_dir, session_id)
        home, image = layout.home(_HOME), layout.home_image(_HOME)
        if home.is_mount():
            # Lazily: what still holds it, such as a jail that is just being built, must not keep it here.
            subprocess.run(["umount", "--lazy", str(home)], capture_output=True, check=False)
        self._homes(session_id).delete(_HOME)
        image.with_suffix(".new").unlink(missing_ok=True)

    def forget(self, session_id: str) -> None:
        """Delete what was given for a session. Twice is safe."""
        scratch.remove(self._given(session_id))

    def sweep(self) -> None:
        """Delete what was given for sessions that were never launched, an hour after."""
        try:
            waiting = list((self._layout.data_dir / "given").iterdir())
        except OSError:
            return
        for folder in waiting:
            if not ID_PATTERN.fullmatch(folder.name) or self._layout.session(folder.name).path.is_dir():
                continue
            if time.time() - folder.stat().st_mtime > _WAITS_S:
                log.info("What was given for %s is deleted: it was never launched.", folder.name)
                scratch.remove(folder)

    def _homes(self, session_id: str) -> Homes:
        return Homes(_InSession(self._layout.data_dir, session_id))

    def _given(self, session_id: str) -> Path:
        return self._layout.data_dir / "given" / session_id

    def _given_files(self, session_id: str) -> list[Path]:
        folder = self._given(session_id)
        found = sorted(folder.iterdir()) if folder.is_dir() else []
        # With a dot begins what was not written to its end.
        return [one for one in found if not one.name.startswith(".")]


def _is_name(name: str) -> bool:
    is_plain = bool(name) and "/" not in name and not name.startswith(".") and name.isprintable()
    return is_plain and len(name.encode("utf-8", "replace")) <= _LONGEST_NAME_BYTES
