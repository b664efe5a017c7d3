"""A document that has taken over the program which opens it starts processes, without end or to stay behind."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.attack

# What would read the document does this instead, at the same place of the same program.
_TAKEN_OVER = """
import os, signal, socket, sys, threading
import {module}.__main__ as program

def hostile(*_):
    tried = {{
        "fork": os.fork,
        "thread": threading.Thread(target=print).start,
        "program": lambda: os.execv("/bin/true", ["true"]),
        "spawn": lambda: os.posix_spawn("/bin/true", ["true"], {{}}),
        "parent": lambda: os.kill(os.getppid(), signal.SIGTERM),
        "socket": socket.socket,
    }}
    for name, act in tried.items():
        try:
            act()
        except (PermissionError, RuntimeError):
            continue
        os.write(2, f"{{name}} was let through".encode())
    os.write(2, b"all tried")
    os._exit(0)

program.{reads} = hostile
sys.exit(program.main(["20", sys.argv[1], sys.argv[2]]))
"""


@pytest.mark.parametrize(
    ("module", "reads"), [("nbkeep.rendering", "build"), ("nbkeep.foresight", "foresee")]
)
def test_nothing_that_starts_or_reaches_another_process_is_let_through(
    module: str, reads: str, tmp_path: Path
) -> None:
    (tmp_path / "source").write_text("{}")
    code = _TAKEN_OVER.format(module=module, reads=reads)
    if module == "nbkeep.rendering":
        code = code.replace("\nprogram.build", "\nprogram.order_of = lambda *_: None\nprogram.build")
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "source", tmp_path],
        input=json.dumps({"name": "n.ipynb", "page": False}).encode(),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.stderr.decode() == "all tried"
