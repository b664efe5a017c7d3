"""The head of a session's kept state: which kernels, and which checkpoint of each."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, cast

import orjson


@dataclass(frozen=True)
class Lost:
    """A variable that is not kept, or not wholly; all of it is the kernel's word."""

    name: str
    type: str
    reason: str


@dataclass(frozen=True)
class Checkpoint:
    """One kernel's variables at one moment. `memory_bytes`: what they take that is filled chunk by chunk."""

    checkpoint_id: str
    saved_at: str
    python: str
    manifest_pieces: int
    stream_pieces: int
    bytes: int
    kept: int
    lost: tuple[Lost, ...]
    memory_bytes: int = 0  # in states of before it was noted


@dataclass(frozen=True)
class KeptKernel:
    """A kernel that is started again. Without a checkpoint it starts empty, and `reason` says why."""

    kernel_id: str
    slot: str
    path: str
    kernel_name: str
    language: str
    checkpoint: Checkpoint | None
    reason: str = ""


@dataclass(frozen=True)
class KeptTab:
    """A notebook or console that a kernel belongs to, as Jupyter Server's session has it."""

    session_id: str
    kernel_id: str
    path: str
    name: str
    type: str


@dataclass(frozen=True)
class Index:
    """All that is kept. `sequence` grows with each save."""

    sequence: int
    saved_at: str
    kernels: tuple[KeptKernel, ...]
    tabs: tuple[KeptTab, ...]

    def dump(self) -> bytes:
        """Return it as JSON."""
        return orjson.dumps(dataclasses.asdict(self))


def load(raw: bytes) -> Index:
    """Return an index from JSON of our own, already verified; raises ValueError, KeyError or TypeError."""
    loaded = cast("dict[str, Any]", orjson.loads(raw))
    return Index(
        int(loaded["sequence"]),
        str(loaded["saved_at"]),
        tuple(_kernel(one) for one in loaded["kernels"]),
        tuple(KeptTab(**one) for one in loaded["tabs"]),
    )


def _kernel(one: dict[str, Any]) -> KeptKernel:
    checkpoint: Any = one.pop("checkpoint")
    return KeptKernel(checkpoint=None if checkpoint is None else _checkpoint(checkpoint), **one)


def _checkpoint(one: dict[str, Any]) -> Checkpoint:
    lost = tuple(Lost(**each) for each in one.pop("lost"))
    return Checkpoint(lost=lost, **one)
