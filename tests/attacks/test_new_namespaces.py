"""No new namespace, the user namespace first of all, can be made or entered."""

import pytest
from syscalls import must_fail

from sandboxes import Target

pytestmark = pytest.mark.attack


@pytest.mark.parametrize(("name", "arguments", "error"), [
    ("unshare", "0x10000000", "EPERM"),
    ("unshare", "0x20000", "EPERM"),
    ("unshare", "0x40000000", "EPERM"),
    ("unshare", "0x20000000", "EPERM"),
    ("unshare", "0x80", "EPERM"),
    ("unshare", "0x2000000", "EPERM"),
    ("clone", "0x10000000 | 17, 0, 0, 0, 0", "EPERM"),
    ("clone", "0x00020000 | 17, 0, 0, 0, 0", "EPERM"),
    ("clone3", "bytes(88), 88", "ENOSYS"),
    ("setns", "0, 0x10000000", "EPERM"),
])  # fmt: skip
def test_refused(target: Target, name: str, arguments: str, error: str) -> None:
    target.refused(must_fail(name, arguments, error))
