"""A small file in a kernel's folder, by which is known what a kernel died of while it was restored.

The kernel writes it, and anything of the sandbox may: it is a number, and decides nothing but what that
kernel is asked to leave out.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import struct
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from pathlib import Path

_NUMBER = struct.Struct("<q")
_NOWHERE = -1
_MOST = 1 << 31


class Progress:
    """Use as a context manager; raises OSError where the folder is none."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / secrets.token_hex(12)

    def __enter__(self) -> Self:
        self._folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            self._fd = os.open(self.path.name, flags, 0o600, dir_fd=self._folder)
        except OSError:
            os.close(self._folder)
            raise
        os.write(self._fd, _NUMBER.pack(_NOWHERE))
        return self

    def __exit__(self, *_exc: object) -> None:
        with contextlib.suppress(OSError):
            os.unlink(self.path.name, dir_fd=self._folder)
        os.close(self._fd)
        os.close(self._folder)

    def frame(self) -> int | None:
        """Return the part of the state that was being loaded, or None for none."""
        raw = os.pread(self._fd, _NUMBER.size, 0)
        number = _NUMBER.unpack(raw)[0] if len(raw) == _NUMBER.size else _NOWHERE
        return number if 0 <= number < _MOST else None
