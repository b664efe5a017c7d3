from __future__ import annotations

import sys
from pathlib import Path

import pytest

from sandboxes import images

# `from kernels import …` in every test of this folder
sys.path.append(str(Path(__file__).parent))


@pytest.fixture(scope="session")
def image_python() -> str:
    """The Python of the image `base`: with NumPy, pandas and the others."""
    return str(images() / "base/current/env/bin/python")
