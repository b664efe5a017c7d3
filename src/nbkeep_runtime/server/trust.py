"""Remembers which notebooks' outputs their user produced or accepted, so that only those may run script.

The key and the list of signatures lie in the trusted state, never in the home: code in the sandbox can
write any notebook, but cannot make one trusted.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import sqlite3
import threading
import time
from typing import TYPE_CHECKING, Any, cast

import orjson

from nbkeep_runtime.server.notebooks import Notebook, cells_of, outputs_of

if TYPE_CHECKING:
    from pathlib import Path

_KEPT = 50_000
_ACTIVE_OUTPUTS = {"execute_result", "display_data"}


class TrustStore:
    """Signatures of trusted notebooks in one user's state folder; safe from several threads."""

    def __init__(self, folder: Path) -> None:
        self._key = _key(folder / "notebook-key")
        self._lock = threading.Lock()
        self._database = sqlite3.connect(folder / "notebook-signatures.db", check_same_thread=False)
        with self._lock, self._database:
            self._database.execute(
                "CREATE TABLE IF NOT EXISTS signature (digest BLOB PRIMARY KEY, seen_at REAL NOT NULL)"
            )

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._database.close()

    def mark(self, notebook: Notebook) -> None:
        """Set `metadata.trusted` of each cell of a notebook that is about to be opened, in place."""
        strip(notebook)
        active = [cell for cell in cells_of(notebook) if is_active(cell)]
        trusted = not active or self.knows(self._digest(notebook))
        for cell in cells_of(notebook):
            if cell.get("cell_type") == "code":
                metadata: Any = cell.setdefault("metadata", {})
                if isinstance(metadata, dict):
                    metadata["trusted"] = trusted or not is_active(cell)

    def sign_if_trusted(self, notebook: Notebook) -> None:
        """Remember a notebook that is being saved, if all of its active cells are trusted; then strip."""
        trusted = all(is_trusted(cell) for cell in cells_of(notebook) if is_active(cell))
        strip(notebook)
        if trusted:
            self.sign(notebook)

    def sign(self, notebook: Notebook) -> None:
        """Remember a notebook as trusted; twice is the same as once."""
        strip(notebook)
        self.sign_digest(self._digest(notebook))

    def sign_digest(self, digest: bytes) -> None:
        """Remember the digest of a notebook as trusted; twice is the same as once."""
        with self._lock, self._database:
            self._database.execute(
                "INSERT INTO signature VALUES (?, ?) ON CONFLICT (digest) DO UPDATE SET seen_at = ?",
                (digest, time.time(), time.time()),
            )
            self._database.execute(
                "DELETE FROM signature WHERE digest IN"
                " (SELECT digest FROM signature ORDER BY seen_at DESC LIMIT -1 OFFSET ?)",
                (_KEPT,),
            )

    def knows(self, digest: bytes) -> bool:
        """Tell whether a notebook of that digest was signed."""
        with self._lock:
            row = self._database.execute("SELECT 1 FROM signature WHERE digest = ?", (digest,)).fetchone()
        return row is not None

    def _digest(self, notebook: Notebook) -> bytes:
        hasher = self.hasher()
        for cell in cells_of(notebook):
            hasher.add(cell)
        return hasher.digest()

    def hasher(self) -> Hasher:
        """Return what takes a notebook's digest cell by cell."""
        return Hasher(self._key)


class Hasher:
    """The digest of one notebook; its cells are added in order, stripped and in memory form."""

    def __init__(self, key: bytes) -> None:
        self._keyed = hashlib.blake2b(key=key, digest_size=32)

    def add(self, cell: dict[str, Any]) -> None:
        """Add a cell."""
        self._keyed.update(_canonical({k: v for k, v in cell.items() if k != "outputs"}))
        for output in outputs_of(cell):
            self._keyed.update(_canonical(output))

    def digest(self) -> bytes:
        """Return the digest of what was added."""
        return self._keyed.digest()


def strip(notebook: Notebook) -> None:
    """Remove the marks that only live in memory, so that no file carries its own trust."""
    for cell in cells_of(notebook):
        metadata: Any = cell.get("metadata")
        if isinstance(metadata, dict):
            cast("dict[str, Any]", metadata).pop("trusted", None)
    metadata = notebook.get("metadata")
    if isinstance(metadata, dict):
        cast("dict[str, Any]", metadata).pop("signature", None)


def _canonical(value: Any) -> bytes:
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS) + b"\n"
    except orjson.JSONEncodeError:
        return repr(value).encode(errors="surrogatepass")


def is_active(cell: dict[str, Any]) -> bool:
    """Tell whether a cell has outputs that could run script."""
    return any(output.get("output_type") in _ACTIVE_OUTPUTS for output in outputs_of(cell))


def is_trusted(cell: dict[str, Any]) -> bool:
    """Tell whether a cell in memory form carries the mark of trust."""
    metadata: Any = cell.get("metadata")
    return isinstance(metadata, dict) and cast("dict[str, Any]", metadata).get("trusted") is True


def _key(path: Path) -> bytes:
    with contextlib.suppress(FileExistsError):
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(fd, "wb") as file:
            file.write(secrets.token_bytes(64))
    return path.read_bytes()[:64]
