"""Opens files of the home so that no path, link or race leads out of it.

Every path is resolved by the kernel beneath one directory descriptor (openat2(2), RESOLVE_BENEATH and
RESOLVE_NO_MAGICLINKS), so a symbolic link that is swapped between a check and its use leads nowhere else.
Only regular files and folders are opened: a FIFO, socket or device in the home cannot make the server wait.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

_SYS_OPENAT2 = 437  # the same number on every architecture (asm-generic)
_RESOLVE_NO_MAGICLINKS = 0x02
_RESOLVE_BENEATH = 0x08
_MAX_LINKS = 40
_RETRIES_WHILE_RENAMED = 16

_libc = ctypes.CDLL(None, use_errno=True)


class _OpenHow(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


class OutsideHome(PermissionError):
    """The path leads out of the home, or to something that is neither file nor folder."""


def _openat2(folder: int, path: str, flags: int, mode: int) -> int:
    how = _OpenHow(flags | os.O_CLOEXEC, mode if flags & os.O_CREAT else 0, 0)
    how.resolve = _RESOLVE_BENEATH | _RESOLVE_NO_MAGICLINKS
    for _ in range(_RETRIES_WHILE_RENAMED):
        fd: int = _libc.syscall(
            _SYS_OPENAT2, folder, os.fsencode(path), ctypes.byref(how), ctypes.sizeof(how)
        )
        if fd >= 0:
            return fd
        code = ctypes.get_errno()
        if code != errno.EAGAIN:  # EAGAIN: something was renamed during the walk (openat2(2))
            raise OSError(code, os.strerror(code), path)
    raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN), path)


def clean(path: str) -> str:
    """Return an API path without slashes at its ends or empty parts; raises `OutsideHome` for `..`."""
    parts = [part for part in path.split("/") if part not in {"", "."}]
    if ".." in parts or "\0" in path:
        raise OutsideHome(errno.EACCES, "The path leads out of the home", path)
    return "/".join(parts)


class Home:
    """One home. Paths are relative to it, with `/`; the empty path is the home itself.

    `inside` is how the sandbox sees the home: absolute links that start with it are followed.
    """

    def __init__(self, root: Path, inside: str) -> None:
        self.root = root
        self._inside = inside.rstrip("/") + "/"
        self._fd = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self._fd)

    def open(self, path: str, flags: int, mode: int = 0o666) -> int:
        """Return a descriptor of what lies at `path`; the caller closes it. Raises OSError, `OutsideHome`."""
        path = clean(path)
        for _ in range(_MAX_LINKS):
            try:
                return _openat2(self._fd, path or ".", flags, mode)
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                rewritten = self._without_absolute_link(path)
                if rewritten is None:
                    raise OutsideHome(errno.EACCES, "The path leads out of the home", path) from error
                path = rewritten
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)

    def _without_absolute_link(self, path: str) -> str | None:
        """Return `path` with its first link to `/home/user/…` written out, or None when there is none.

        Only a proposal: what it returns is opened beneath the home again.
        """
        parts = path.split("/")
        for index in range(len(parts)):
            try:
                target = os.readlink("/".join(parts[: index + 1]), dir_fd=self._fd)
            except OSError:
                continue
            if target.startswith("/"):
                if not (target + "/").startswith(self._inside):
                    return None
                return "/".join([target[len(self._inside) :].strip("/"), *parts[index + 1 :]]).strip("/")
        return None

    def open_file(self, path: str) -> int:
        """Return a read descriptor of a regular file; anything else raises `OutsideHome` at once."""
        fd = self.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
        mode = os.fstat(fd).st_mode
        if stat.S_ISREG(mode):
            return fd
        os.close(fd)
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        raise OutsideHome(errno.EACCES, "Not a regular file", path)

    @contextlib.contextmanager
    def folder(self, path: str) -> Generator[int]:
        """Give a descriptor of a folder, for calls with `dir_fd`."""
        fd = self.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            yield fd
        finally:
            os.close(fd)

    @contextlib.contextmanager
    def parent(self, path: str) -> Generator[tuple[int, str]]:
        """Give the folder that holds `path` and the last name, for calls that follow no link at the end."""
        head, _, name = clean(path).rpartition("/")
        if not name:
            raise OutsideHome(errno.EACCES, "The home itself cannot be replaced", path)
        with self.folder(head) as fd:
            yield fd, name

    def final(self, path: str) -> str:
        """Return `path` with links at its end followed, so that saving through a link keeps the link."""
        path = clean(path)
        for _ in range(_MAX_LINKS):
            with self.parent(path) as (fd, name):
                try:
                    target = os.readlink(name, dir_fd=fd)
                except OSError:
                    return path
            if target.startswith("/"):
                if not (target + "/").startswith(self._inside):
                    raise OutsideHome(errno.EACCES, "The link leads out of the home", path)
                path = target[len(self._inside) :]
            else:
                path = os.path.normpath(f"{path.rpartition('/')[0]}/{target}".lstrip("/"))
            path = clean(path)
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)

    def stat(self, path: str) -> os.stat_result:
        """Return the status of a file or folder, links followed within the home."""
        fd = self.open(path, os.O_PATH)
        try:
            status = os.fstat(fd)
        finally:
            os.close(fd)
        if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
            raise OutsideHome(errno.EACCES, "Neither a file nor a folder", path)
        return status

    def is_folder(self, path: str) -> bool:
        """Tell whether a folder is there."""
        try:
            return stat.S_ISDIR(self.stat(path).st_mode)
        except OSError:
            return False

    def space(self) -> tuple[int, int]:
        """Return (size, free) of the volume in bytes."""
        with self.folder("") as fd:
            volume = os.fstatvfs(fd)
        return volume.f_blocks * volume.f_frsize, volume.f_bavail * volume.f_frsize
