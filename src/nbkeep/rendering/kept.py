"""Documents on the disk, named by what they hold: what is read is what was put there, or nothing."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from nbkeep.model.errors import Unavailable
from nbkeep.wholefile import replacing_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NAME = re.compile(r"[0-9a-f]{64}")


class Documents:
    """A folder of documents, for the office alone (0700, files 0600). Several may use it at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, data: bytes) -> str:
        """Keep a document, return its SHA-256 in hex once it is on disk. Twice is safe. Raises OSError."""
        sha256 = hashlib.sha256(data).hexdigest()
        place = self._place(sha256)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        place.parent.mkdir(mode=0o700, exist_ok=True)
        if not self.holds(sha256):
            with replacing_bytes(place, durable=True) as file:
                file.write(data)
        return sha256

    def read(self, sha256: str) -> bytes:
        """Return a document; raises `Unavailable` where it is gone, or is not what its name says."""
        try:
            data = self._place(sha256).read_bytes()
        except OSError as error:
            raise _gone() from error
        if hashlib.sha256(data).hexdigest() != sha256:  # Invariant: what leaves is what was examined
            raise _gone()
        return data

    def holds(self, sha256: str) -> bool:
        """Tell whether a document is there and whole."""
        try:
            self.read(sha256)
        except Unavailable:
            return False
        return True

    def forget(self, sha256: str) -> None:
        """Delete a document. Twice is safe. Raises OSError."""
        self._place(sha256).unlink(missing_ok=True)

    def names(self) -> Iterator[str]:
        """Yield the hashes of all documents there are, in no order."""
        if self._folder.is_dir():
            yield from (one.name for one in self._folder.glob("??/*") if _NAME.fullmatch(one.name))

    def _place(self, sha256: str) -> Path:
        if not _NAME.fullmatch(sha256):
            raise ValueError(sha256[:80])
        return self._folder / sha256[:2] / sha256


def _gone() -> Unavailable:
    return Unavailable("document-gone", "The document is not there any more, or was changed on the disk.",
                       "Ask for it to be released again.")  # fmt: skip
