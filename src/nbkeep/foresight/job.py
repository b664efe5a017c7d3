"""Has a document looked at by a child, whose every word is taken for hostile: parsers can be crashed."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from nbkeep.rendering import jail
from nbkeep.rendering.job import read_out

from . import wire
from .values import Foreseen

if TYPE_CHECKING:
    from collections.abc import Callable

_MOST_RESULT, _MOST_PAGE = 16 * 2**20, 64 * 2**20


def foresee_in_jail(
    source: Path, name: str, into: Path, *, timeout_s: float = 60
) -> tuple[Foreseen, bytes | None]:
    """Return what a file would do, and the file as a page without scripts or None. Raises nothing.

    The child runs in a jail without network, home and secrets (rendering/jail.py). `source`: a file that
    nobody changes meanwhile; `into`: a folder to work in. Whatever goes wrong is in `Foreseen.problem`. Twice
    is safe.
    """

    def run(out: Path, said: bytes) -> jail.Ended:
        return jail.run("nbkeep.foresight", [f"{timeout_s:.0f}"], source, out, said=said, timeout_s=timeout_s)

    try:
        with tempfile.TemporaryDirectory(dir=into) as folder:
            return _run(run, Path(folder), name, timeout_s, page=True)
    except OSError as error:
        return Foreseen(problem=f"The document could not be looked at: {error.strerror or 'no room'}."), None


def foresee_here(source: Path, name: str, *, timeout_s: float = 60) -> Foreseen:
    """Return the same of a file of one's own, offline: in a child with bounds, and no jail around it."""

    def run(out: Path, said: bytes) -> jail.Ended:
        command = [sys.executable, "-I", "-m", "nbkeep.foresight", f"{timeout_s:.0f}", str(source), str(out)]
        try:
            done = subprocess.run(
                command, input=said, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={},
                timeout=timeout_s, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return jail.Ended(None)
        return jail.Ended(done.returncode)

    try:
        with tempfile.TemporaryDirectory() as folder:
            return _run(run, Path(folder), name, timeout_s, page=False)[0]
    except OSError as error:
        return Foreseen(problem=f"The document could not be looked at: {error.strerror or 'no room'}.")


def _run(
    run: Callable[[Path, bytes], jail.Ended], out: Path, name: str, timeout_s: float, *, page: bool
) -> tuple[Foreseen, bytes | None]:
    ended = run(out, json.dumps({"name": name, "page": page}).encode())
    if ended.problem:
        return Foreseen(problem=ended.problem), None
    if ended.status is None:
        return Foreseen(problem=f"The document was not looked through within {timeout_s:.0f} seconds."), None
    if ended.status:
        return Foreseen(problem="The document made the program that reads it fail: honest ones do not."), None
    try:
        found = wire.read(json.loads(read_out(out / "result.json", _MOST_RESULT)))
        made = out / "page.html"
        has_page = page and made.is_file() and not made.is_symlink()
        return found, read_out(made, _MOST_PAGE) if has_page else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        problem = "What was said of the document is not as it should be, so it was thrown away."
        return Foreseen(problem=problem), None
