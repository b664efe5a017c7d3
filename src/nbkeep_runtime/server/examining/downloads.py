"""The way out by the browser: what may be downloaded, and what is said where it may not.

What is judged is what is sent: the file is copied to memory first, so that nobody can change it in between.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import html
import logging
import os
from typing import TYPE_CHECKING, NoReturn

from nbkeep.model.gates import Gate
from nbkeep.scanning.values import Limits
from nbkeep_runtime.server.home import clean

from . import policy
from .examined import unexamined
from .examiner import rules_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from nbkeep_runtime.server.home import Home
    from nbkeep_runtime.server.office import Office

    from .examined import Examined
    from .policy import Judgement
    from .reader import Reader

log = logging.getLogger("nbkeep.examining")

_CHUNK = 8 << 20
_COPIES = 3  # in memory at a time
# Parts of a page that JupyterLab shows: pictures and sound in a document are looked at, not taken away.
_SHOWN = frozenset({"audio", "font", "image", "style", "track", "video"})
HOW_TO_ASK = (
    "To let it leave, ask for a release: Let It Leave… in JupyterLab's File menu, or `nbkeep release request`"
    " in a terminal of your own."
)


class NotDownloaded(Exception):
    """A policy does not let a file be downloaded."""

    def __init__(self, path: str, judgement: Judgement) -> None:
        super().__init__(f"{path} was not downloaded. {judgement.words} {HOW_TO_ASK}")
        self.judgement = judgement

    @property
    def page(self) -> str:
        """The message as a page of its own."""
        said = html.escape(str(self))
        return (
            "<!doctype html><html lang=en><meta charset=utf-8><title>Not downloaded</title>"
            "<style>body{font:16px/1.5 system-ui;max-width:40rem;margin:15vh auto;padding:0 1rem;"
            "color-scheme:light dark}</style>"
            f"<h1>Not downloaded</h1><p>{said}</p>"
        )


class Downloads:
    """Judges the downloads of one session."""

    def __init__(self, home: Home, office: Office, reader: Reader) -> None:
        self._home = home
        self._office = office
        self._reader = reader
        self._copies = asyncio.Semaphore(_COPIES)

    def is_free(self, destination: str | None) -> bool:
        """Tell whether a file goes out unseen: all may, or it is shown within a page.

        `destination`: what the browser wants it for (Sec-Fetch-Dest).
        """
        decided = policy.is_decided(self._office.view, Gate.DOWNLOAD)
        return (decided is not None and decided.is_allowed) or destination in _SHOWN

    async def check(self, path: str) -> None:
        """Raise `NotDownloaded` where a download would be refused; OSError where there is no such file."""
        if not self.is_free(None):
            async with self.judged(path):
                pass

    @contextlib.asynccontextmanager
    async def judged(self, path: str) -> AsyncGenerator[int]:
        """Give an open file to send, which may be downloaded; raises `NotDownloaded`, or OSError."""
        path = clean(path)
        decided = policy.is_decided(self._office.view, Gate.DOWNLOAD)
        if decided is not None and not decided.is_allowed:
            self._refuse(path, decided, unexamined("was not asked for"))
        async with self._copies:
            file = await asyncio.to_thread(self._home.open_file, path)
            copy = os.memfd_create("download", os.MFD_CLOEXEC)
            try:
                is_whole = await asyncio.to_thread(_copy, file, copy)
                if is_whole:
                    found = await asyncio.to_thread(
                        self._reader.examine, copy, path, pictures=True, strict=True
                    )
                else:
                    found = unexamined("is too large to be examined")
                judgement = policy.judge(self._office.view, Gate.DOWNLOAD, found.found)
                if not judgement.is_allowed:
                    self._refuse(path, judgement, found)
                # What is too large to be examined may go only where a policy says so of all that is not.
                yield copy if is_whole else file
            finally:
                os.close(copy)
                os.close(file)

    def _refuse(self, path: str, judgement: Judgement, found: Examined) -> NoReturn:
        try:
            self._office.record(
                "download.refused",
                path=path,
                decision=judgement.decision.value,
                found=", ".join(sorted(one.found for one in judgement.because)),
                rules=rules_of(found),
            )
        except OSError as error:
            log.error("A refused download was not recorded: %s", error)
        raise NotDownloaded(path, judgement)


def _copy(file: int, copy: int) -> bool:
    """Copy a file; return False where it is larger than what is examined."""
    most, at = Limits().file_bytes, 0
    while piece := os.pread(file, _CHUNK, at):
        at += len(piece)
        if at > most:
            return False
        if os.write(copy, piece) != len(piece):
            raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))
    return True
