"""Images are built on a machine where perhaps nothing of nbkeep was before."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from nbkeep.backends.local.images import build_image


class Enough(Exception):  # noqa: N818 - no error: the test has seen what it wanted
    """Ends a build at its first step."""


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_a_first_build_makes_a_data_directory_that_nobody_else_can_list(short_dir: Path, umask: int) -> None:
    def stop(_step: str) -> None:
        raise Enough

    before = os.umask(umask)
    try:
        with pytest.raises(Enough):
            build_image(short_dir / "new/data", "base", stop)
    finally:
        os.umask(before)
    assert stat.S_IMODE((short_dir / "new/data").stat().st_mode) == 0o711


def test_a_data_directory_that_is_there_keeps_its_mode(short_dir: Path) -> None:
    def stop(_step: str) -> None:
        raise Enough

    short_dir.chmod(0o700)
    with pytest.raises(Enough):
        build_image(short_dir, "base", stop)
    assert stat.S_IMODE(short_dir.stat().st_mode) == 0o700
