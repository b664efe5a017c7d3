"""First program in a jail that root has built: gives up everything and becomes what it was told to run.

Runs as PID 1 of the new namespaces, as root with capabilities, before any code of the user. Standard library
only, no import of nbkeep: it is read by a bare interpreter (`-I -S`). Each step that fails ends the process
with 126, so that nothing ever runs half-confined. Environment and descriptors pass through untouched.

    launch.py UID MAPPED_UID FILTER -- PROGRAM ARGUMENT…

UID: the user's id on the host. MAPPED_UID: what it is called inside a user namespace of its own, or - to make
none. FILTER: file with the seccomp program.
"""

import ctypes
import os
import struct
import sys

_CLONE_NEWUSER = 0x10000000
_PR_SET_DUMPABLE, _PR_CAPBSET_DROP, _PR_SET_SECUREBITS = 4, 24, 28
_PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT, _PR_SET_SECCOMP = 38, 47, 22
_CAP_AMBIENT_CLEAR_ALL, _SECCOMP_MODE_FILTER = 4, 2
_CAPSET_NUMBER = {"x86_64": 126, "aarch64": 91}
_CAPABILITY_VERSION_3 = 0x20080522
# Keep no capability over a change of ids, and lock that: SECBIT_NOROOT and its lock, no set-id fix-up games.
_SECUREBITS = 0b1111

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
        with open(f"/proc/self/{name}", "w") as file:  # noqa: PTH123  pathlib costs a start 5 ms
            file.write(content)


def drop_capabilities() -> None:
    """Empty the bounding, ambient, inheritable, permitted and effective sets for good."""
    capability = 0
    # EINVAL (and -1) tells the end of the kernel's list.
    while _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) == 0:
        capability += 1
    if capability == 0:
        raise OSError(ctypes.get_errno(), "the bounding set cannot be dropped")
    _prctl(_PR_CAP_AMBIENT, _CAP_AMBIENT_CLEAR_ALL, "ambient capabilities")
    _prctl(_PR_SET_SECUREBITS, _SECUREBITS, "secure bits")
    header = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
    number = _CAPSET_NUMBER[os.uname().machine]
    _check(_libc.syscall(number, header, bytes(24)), "capset")


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
    with open(filter_file, "rb") as file:  # noqa: PTH123  see above
        program = file.read()
    if not program:
        raise ValueError("the seccomp program is empty")
    become_and_drop(int(uid), mapped_uid)
    apply_filter(program)
    os.execv(command[0], command)  # noqa: S606  no shell wanted


def become_and_drop(uid: int, mapped_uid: str) -> None:
    """Give up root in the order that the kernel asks for.

    The bounding set of the host's capabilities goes while there is still CAP_SETPCAP; a user namespace then
    gives a full set of its own, which goes too.
    """
    if mapped_uid == "-":
        _drop_bounding()
        become(uid)
        drop_rest()
        return
    become(uid)
    enter_user_namespace(uid, int(mapped_uid))
    drop_capabilities()


def _drop_bounding() -> None:
    capability = 0
    while _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) == 0:
        capability += 1


def drop_rest() -> None:
    """Clear what a change of ids leaves: inheritable and ambient sets."""
    _prctl(_PR_CAP_AMBIENT, _CAP_AMBIENT_CLEAR_ALL, "ambient capabilities")
    number = _CAPSET_NUMBER[os.uname().machine]
    _check(_libc.syscall(number, struct.pack("=Ii", _CAPABILITY_VERSION_3, 0), bytes(24)), "capset")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (OSError, ValueError, KeyError) as error:
        print(f"nbkeep: this half was not started: {error!r}", file=sys.stderr)  # noqa: T201  no logging before it
        sys.exit(126)
