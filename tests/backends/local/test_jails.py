"""What a session's trusted half is told of its jail."""

from __future__ import annotations

from pathlib import Path

import pytest

from nbkeep.backends.interface import LaunchSpec
from nbkeep.backends.local.jails import Jails
from nbkeep.backends.local.layout import Layout


@pytest.mark.parametrize(
    ("memory_mib", "pids_max", "switch", "told"),
    [
        (512, 100, "on", "1"),
        (511, 100, "on", "0"),  # it would take a noticeable part
        (512, 99, "on", "0"),
        (4096, 1000, "off", "0"),  # switched off, or no kernels are forked
    ],
)
def test_a_small_session_has_no_kernel_in_reserve(
    tmp_path: Path, memory_mib: int, pids_max: int, switch: str, told: str
) -> None:
    spec = LaunchSpec(
        session_id="ses_01m7z2wjkyryakgd886q", user="jane", uid_index=1, image="base", cpu_millis=2000,
        memory_bytes=memory_mib << 20, pids_max=pids_max, home_size_bytes=1 << 30, scratch_bytes=1 << 30,
    )  # fmt: skip
    image = tmp_path / "image/0"
    jails = Jails(Layout(tmp_path), spec, None, tmp_path / "home", image, [], spares=switch == "on")
    assert jails.server_env()["NBKEEP_SPARE_KERNEL"] == told
