"""A session's kept state on the disk: the index, and what it names."""

from __future__ import annotations

import contextlib
import shutil
import threading
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import orjson

from nbkeep_runtime.server.state import files
from nbkeep_runtime.server.state.budget import Budget
from nbkeep_runtime.server.state.errors import NOT_OURS, CannotRestore, IsRefused
from nbkeep_runtime.server.state.index import Index, KeptKernel, KeptTab, load
from nbkeep_runtime.server.state.sealing import FORMAT, Sealer
from nbkeep_runtime.server.state.slot import Reader, Writer
from nbkeep_runtime.server.state.summary import FILE, paths, summary

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from nbkeep_runtime.server.state.index import Checkpoint

_INDEX_BYTES = 256 << 20
_SUMMARY_BYTES = 1 << 20


class Store:
    """Saves and finds checkpoints; every method blocks, and is safe in several threads."""

    def __init__(self, folder: Path, sealer: Sealer, max_bytes: int, *, least_sequence: int = 0) -> None:
        self.folder = folder
        self._sealer = sealer
        self._max_bytes = max_bytes
        self._least_sequence = least_sequence
        self._lock = threading.Lock()
        self._budget: Budget | None = None
        self._busy: set[str] = set()
        self.index: Index | None = None

    def read(self) -> Index:
        """Return the kept index; raises `CannotRestore` with a sentence, and then nothing is changed."""
        try:
            raw = files.read(self.folder / "index", _INDEX_BYTES)
        except FileNotFoundError as error:
            raise CannotRestore("Nothing was kept of this session.") from error
        except OSError as error:
            raise IsRefused(NOT_OURS) from error
        head, _, sealed = raw.partition(b"\n")
        self._check(head)
        opened = self._sealer.open("index", (), sealed)
        try:
            index = load(opened)
        except (ValueError, KeyError, TypeError) as error:
            raise IsRefused("The kept state was written by another version of nbkeep.") from error
        if index.sequence < self._least_sequence:
            raise IsRefused("An older state was put in the place of the latest one, so it was not used.")
        self.index = index
        return index

    def told_paths(self) -> list[str]:
        """Return the notebooks that the summary in clear names, whoever wrote it."""
        try:
            return paths(files.read(self.folder / FILE, _SUMMARY_BYTES))
        except OSError:
            return []

    def _check(self, head: bytes) -> None:
        """Say in words what does not fit, from what is no secret; the seal decides all the same."""
        try:
            told: Any = orjson.loads(head)
        except orjson.JSONDecodeError:
            told = None
        if not isinstance(told, dict):
            raise IsRefused(NOT_OURS)
        told, binding = cast("dict[str, Any]", told), self._sealer.binding
        if told.get("format") != FORMAT:
            raise IsRefused("The kept state was written by another version of nbkeep.")
        if (told.get("owner"), told.get("session_id")) != (binding.owner, binding.session_id):
            raise IsRefused("The kept state belongs to another user or session, so it was not used.")
        if told.get("image_digest") != binding.image_digest:
            raise IsRefused(
                "The variables were saved with another image of packages, so they were not used."
                " Start a session with that image to have them back."
            )

    def writer(self, slot: str, python: str) -> Writer:
        """Begin a checkpoint of one kernel, and `release` its slot afterwards; raises OSError."""
        with self._lock:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if self._budget is None:
                self._budget = Budget(self._max_bytes, files.folder_bytes(self.folder))
            self._busy.add(slot)
            return Writer(self.folder / slot, self._sealer, self._budget, python)

    def release(self, slot: str) -> None:
        """End what `writer` began, also after an error of it."""
        with self._lock:
            self._busy.discard(slot)

    def reader(self, kernel: KeptKernel, checkpoint: Checkpoint) -> Reader:
        """Open a checkpoint; raises `IsRefused`."""
        return Reader(self.folder / kernel.slot, self._sealer, checkpoint)

    def commit(
        self, change: Callable[[tuple[KeptKernel, ...]], Sequence[KeptKernel]], tabs: Sequence[KeptTab]
    ) -> Index:
        """Make a new index the valid one, and tell of it; raises OSError with the old one untouched."""
        with self._lock:
            old = self.index or Index(0, "", (), ())
            now = datetime.now(UTC).isoformat(timespec="seconds")
            sequence = max(old.sequence, self._least_sequence) + 1
            index = replace(
                old, sequence=sequence, saved_at=now, kernels=tuple(change(old.kernels)), tabs=tuple(tabs)
            )
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            binding = self._sealer.binding
            head = {
                "format": FORMAT,
                "owner": binding.owner,
                "session_id": binding.session_id,
                "image_digest": binding.image_digest,
            }
            sealed = self._sealer.seal("index", (), index.dump())
            files.replace(self.folder / "index", orjson.dumps(head) + b"\n" + sealed)
            self.index = index
            files.replace(self.folder / FILE, summary(index, binding.image_digest))
            return index

    def clear(self) -> None:
        """Forget everything: no kernel is left whose variables could be kept. Twice is safe."""
        with self._lock:
            if self.index is None:
                return
            self.index = None
            for name in (FILE, "index"):
                (self.folder / name).unlink(missing_ok=True)
            shutil.rmtree(self.folder, ignore_errors=True)
            self._budget = None

    def sweep(self) -> None:
        """Remove what the index does not name, but in slots that are being written; never raises OSError."""
        with self._lock, contextlib.suppress(OSError):
            if self.index is None:
                return
            current = {one.slot: one.checkpoint for one in self.index.kernels if one.checkpoint}
            for folder in self.folder.iterdir():
                if folder.is_dir() and not folder.is_symlink() and folder.name not in self._busy:
                    checkpoint = current.get(folder.name)
                    if checkpoint is None:
                        shutil.rmtree(folder, ignore_errors=True)
                    else:
                        self._sweep_slot(folder, checkpoint)
            if self._budget is not None and not self._busy:
                self._budget = Budget(self._max_bytes, files.folder_bytes(self.folder))

    def _sweep_slot(self, folder: Path, checkpoint: Checkpoint) -> None:
        try:
            refs = Reader(folder, self._sealer, checkpoint).refs
        except IsRefused:
            return  # nothing is deleted that could not be read
        for path in folder.iterdir():
            if path.is_file() and path.name.partition(".")[0] != checkpoint.checkpoint_id:
                path.unlink(missing_ok=True)
        for path in (folder / "chunks").iterdir():
            if path.name not in refs:
                path.unlink(missing_ok=True)
