"""Takes from this process every file but the program's own (Linux's Landlock, where the kernel has it)."""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from pathlib import Path

import nbkeep
import nbkeep_runtime

# The same numbers on every architecture (asm-generic).
_CREATE, _ADD, _RESTRICT = 444, 445, 446
_VERSION_FLAG = 1
_PATH_BENEATH = 1
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_KNOWN = (0, (1 << 13) - 1, (1 << 14) - 1, (1 << 15) - 1)  # what each version can take away
_NO_NEW_PRIVILEGES = 38
_PROGRAMS = ("/usr", "/lib", "/lib64", "/bin", "/etc")
_NOWHERE = "/dev/null"  # where a program that reads a document writes its complaints


def only_programs() -> bool:
    """Let this process open programs and libraries to read, and /dev/null; return whether it is so."""
    libc = ctypes.CDLL(None, use_errno=True)
    version: int = libc.syscall(_CREATE, None, 0, _VERSION_FLAG)
    if version < 1:
        return False
    handled = struct.pack("=Q", _KNOWN[min(version, len(_KNOWN) - 1)])
    rules: int = libc.syscall(_CREATE, handled, len(handled), 0)
    if rules < 0:
        return False
    try:
        for place in _own():
            _allow(libc, rules, place, _EXECUTE | _READ_FILE | _READ_DIR)
        _allow(libc, rules, _NOWHERE, _READ_FILE | _WRITE_FILE)
        libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
        restricted: int = libc.syscall(_RESTRICT, rules, 0)
    finally:
        os.close(rules)
    return restricted == 0


def _own() -> set[str]:
    sources = [Path(str(package.__file__)).parent.parent for package in (nbkeep, nbkeep_runtime)]
    return {*_PROGRAMS, sys.prefix, sys.base_prefix, *map(str, sources)}


def _allow(libc: ctypes.CDLL, rules: int, place: str, what: int) -> None:
    try:
        folder = os.open(place, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # a machine without it
    try:
        libc.syscall(_ADD, rules, _PATH_BENEATH, struct.pack("=Qi", what, folder), 0)
    finally:
        os.close(folder)
