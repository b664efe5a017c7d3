"""First program in a jail that root has built: gives up everything and becomes what it was told to run.

Runs as PID 1 of the new namespaces, as root with capabilities, before any code of the user. Standard library
only, no import of nbkeep: it is read by a bare interpreter (`-I -S`). Each step that fails ends the process
with 126, so that nothing ever runs half-confined. Environment and descriptors pass through untouched.

    launch.py UID MAPPED_UID FILTER -- PROGRAM ARGUMENT…
    launch.py UID MAPPED_UID FILTER -- wait FD

UID: the user's id on the host, or - where bubblewrap has given up everything already. MAPPED_UID: what it is
called inside a user namespace of its own, - to make none, or `parent`: a warm parent keeps what entering
namespaces takes. FILTER: file with the seccomp program. `wait`: run nothing but wait for a process that
enters (parent.py); FD is told that the jail stands.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys

_CLONE_NEWUSER = 0x10000000
_PR_SET_DUMPABLE, _PR_SET_KEEPCAPS, _PR_CAPBSET_DROP = 4, 8, 24
_PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT, _PR_SET_SECCOMP = 38, 47, 22
_CAP_AMBIENT_RAISE, _CAP_AMBIENT_CLEAR_ALL, _SECCOMP_MODE_FILTER = 2, 4, 2
_CAPSET_NUMBER = {"x86_64": 126, "aarch64": 91}
_CAPABILITY_VERSION_3 = 0x20080522
# SETGID, SETUID, SETPCAP, SYS_CHROOT, SYS_ADMIN: setns(2) into a session's namespaces, then become its user.
_ENTERING = (6, 7, 8, 18, 21)
_MAKING_JAILS = (31,)  # SETFCAP

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
    be_dumpable()  # it must write its own id maps


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


def drop_bounding_set(kept: tuple[int, ...] = ()) -> None:
    """Make sure that no program, whatever its file says, brings a capability back."""
    capability = 0
    # EINVAL tells the end of the kernel's list.
    while capability in kept or _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) == 0:
        capability += 1
    if capability <= len(kept):
        raise OSError(ctypes.get_errno(), "the bounding set cannot be dropped")


def set_capabilities(kept: tuple[int, ...] = ()) -> None:
    """Make the permitted, effective and inheritable sets exactly `kept`, and the ambient one empty."""
    _prctl(_PR_CAP_AMBIENT, _CAP_AMBIENT_CLEAR_ALL, "ambient capabilities")
    header = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
    mask = sum(1 << capability for capability in kept)
    sets = struct.pack("=6I", mask, mask, mask, 0, 0, 0)  # the three sets' lower halves, then the upper
    _check(_libc.syscall(_CAPSET_NUMBER[os.uname().machine], header, sets), "capset")


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
    set_capabilities()


def keep_entering_powers(uid: int) -> None:
    """Become a user who owns nothing, with only the capabilities that entering a session takes.

    They outlive `execv` as ambient ones; the filter keeps them from the host's own user ids.
    """
    drop_bounding_set(_ENTERING)
    _prctl(_PR_SET_KEEPCAPS, 1, "keep capabilities")
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    set_capabilities(_ENTERING)
    for capability in _ENTERING:
        _prctl(_PR_CAP_AMBIENT, _CAP_AMBIENT_RAISE, "ambient capability", capability)


def keep_jail_making() -> None:
    """Keep of root only its name, and what the jails of a gateway are made with; nothing for who is not root.

    No other power comes back. CAP_SETFCAP lets root map itself into a user namespace (user_namespaces(7);
    since Linux 5.12); file capabilities that it could set beside that are cut by the bounding set.
    """
    if os.geteuid() == 0:
        drop_bounding_set(_MAKING_JAILS)
        set_capabilities(_MAKING_JAILS)


def be_dumpable() -> None:
    """Open /proc/self to this process again: a change of ids or capabilities closes it (proc(5))."""
    _prctl(_PR_SET_DUMPABLE, 1, "dumpable")


def apply_filter(program: bytes) -> None:
    """Forbid new privileges and every system call that `program` refuses; there is no way back."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1, "no new privileges")
    instructions = ctypes.create_string_buffer(program, len(program))
    # struct sock_fprog: a 16-bit count, padding, a pointer.
    header = struct.pack("@HP", len(program) // 8, ctypes.addressof(instructions))
    _prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, "seccomp", header)


def confine(uid: int, mapped_uid: str, filter_file: str) -> None:
    """Give up root and take the filter."""
    if uid <= 0:
        raise ValueError("the user's id must be positive")
    with open(filter_file, "rb") as file:
        program = file.read()
    if not program:
        raise ValueError("the seccomp program is empty")
    if mapped_uid == "parent":
        keep_entering_powers(uid)
    else:
        give_up_root(uid, None if mapped_uid == "-" else int(mapped_uid))
    apply_filter(program)


def wait_for_one_that_enters(told: int) -> int:
    """Be the jail's first process: say that it stands, pass signals on, end when the last process has ended.

    Returns the exit code of the process that ended last (128 + signal for a signal, as shells do).
    """
    import signal  # noqa: PLC0415  # 4 ms, which a half that runs a program does without

    wanted = {signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
    signal.pthread_sigmask(signal.SIG_BLOCK, wanted)
    os.write(told, b"1")
    os.close(told)
    code = 0
    while True:
        number = signal.sigwait(wanted)
        if number != signal.SIGCHLD:
            try:
                os.kill(-1, number)  # to all but itself
            except ProcessLookupError:
                return 128 + number
            continue
        try:
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                status = os.waitstatus_to_exitcode(ended[1])
                code = 128 - status if status < 0 else status
        except ChildProcessError:
            return code


def main(argv: list[str]) -> int:
    """Confine this process and run the program."""
    if len(argv) < 5 or argv[3] != "--":
        raise ValueError("usage: launch.py UID|- MAPPED_UID|-|parent FILTER -- PROGRAM ARGUMENT…")
    uid, mapped_uid, filter_file, _, *command = argv
    if uid != "-":
        confine(int(uid), mapped_uid, filter_file)
    if command[0] == "wait":
        return wait_for_one_that_enters(int(command[1]))
    os.execv(command[0], command)  # noqa: S606  no shell wanted
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (OSError, ValueError, KeyError) as error:
        print(f"nbkeep: this half was not started: {error!r}", file=sys.stderr)  # no logging before it
        sys.exit(126)
