"""No process can trace, read or write another one, whoever it belongs to."""

import pytest
from syscalls import must_fail

from sandboxes import Target

pytestmark = pytest.mark.attack


@pytest.mark.parametrize(("name", "arguments", "error"), [
    ("ptrace", "16, 1, 0, 0", "EPERM"),
    ("ptrace", "0, 0, 0, 0", "EPERM"),
    ("process_vm_readv", "1, 0, 0, 0, 0, 0", "EPERM"),
    ("process_vm_writev", "1, 0, 0, 0, 0, 0", "EPERM"),
    ("pidfd_getfd", "0, 0, 0", "EPERM"),
    ("kcmp", "1, 1, 0, 0, 0", "EPERM"),
])  # fmt: skip
def test_refused(target: Target, name: str, arguments: str, error: str) -> None:
    target.refused(must_fail(name, arguments, error))
