"""Why variables are not kept or not brought back; each is a sentence for the user."""

from __future__ import annotations


class CannotKeep(Exception):
    """A save ended without a checkpoint; the earlier one stays."""


class CannotRestore(Exception):
    """A checkpoint is not handed out; it stays where it is."""


class KernelDied(CannotRestore):
    """The kernel ended by itself while it was restored; `frame` is what it was loading, if that is known."""

    def __init__(self, reason: str, frame: int | None) -> None:
        super().__init__(reason)
        self.frame = frame


class IsRefused(CannotRestore):
    """What lies there is not what this session may have: altered, of another owner, of another image."""


NOT_OURS = "The kept variables were not used: they were altered since, or encrypted with another key."
