"""A full home says so, and neither ends the session nor keeps the next one from starting."""

import pytest

from sandboxes import Target

pytestmark = pytest.mark.attack


def test_the_home_ends_at_its_size(target: Target) -> None:
    if not target.machine.is_root:
        pytest.skip("homes have a size only where root mounts XFS images")
    volume = target.machine.client.volume("jane")
    if volume is None or volume.kind != "xfs":
        pytest.skip("this host cannot mount XFS images: apt-get install xfsprogs, and loop devices")
    target.refused("""
        import errno, os
        try:
            with open("fill", "wb") as file:
                for _ in range(2000): file.write(bytes(1 << 20)); file.flush()
        except OSError as error:
            raise SystemExit(error.errno != errno.ENOSPC)
        raise SystemExit("no end")
    """)
    other = target.machine.spec()
    target.machine.client.launch(other)
    assert target.machine.run(other, "import os; os.unlink('fill')").code == 0
    target.machine.client.stop(other.session_id, 0)
    assert target.is_well()
