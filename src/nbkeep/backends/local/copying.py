"""Copies one file out of a home, for who has to know exactly what it holds.

By a process of its own, with the rights of the home's owner. Its path was chosen by the user, who may change
everything in the home meanwhile: the kernel resolves it beneath the home, through no link and into no other
file system (openat2(2)), only a plain file is read, and one that changes while it is read is no copy.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import subprocess
import sys
from typing import TYPE_CHECKING, BinaryIO, NoReturn

from nbkeep.model.errors import Refused, Unavailable, not_found

if TYPE_CHECKING:
    from .homes import Homes

_TIME_LIMIT_S = 110
_CHUNK = 1 << 20
_SYS_OPENAT2 = 437  # the same number on every architecture (asm-generic)
_NO_XDEV, _NO_MAGICLINKS, _NO_SYMLINKS, _BENEATH = 0x01, 0x02, 0x04, 0x08
_RETRIES_WHILE_RENAMED = 16
_REFUSED = 3  # the exit code of who has said why
_LONGEST_REASON = 100

# Why a file is not copied, by what the process says: the status of HTTP, a sentence, the next step.
_WHY: dict[str, tuple[int, str, str]] = {
    "missing": (404, "There is no file {path!r} in the home.", "Give its path from the home on."),
    "link": (409, "{path!r} is a link, or lies behind one.", "Give the path of the file itself."),
    "kind": (409, "{path!r} is no plain file.", "Only plain files are copied; pack a folder first."),
    "closed": (409, "{path!r} may not be read by its owner.", "Change its mode: `chmod u+r`."),
    "large": (409, "{path!r} is larger than {most:,} bytes.", "Make it smaller."),
    "changed": (409, "{path!r} was changed while it was copied.", "Try again once nothing writes to it."),
    "failed": (409, "{path!r} could not be read to its end.", "Look at it in a session."),
}


class _OpenHow(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


def copy_out(homes: Homes, user: str, path: str, into: BinaryIO, most_bytes: int) -> None:
    """Write what a file of a home holds into an open file. Raises `Refused` (404, 409), `Unavailable`."""
    home = homes.layout.home(user)
    if not home.is_dir():
        raise not_found("volume", user)
    into.flush()
    command = [sys.executable, "-I", __file__, str(home), str(home.stat().st_uid), str(most_bytes)]
    asked = path.encode("utf-8", "surrogateescape").hex().encode()
    try:
        done = subprocess.run(
            command, input=asked, stdout=into, stderr=subprocess.PIPE, check=False, timeout=_TIME_LIMIT_S
        )
    except subprocess.TimeoutExpired as error:
        raise Unavailable("copy-failed", "The file could not be copied in time.", "Try again.") from error
    if done.returncode == 0:
        return
    why = _WHY.get(done.stderr.decode(errors="replace")) if done.returncode == _REFUSED else None
    if why is None:
        raise Unavailable("copy-failed", "The file could not be copied.", "Try again later.")
    status, message, remedy = why
    shown = path[:_LONGEST_REASON]
    raise Refused("not-copied", message.format(path=shown, most=most_bytes), remedy, status=status)


def open_beneath(folder: int, path: bytes) -> int:
    """Return a descriptor of what lies beneath an open folder, through no link. Raises OSError."""
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_NOFOLLOW | os.O_CLOEXEC
    how = _OpenHow(flags, 0, _NO_XDEV | _NO_MAGICLINKS | _NO_SYMLINKS | _BENEATH)
    libc = ctypes.CDLL(None, use_errno=True)
    for _ in range(_RETRIES_WHILE_RENAMED):
        opened: int = libc.syscall(_SYS_OPENAT2, folder, path, ctypes.byref(how), ctypes.sizeof(how))
        if opened >= 0:
            return opened
        code = ctypes.get_errno()
        if code != errno.EAGAIN:  # EAGAIN: something was renamed during the walk (openat2(2))
            raise OSError(code, os.strerror(code))
    raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))


def _refuse(why: str) -> NoReturn:
    sys.stderr.write(why)
    sys.exit(_REFUSED)


def _opened(folder: int, path: bytes) -> int:
    if not path or b"\0" in path:
        _refuse("missing")
    try:
        return open_beneath(folder, path)
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.EXDEV}:
            _refuse("link")
        if error.errno in {errno.EACCES, errno.EPERM}:
            _refuse("closed")
        if error.errno in {errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG}:
            _refuse("missing")
        if error.errno in {errno.ENXIO, errno.ENODEV}:  # a socket, a device that nobody has
            _refuse("kind")
        raise


def _mark(info: os.stat_result) -> tuple[int, ...]:
    """Return what is another one once a file was written to: no program sets the time of change."""
    return info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns


def main() -> None:
    """Print the file whose path is on standard input, or say why not."""
    home, owner, most_bytes = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    path = bytes.fromhex(sys.stdin.read().strip())
    folder = os.open(home, os.O_RDONLY | os.O_DIRECTORY)
    if os.geteuid() == 0 and owner != 0:
        os.setgroups([])
        os.setresgid(owner, owner, owner)
        os.setresuid(owner, owner, owner)
    file = _opened(folder, path)
    before = os.fstat(file)
    if not stat.S_ISREG(before.st_mode):
        _refuse("kind")
    if before.st_size > most_bytes:
        _refuse("large")
    left = before.st_size
    try:
        while piece := os.read(file, min(_CHUNK, left + 1)):
            left -= len(piece)
            if left < 0:  # it grows while it is read
                _refuse("changed")
            sys.stdout.buffer.write(piece)
        after = os.fstat(file)
    except OSError:
        _refuse("failed")
    if left or _mark(after) != _mark(before):
        _refuse("changed")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
