"""First program in a jail that root has built: gives up everything and becomes what it was told to run.

Runs as PID 1 of the new namespaces, as root with capabilities, before any code of the user. Standard library
only, no import of nbkeep: it is read by a bare interpreter (`-I -S`). Each step that fails ends the process
with 126, so that nothing ever runs half-confined. Environment and descriptors pass through untouched.

    launch.py UID MAPPED_UID FILTER -- PROGRAM ARGUMENT…

UID: the user's id on the host. MAPPED_UID: what it is called inside a user namespace of its own, or - to make
none. FILTER: file with the seccomp program.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys

_CLONE_NEWUSER = 0x10000000
_PR_SET_DUMPABLE, _PR_CAPBSET_DROP = 4, 24
_PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT, _PR_SET_SECCOMP = 38, 47, 22
_CAP_AMBIENT_CLEAR_ALL, _SECCOMP_MODE_FILTER = 4, 2
_CAPSET_NUMBER = {"x86_64": 126, "aarch64": 91}
_CAPABILITY_VERSION_3 = 0x20080522

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def _prctl(option: int, argument: object, what: str, third: object = 0) -> None:
    _check(_libc.prctl(option, argument, third, 0, 0), what)


def become(uid: int) -> None:
    """Take the user's ids; no supplementary groups are kept."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    # A change of ids closes /proc/self to its own process, which must write its id maps.
    _prctl(_PR_SET_DUMPABLE, 1, "dumpable")


def enter_user_namespace(uid: int, mapped_uid: int) -> None:
    """Make a user namespace in which the user is `mapped_uid` and nobody else exists."""
    _check(_libc.unshare(_CLONE_NEWUSER), "unshare user namespace")
    for name, content in (
        ("setgroups", "deny"),
        ("uid_map", f"{mapped_uid} {uid} 1"),
        ("gid_map", f"{mapped_uid} {uid} 1"),
    ):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(content)


def drop_bounding_set() -> None:
    """Make sure that no program, whatever its file says, brings a capability back."""
    capability = 0
    # EINVAL tells the end of the kernel's list.
    while _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) == 0:
        capability += 1
    if capability == 0:
        raise OSError(ctypes.get_errno(), "the bounding set cannot be dropped")


def drop_capabilities() -> None:
    """Empty the ambient, inheritable, permitted and effective sets for good."""
    _prctl(_PR_CAP_AMBIENT, _CAP_AMBIENT_CLEAR_ALL, "ambient capabilities")
    header = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
    _check(_libc.syscall(_CAPSET_NUMBER[os.uname().machine], header, bytes(24)), "capset")


def give_up_root(uid: int, mapped_uid: int | None) -> None:
    """Become the user, without any capability, in the order that the kernel asks for.

    The bounding set goes while there is still CAP_SETPCAP; a user namespace brings a full one of its own,
    which goes too.
    """
    drop_bounding_set()
    become(uid)
    if mapped_uid is not None:
        enter_user_namespace(uid, mapped_uid)
        drop_bounding_set()
    drop_capabilities()


def apply_filter(program: bytes) -> None:
    """Forbid new privileges and every system call that `program` refuses; there is no way back."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1, "no new privileges")
    instructions = ctypes.create_string_buffer(program, len(program))
    # struct sock_fprog: a 16-bit count, padding, a pointer.
    header = struct.pack("@HP", len(program) // 8, ctypes.addressof(instructions))
    _prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, "seccomp", header)


def main(argv: list[str]) -> None:
    """Confine this process and run the program."""
    uid, mapped_uid, filter_file, separator, *command = argv
    if separator != "--" or not command or int(uid) <= 0:
        raise ValueError("usage: launch.py UID MAPPED_UID|- FILTER -- PROGRAM ARGUMENT…")
    with open(filter_file, "rb") as file:
        program = file.read()
    if not program:
        raise ValueError("the seccomp program is empty")
    give_up_root(int(uid), None if mapped_uid == "-" else int(mapped_uid))
    apply_filter(program)
    os.execv(command[0], command)  # noqa: S606  no shell wanted


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (OSError, ValueError, KeyError) as error:
        print(f"nbkeep: this half was not started: {error!r}", file=sys.stderr)  # noqa: T201  no logging before it
        sys.exit(126)
