"""Where things lie in the data directory, as far as the warden owns them."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nbkeep.model.errors import invalid
from nbkeep.model.ids import ID_PATTERN

if TYPE_CHECKING:
    from pathlib import Path

# A user name becomes a folder's name: nothing that a path could mean something by.
_NAME = re.compile(r"^[a-z0-9][a-z0-9._-]{0,62}$")


def safe_name(name: str, field: str) -> str:
    """Return `name` when it can be a folder's name; raise `Refused` (400) otherwise."""
    if not _NAME.fullmatch(name) or ".." in name or name.endswith(".xfs"):
        raise invalid(field, f"{name!r} cannot be a {field}'s name.", "Use lower-case letters, digits, . _ -")
    return name


@dataclass(frozen=True)
class SessionDir:
    """Folder of one session: `server/` and `kernels/` belong to the user, the rest to the warden."""

    path: Path

    @property
    def server(self) -> Path:
        """Holds server.sock."""
        return self.path / "server"

    @property
    def kernels(self) -> Path:
        """Holds init.sock and the kernels' sockets; the only folder that both halves write."""
        return self.path / "kernels"

    @property
    def limits(self) -> Path:
        """What the trusted half may read about its sandbox's memory."""
        return self.path / "limits"

    @property
    def warm(self) -> Path:
        """Holds the socket on which the trusted half asks for forks of warm parents."""
        return self.path / "warm"

    @property
    def gateway(self) -> Path:
        """Holds the socket by which the sandbox reaches the outside."""
        return self.path / "gateway"

    @property
    def state(self) -> Path:
        """Trusted state of a session in quarantine; all others have their user's."""
        return self.path / "state"

    @property
    def etc(self) -> Path:
        """passwd, group, hosts and so on as the halves see them."""
        return self.path / "etc"


@dataclass(frozen=True)
class Layout:
    """Paths below one data directory."""

    data_dir: Path

    @property
    def sessions(self) -> Path:
        """Parent of all sessions' folders."""
        return self.data_dir / "run/s"

    @property
    def warden_socket(self) -> Path:
        """Where the warden listens."""
        return self.data_dir / "run/warden/warden.sock"

    @property
    def warden_lock(self) -> Path:
        """Locked for as long as a warden lives."""
        return self.data_dir / "run/warden/warden.lock"

    @property
    def homes(self) -> Path:
        """Parent of homes."""
        return self.data_dir / "homes"

    def session(self, session_id: str) -> SessionDir:
        """Return a session's folder; raise `Refused` (400) for what is no session id."""
        if not ID_PATTERN.fullmatch(session_id):
            raise invalid("session", f"{session_id!r} is not a session's id.")
        return SessionDir(self.sessions / session_id)

    def session_log(self, session_id: str) -> Path:
        """Where a session's output goes."""
        return self.data_dir / "logs/sessions" / f"{session_id}.log"

    def home(self, user: str) -> Path:
        """Return a user's home: a folder, or the mount point of `home_image`."""
        return self.homes / safe_name(user, "user")

    def home_image(self, user: str) -> Path:
        """Return the file that holds a user's home where homes are XFS images."""
        return self.homes / f"{safe_name(user, 'user')}.xfs"

    def state(self, user: str) -> Path:
        """Return a user's trusted state."""
        return self.data_dir / "state" / safe_name(user, "user")

    @property
    def images(self) -> Path:
        """Parent of all images."""
        return self.data_dir / "images"

    def image(self, name: str) -> Path:
        """Return the folder of an image's builds."""
        return self.images / safe_name(name, "image")


def make_data_dir(path: Path) -> None:
    """Make the data directory, whatever the umask; one that is there keeps its mode. Twice is safe.

    Trusted halves and images have readers with user ids of their own, who pass through and may list nothing.
    """
    if not path.is_dir():
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(0o711)


def make_dir(path: Path, mode: int = 0o700, owner: int | None = None) -> Path:
    """Make a folder (and its parents) with exactly this mode and owner; twice is safe."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(mode)
    if owner is not None and path.stat().st_uid != owner:
        os.chown(path, owner, owner)
    return path
