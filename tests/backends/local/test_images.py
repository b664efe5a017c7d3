"""Images are built on a machine where perhaps nothing of nbkeep was before."""

from __future__ import annotations

import contextlib
import json
import os
import stat
from pathlib import Path

import pytest

from nbkeep.backends.local.images import build_image


class Enough(Exception):
    """Ends a build at its first step."""


def test_a_build_that_leaves_saved_variables_behind_says_of_how_many_sessions(short_dir: Path) -> None:
    steps: list[str] = []
    kernels: list[str] = []

    def stop_at_the_build(step: str) -> None:
        steps.append(step)
        if "Building" in step or "already built" in step:
            raise Enough

    image = short_dir / "images/base"
    image.mkdir(parents=True)
    (image / "current").symlink_to("0123456789abcdef")
    for user, session_id, digest in (
        ("jane", "ses_01kdvdna00agrwv59xw0", "0123456789abcdef"),
        ("tom", "ses_01kdvdna00agrwv59xw1", "0123456789abcdef"),
        ("tom", "ses_01kdvdna00agrwv59xw2", "fedcba9876543210"),
    ):
        folder = short_dir / "state" / user / "checkpoints" / session_id
        folder.mkdir(parents=True)
        told = {"format": 1, "saved_at": "2026-11-21T06:00:00+00:00", "bytes": 1, "kernels": kernels,
                "image_digest": digest}  # fmt: skip
        (folder / "state.json").write_text(json.dumps(told))
    with contextlib.suppress(Enough):
        build_image(short_dir, "base", stop_at_the_build)
    assert any("variables of 2 sessions were saved with the build of before" in step for step in steps)


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
