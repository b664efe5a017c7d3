"""Takes one checkpoint from a kernel over its connection; blocks, for a thread of its own."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from nbkeep_runtime.server.state.errors import CannotKeep
from nbkeep_runtime.server.state.frames import FrameError, Frames, KernelFailed
from nbkeep_runtime.server.state.slot import HASH, Writer, Written

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbkeep_runtime.server.state.store import Store

log = logging.getLogger("nbkeep.state")

_HASHES = 4096
_PYTHON = re.compile(r"\d{1,2}\.\d{1,3}\.\d{1,3}[0-9a-z+]{0,20}")
_KINDS = ("have", "chunk", "stream", "manifest", "end")
_DISK = "The platform's disk does not take more."


@dataclass(frozen=True)
class Received:
    """What a kernel sent, on the disk; nothing is valid before the index names it."""

    written: Written
    python: str
    writer: Writer


def receive(frames: Frames, store: Store, slot: str, is_wanted: Callable[[], bool]) -> Received:
    """Return the checkpoint, or raise `CannotKeep` with nothing left behind. Release the slot afterwards."""
    begin, _ = _next(frames, "begin")
    python: Any = begin.get("python")
    if begin.get("format") != 1 or not isinstance(python, str) or not _PYTHON.fullmatch(python):
        raise CannotKeep("The kernel saves in a form that this version of nbkeep does not know.")
    try:
        writer = store.writer(slot, python)
    except OSError as error:
        log.warning("A checkpoint cannot be begun: %s", error)
        raise CannotKeep(_DISK) from error
    try:
        return Received(_take(frames, writer, is_wanted), python, writer)
    except CannotKeep as error:
        writer.abandon()
        _tell(frames, str(error))
        raise
    except OSError as error:
        writer.abandon()
        log.warning("A checkpoint was not written: %s", error)
        _tell(frames, _DISK)
        raise CannotKeep(_DISK) from error
    except BaseException:
        writer.abandon()
        raise


def _take(frames: Frames, writer: Writer, is_wanted: Callable[[], bool]) -> Written:
    while True:
        frame, data = _next(frames, *_KINDS)
        match frame["type"]:
            case "have":
                frames_hashes = _hashes(frame)
                _send(frames, "missing", hashes=writer.missing(frames_hashes))
            case "chunk":
                writer.chunk(_hash(frame.get("hash")), data)
            case "end":
                break
            case role:
                writer.piece(role, data)
    written = writer.finish()
    if not is_wanted():
        raise CannotKeep("The save was given up.")
    _send(frames, "saved", bytes=written.bytes, new_bytes=written.new_bytes)
    return written


def _next(frames: Frames, *kinds: str) -> tuple[dict[str, Any], bytearray]:
    try:
        return frames.receive(*kinds)
    except KernelFailed as error:
        raise CannotKeep(f"The kernel could not save: {error}") from error
    except FrameError as error:
        raise CannotKeep(str(error)) from error


def _send(frames: Frames, kind: str, **more: Any) -> None:
    try:
        frames.send(kind, **more)
    except FrameError as error:
        raise CannotKeep(str(error)) from error


def _tell(frames: Frames, reason: str) -> None:
    try:
        frames.send("refused", reason=reason)
    except FrameError as error:
        log.info("A kernel was not told why its save ended: %s", error)


def _hashes(frame: dict[str, Any]) -> list[str]:
    hashes: Any = frame.get("hashes")
    if not isinstance(hashes, list) or len(cast("list[Any]", hashes)) > _HASHES:
        raise CannotKeep("The kernel sent a frame that was not expected.")
    return [_hash(one) for one in cast("list[Any]", hashes)]


def _hash(value: object) -> str:
    if not isinstance(value, str) or not HASH.fullmatch(value):
        raise CannotKeep("The kernel sent a frame that was not expected.")
    return value
