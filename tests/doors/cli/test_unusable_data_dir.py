"""A data directory that cannot be used is told in a sentence, by whichever command meets it first."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

NBKEEP = Path(sys.executable).with_name("nbkeep")


@pytest.mark.parametrize(
    "command", [["up"], ["up", "--port", "8999"], ["status"], ["down"], ["image", "build", "base"]]
)
def test_a_file_in_its_place(short_dir: Path, command: list[str]) -> None:
    """Works as root, too, whom no mode keeps out."""
    (short_dir / "file").touch()
    env = os.environ | {"NBKEEP_DATA": str(short_dir / "file/below"), "HOME": str(short_dir)}
    done = subprocess.run(
        [NBKEEP, *command], env=env, capture_output=True, text=True, check=False, timeout=60
    )
    assert "fault in nbkeep" not in done.stderr, done.stderr
    assert done.returncode in ({1} if command[0] in {"up", "image"} else {0, 3})
    assert "Traceback" not in done.stderr
