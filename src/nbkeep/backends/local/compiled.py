"""Compile once what every sandbox starts with; where that cannot be, each of them does it for itself.

A sandbox sees nbkeep's code read-only, so that its Python, whose work it would be, cannot keep what it has
compiled. It takes what it finds there when its version is ours; 25 ms of a start are saved by that.
"""

from __future__ import annotations

import compileall
import contextlib
import logging
from pathlib import Path

import nbkeep_runtime

log = logging.getLogger("nbkeep.warden")


def compile_for_sandboxes(folder: Path | None = None) -> None:
    """Compile the code of sandboxes (or of `folder`) beside itself, for all to read; raises nothing.

    Twice is safe, and quick: what is compiled and has not changed is left. PEP 3147.
    """
    code = folder or Path(nbkeep_runtime.__file__).parent / "sandbox"
    with contextlib.suppress(OSError):
        if not compileall.compile_dir(code, quiet=2):
            log.warning("The code of sandboxes cannot be compiled beforehand: they start a little slower.")
    for place in code.rglob("__pycache__"):
        with contextlib.suppress(OSError):  # made by somebody else, whose rights hold
            place.chmod(0o755)
            for file in place.iterdir():
                file.chmod(0o644)
