"""An installation may lie anywhere but where the jail has something of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from nbkeep.backends.local.bubblewrap import Jail, sandbox_command
from nbkeep.model.errors import Unavailable


def _command(base_prefix: Path, tmp_path: Path) -> list[str]:
    return sandbox_command(Jail(tmp_path, tmp_path, tmp_path / "filter"), tmp_path / "image", base_prefix)


def test_a_python_below_tmp_is_not_hidden_by_the_jails_own_tmp(tmp_path: Path) -> None:
    command = _command(Path("/tmp/python"), tmp_path)
    hidden = max(at for at, word in enumerate(command) if word == "/tmp" and command[at - 1] == "--tmpfs")
    assert command.index("/tmp/python") > hidden


def test_a_python_where_homes_appear_is_refused_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"/home/user/\.pyenv cannot be shown to sessions") as refused:
        _command(Path("/home/user/.pyenv"), tmp_path)
    assert "outside /home/user" in refused.value.remedy
