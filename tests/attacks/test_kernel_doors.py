"""Calls that reach deep into the kernel are refused: bpf, keyrings, perf, userfaultfd, modules, handles."""

import pytest
from syscalls import must_fail

from sandboxes import Target

pytestmark = pytest.mark.attack


@pytest.mark.parametrize(("name", "arguments", "error"), [
    ("bpf", "0, 0, 0", "EPERM"),
    ("keyctl", "0, -3, 0", "EPERM"),
    ("add_key", "b'user', b'a', b'b', 1, -3", "EPERM"),
    ("request_key", "b'user', b'a', 0, -3", "EPERM"),
    ("perf_event_open", "0, 0, -1, -1, 0", "EPERM"),
    ("userfaultfd", "1", "EPERM"),
    ("init_module", "0, 0, b''", "EPERM"),
    ("kexec_load", "0, 0, 0, 0", "EPERM"),
    ("open_by_handle_at", "0, 0, 0", "EPERM"),
    ("personality", "0x0040000", "EPERM"),
    ("syslog", "3, 0, 0", "EPERM"),
    ("reboot", "0, 0, 0, 0", "EPERM"),
    ("fanotify_init", "0, 0", "EPERM"),
    ("quotactl", "0, 0, 0, 0", "EPERM"),
])  # fmt: skip
def test_refused(target: Target, name: str, arguments: str, error: str) -> None:
    target.refused(must_fail(name, arguments, error))
