"""Make system calls by number from inside a sandbox, as shellcode would."""

from __future__ import annotations

import platform

from nbkeep.backends.local.seccomp import denied

PRELUDE = """
import ctypes, errno, os
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    ctypes.set_errno(0)
    return libc.syscall(number, *arguments), ctypes.get_errno()
"""


def number(name: str) -> int:
    """Return this machine's number of a call."""
    return denied(platform.machine())[name]


def must_fail(name: str, arguments: str, error: str) -> str:
    """Return code that makes one call and ends with 0 only if it failed with exactly this error."""
    return (
        PRELUDE
        + f"""
result, error = call({number(name)}, {arguments})
print(result, errno.errorcode.get(error))
raise SystemExit(not (result == -1 and error == errno.{error}))
"""
    )
