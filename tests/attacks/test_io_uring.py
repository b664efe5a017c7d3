"""io_uring is as absent as on a kernel without it."""

import pytest
from syscalls import must_fail

from sandboxes import Target

pytestmark = pytest.mark.attack


@pytest.mark.parametrize(("name", "arguments", "error"), [
    ("io_uring_setup", "1, bytes(120)", "ENOSYS"),
    ("io_uring_enter", "0, 0, 0, 0, 0", "ENOSYS"),
    ("io_uring_register", "0, 0, 0, 0", "ENOSYS"),
])  # fmt: skip
def test_refused(target: Target, name: str, arguments: str, error: str) -> None:
    target.refused(must_fail(name, arguments, error))
