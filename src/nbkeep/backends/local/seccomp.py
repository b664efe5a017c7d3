"""The system calls that a sandbox may make, as the one BPF program of all ways into a sandbox.

Everything that a network namespace does not hide (AF_VSOCK), that namespaces do not divide (keyrings, bpf,
perf), that gives new ways to gain power (user namespaces, mount) or has a history of kernel holes (io_uring,
userfaultfd) is refused. What the kernel learns later than this list is refused as unknown (ENOSYS), so that a
kernel update opens nothing. Whatever `nbkeep.seccomp` has a number of is refused, unless it is named here.
"""

from __future__ import annotations

import errno
import os
import socket

from nbkeep.seccomp import (
    ALLOW,
    AND,
    ERRNO,
    JUMP_EQ,
    JUMP_GE,
    JUMP_SET,
    LOAD,
    NUMBERS,
    RETURN,
    Op,
    argument,
    assembled,
    beginning,
    numbers,
    refusal,
)

# What everybody needs who runs programs of their own.
_LET_THROUGH = {
    "connect", "execve", "execveat", "fork", "kill", "pidfd_send_signal", "prlimit64", "rt_sigqueueinfo",
    "rt_tgsigqueueinfo", "tgkill", "tkill", "vfork",
}  # fmt: skip
# Refused as if the kernel did not have them: libraries then take their other way (glibc: clone for clone3).
_ABSENT = ("clone3", "io_uring_setup", "io_uring_enter", "io_uring_register")
# Looked at more closely below.
_BY_ARGUMENT = ("clone", "unshare", "socket", "socketpair", "ioctl", "personality")
# Changes of ids, with how many each takes: harmless without capabilities, so refused to warm parents alone.
_IDS = {
    "setuid": 1, "setgid": 1, "setfsuid": 1, "setfsgid": 1, "setreuid": 2, "setregid": 2, "setresuid": 3,
    "setresgid": 3,
}  # fmt: skip
# What every user is called inside.
_INSIDE = 1000

# linux/sched.h: new mount, cgroup, UTS, IPC, user, PID and network namespaces; 0x80 is a time namespace,
# which in clone's flags would be part of the exit signal.
_NEW_NAMESPACES = 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000
_NEW_TIME = 0x80
# asm-generic/ioctls.h: type into, or paste into, somebody's terminal.
_TERMINAL_INJECTION = (0x5412, 0x541C)
# Linux, and "ask only"; no others, which switch off address space randomisation or emulate old systems.
_PERSONALITIES = (0, 0xFFFFFFFF)
_SOCK_TYPE_MASK = 0xF
_NETLINK_ROUTE = 0
# IANA protocol numbers of IP, ICMP and ICMPv6 (ping), TCP and UDP: nothing rarer is reachable in the kernel.
_PROTOCOLS = (0, 1, 6, 17, 58)


def _socket_rules() -> list[Op]:
    """Unix, TCP and UDP over IP, and asking (rtnetlink) which interfaces there are; nothing raw."""
    forbidden, wrong_kind = refusal(errno.EAFNOSUPPORT), refusal(errno.EPERM)
    return [
        Op(LOAD, argument(0), label="socket"),
        Op(JUMP_EQ, socket.AF_UNIX, "allow"),
        Op(JUMP_EQ, socket.AF_INET, "internet"),
        Op(JUMP_EQ, socket.AF_INET6, "internet"),
        Op(JUMP_EQ, socket.AF_NETLINK, "", forbidden),
        Op(LOAD, argument(2)),
        Op(JUMP_EQ, _NETLINK_ROUTE, "allow", wrong_kind),
        Op(LOAD, argument(1), label="internet"),
        Op(AND, _SOCK_TYPE_MASK),
        Op(JUMP_EQ, socket.SOCK_STREAM, "protocol"),
        Op(JUMP_EQ, socket.SOCK_DGRAM, "", wrong_kind),
        Op(LOAD, argument(2), label="protocol"),
        *(Op(JUMP_EQ, protocol, "allow") for protocol in _PROTOCOLS),
        Op(RETURN, ERRNO | errno.EPROTONOSUPPORT),
        Op(LOAD, argument(0), label="socketpair"),
        Op(JUMP_EQ, socket.AF_UNIX, "allow", forbidden),
    ]


def _argument_rules() -> list[Op]:
    """Return the blocks that the calls of `_BY_ARGUMENT` jump to."""
    refused = refusal(errno.EPERM)
    return [
        Op(LOAD, argument(0), label="clone"),
        Op(JUMP_SET, _NEW_NAMESPACES, refused, "allow"),
        Op(LOAD, argument(0), label="unshare"),
        Op(JUMP_SET, _NEW_NAMESPACES | _NEW_TIME, refused, "allow"),
        *_socket_rules(),
        # The kernel takes 32 bits of an ioctl's number and of a personality, so only those are compared.
        Op(LOAD, argument(1), label="ioctl"),
        *(Op(JUMP_EQ, request, refused) for request in _TERMINAL_INJECTION),
        Op(RETURN, ALLOW),
        Op(LOAD, argument(0), label="personality"),
        *(Op(JUMP_EQ, persona, "allow") for persona in _PERSONALITIES),
        Op(RETURN, ERRNO | errno.EPERM),
    ]


def _id_rules(lowest: int) -> list[Op]:
    """Ids of users' ranges, the one inside, and "leave it" (-1, which is above); none of the host's own."""
    ops: list[Op] = []
    for count in (3, 2, 1):
        index = count - 1
        ops += [
            Op(LOAD, argument(index), label=f"ids{count}"),
            Op(JUMP_EQ, _INSIDE, f"ids{index}" if index else "allow"),
            Op(JUMP_GE, lowest, f"ids{index}" if index else "allow", refusal(errno.EPERM)),
        ]
    return ops


def _program(machine: str, lowest_id: int | None) -> list[Op]:
    absent, refused = refusal(errno.ENOSYS), refusal(errno.EPERM)
    ops = beginning(machine)
    for name, number in numbers(NUMBERS, machine).items():
        if name in _LET_THROUGH or (lowest_id is None and name in _IDS) or (lowest_id and name == "setns"):
            continue
        target = name if name in _BY_ARGUMENT else absent if name in _ABSENT else refused
        ops.append(Op(JUMP_EQ, number, f"ids{_IDS[name]}" if name in _IDS else target))
    ops += [Op(RETURN, ALLOW), *_argument_rules()]
    return [*ops, *(_id_rules(lowest_id) if lowest_id else [])]


def denied(machine: str) -> dict[str, int]:
    """Return number by name of every call that the filter knows; for tests."""
    return numbers((name for name in NUMBERS if name not in _IDS and name not in _LET_THROUGH), machine)


def filter_bytes(machine: str | None = None, *, lowest_id: int | None = None) -> bytes:
    """Return the program as an array of `struct sock_filter`, as bwrap's --seccomp and prctl(2) take it.

    `lowest_id`: the program for a warm parent of root's, which may enter namespaces (setns) and take no user
    id below this one. Raises KeyError on an architecture whose call numbers are not known: no filter means
    no sandbox.
    """
    return assembled(_program(machine or os.uname().machine, lowest_id))
