"""Nothing can be mounted, moved or unmounted."""

import pytest
from syscalls import must_fail

from sandboxes import Target

pytestmark = pytest.mark.attack


@pytest.mark.parametrize(("name", "arguments", "error"), [
    ("mount", "b'none', b'/tmp', b'tmpfs', 0, 0", "EPERM"),
    ("umount2", "b'/proc', 2", "EPERM"),
    ("pivot_root", "b'/', b'/tmp'", "EPERM"),
    ("chroot", "b'/tmp'", "EPERM"),
    ("open_tree", "-100, b'/', 1", "EPERM"),
    ("move_mount", "0, b'', 0, b'', 0", "EPERM"),
    ("fsopen", "b'tmpfs', 0", "EPERM"),
    ("mount_setattr", "-100, b'/', 0, 0, 0", "EPERM"),
])  # fmt: skip
def test_refused(target: Target, name: str, arguments: str, error: str) -> None:
    target.refused(must_fail(name, arguments, error))
