"""The system calls that a sandbox may make, as the one BPF program of all ways into a sandbox.

Everything that a network namespace does not hide (AF_VSOCK), that namespaces do not divide (keyrings, bpf,
perf), that gives new ways to gain power (user namespaces, mount) or has a history of kernel holes (io_uring,
userfaultfd) is refused. What the kernel learns later than this list is refused as unknown (ENOSYS), so that a
kernel update opens nothing. Numbers: the kernel's `unistd.h` tables; a test compares them with libseccomp's.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from dataclasses import dataclass

# name: (x86-64, AArch64); None where the architecture never had it.
_NUMBERS: dict[str, tuple[int | None, int | None]] = {
    "acct": (163, 89), "add_key": (248, 217), "adjtimex": (159, 171), "bpf": (321, 280), "chroot": (161, 51),
    "clock_adjtime": (305, 266), "clock_settime": (227, 112), "clone": (56, 220), "clone3": (435, 435),
    "create_module": (174, None), "delete_module": (176, 106), "fanotify_init": (300, 262),
    "finit_module": (313, 273), "fsconfig": (431, 431), "fsmount": (432, 432), "fsopen": (430, 430),
    "fspick": (433, 433), "get_kernel_syms": (177, None), "init_module": (175, 105),
    "io_uring_enter": (426, 426), "io_uring_register": (427, 427), "io_uring_setup": (425, 425),
    "ioctl": (16, 29), "ioperm": (173, None), "iopl": (172, None), "kcmp": (312, 272),
    "kexec_file_load": (320, 294), "kexec_load": (246, 104), "keyctl": (250, 219),
    "lookup_dcookie": (212, 18), "migrate_pages": (256, 238), "modify_ldt": (154, None), "mount": (165, 40),
    "mount_setattr": (442, 442), "move_mount": (429, 429), "move_pages": (279, 239),
    "name_to_handle_at": (303, 264), "nfsservctl": (180, 42), "open_by_handle_at": (304, 265),
    "open_tree": (428, 428), "perf_event_open": (298, 241), "personality": (135, 92),
    "pidfd_getfd": (438, 438), "pivot_root": (155, 41), "process_madvise": (440, 440),
    "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "ptrace": (101, 117),
    "query_module": (178, None), "quotactl": (179, 60), "quotactl_fd": (443, 443), "reboot": (169, 142),
    "request_key": (249, 218), "setdomainname": (171, 162), "setfsgid": (123, 152), "setfsuid": (122, 151),
    "setgid": (106, 144), "sethostname": (170, 161), "setns": (308, 268), "setregid": (114, 143),
    "setresgid": (119, 149), "setresuid": (117, 147), "setreuid": (113, 145), "settimeofday": (164, 170),
    "setuid": (105, 146), "socket": (41, 198), "socketpair": (53, 199), "swapoff": (168, 225),
    "swapon": (167, 224), "syslog": (103, 116), "sysfs": (139, None), "_sysctl": (156, None),
    "umount2": (166, 39), "unshare": (272, 97), "uselib": (134, None), "userfaultfd": (323, 282),
    "ustat": (136, None), "vhangup": (153, 58),
}  # fmt: skip

# The last call of the tables above that was looked at (mseal, Linux 6.10).
LAST_REVIEWED = 462

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

_LOAD, _JUMP_EQ, _JUMP_GT, _JUMP_GE, _JUMP_SET, _AND, _RETURN = 0x20, 0x15, 0x25, 0x35, 0x45, 0x54, 0x06
_ALLOW = 0x7FFF0000
_ERRNO = 0x00050000
_ARCHITECTURES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}


@dataclass(frozen=True)
class _Op:
    """One BPF instruction whose jumps name labels; "" falls through."""

    code: int
    value: int = 0
    if_true: str = ""
    if_false: str = ""
    label: str = ""


def _argument(index: int, *, high: bool = False) -> int:
    """Offset in `struct seccomp_data` of half of an argument, on little-endian machines."""
    return 16 + 8 * index + (4 if high else 0)


def _refuse(error: int) -> str:
    return f"errno{error}"


def _socket_rules() -> list[_Op]:
    """Unix, TCP and UDP over IP, and asking (rtnetlink) which interfaces there are; nothing raw."""
    forbidden, wrong_kind = _refuse(errno.EAFNOSUPPORT), _refuse(errno.EPERM)
    return [
        _Op(_LOAD, _argument(0), label="socket"),
        _Op(_JUMP_EQ, socket.AF_UNIX, "allow"),
        _Op(_JUMP_EQ, socket.AF_INET, "internet"),
        _Op(_JUMP_EQ, socket.AF_INET6, "internet"),
        _Op(_JUMP_EQ, socket.AF_NETLINK, "", forbidden),
        _Op(_LOAD, _argument(2)),
        _Op(_JUMP_EQ, _NETLINK_ROUTE, "allow", wrong_kind),
        _Op(_LOAD, _argument(1), label="internet"),
        _Op(_AND, _SOCK_TYPE_MASK),
        _Op(_JUMP_EQ, socket.SOCK_STREAM, "protocol"),
        _Op(_JUMP_EQ, socket.SOCK_DGRAM, "", wrong_kind),
        _Op(_LOAD, _argument(2), label="protocol"),
        *(_Op(_JUMP_EQ, protocol, "allow") for protocol in _PROTOCOLS),
        _Op(_RETURN, _ERRNO | errno.EPROTONOSUPPORT),
        _Op(_LOAD, _argument(0), label="socketpair"),
        _Op(_JUMP_EQ, socket.AF_UNIX, "allow", forbidden),
    ]


def _argument_rules() -> list[_Op]:
    """Return the blocks that the calls of `_BY_ARGUMENT` jump to."""
    refused = _refuse(errno.EPERM)
    return [
        _Op(_LOAD, _argument(0), label="clone"),
        _Op(_JUMP_SET, _NEW_NAMESPACES, refused, "allow"),
        _Op(_LOAD, _argument(0), label="unshare"),
        _Op(_JUMP_SET, _NEW_NAMESPACES | _NEW_TIME, refused, "allow"),
        *_socket_rules(),
        # The kernel takes 32 bits of an ioctl's number and of a personality, so only those are compared.
        _Op(_LOAD, _argument(1), label="ioctl"),
        *(_Op(_JUMP_EQ, request, refused) for request in _TERMINAL_INJECTION),
        _Op(_RETURN, _ALLOW),
        _Op(_LOAD, _argument(0), label="personality"),
        *(_Op(_JUMP_EQ, persona, "allow") for persona in _PERSONALITIES),
        _Op(_RETURN, _ERRNO | errno.EPERM),
    ]


def _id_rules(lowest: int) -> list[_Op]:
    """Ids of users' ranges, the one inside, and "leave it" (-1, which is above); none of the host's own."""
    ops: list[_Op] = []
    for count in (3, 2, 1):
        index = count - 1
        ops += [
            _Op(_LOAD, _argument(index), label=f"ids{count}"),
            _Op(_JUMP_EQ, _INSIDE, f"ids{index}" if index else "allow"),
            _Op(_JUMP_GE, lowest, f"ids{index}" if index else "allow", _refuse(errno.EPERM)),
        ]
    return ops


def _program(machine: str, lowest_id: int | None) -> list[_Op]:
    audit_arch, column = _ARCHITECTURES[machine]
    absent, refused = _refuse(errno.ENOSYS), _refuse(errno.EPERM)
    ops = [
        _Op(_LOAD, 4),
        # 32-bit calls on a 64-bit kernel have other numbers: none is let through. So it is with x32,
        # whose numbers lie above the last reviewed one.
        _Op(_JUMP_EQ, audit_arch, "", absent),
        _Op(_LOAD, 0),
        _Op(_JUMP_GT, LAST_REVIEWED, absent),
    ]
    for name, numbers in _NUMBERS.items():
        number = numbers[column]
        if number is None or (lowest_id is None and name in _IDS) or (lowest_id and name == "setns"):
            continue
        target = name if name in _BY_ARGUMENT else absent if name in _ABSENT else refused
        ops.append(_Op(_JUMP_EQ, number, f"ids{_IDS[name]}" if name in _IDS else target))
    ops += [_Op(_RETURN, _ALLOW), *_argument_rules()]
    ops += [*(_id_rules(lowest_id) if lowest_id else []), _Op(_RETURN, _ALLOW, label="allow")]
    errors = sorted({op.if_true for op in ops} | {op.if_false for op in ops})
    ops += [_Op(_RETURN, _ERRNO | int(name[5:]), label=name) for name in errors if name.startswith("errno")]
    return ops


def denied(machine: str) -> dict[str, int]:
    """Return number by name of every call that the filter knows; for tests."""
    column = _ARCHITECTURES[machine][1]
    return {
        name: number
        for name, pair in _NUMBERS.items()
        if name not in _IDS and (number := pair[column]) is not None
    }


def filter_bytes(machine: str | None = None, *, lowest_id: int | None = None) -> bytes:
    """Return the program as an array of `struct sock_filter`, as bwrap's --seccomp and prctl(2) take it.

    `lowest_id`: the program for a warm parent of root's, which may enter namespaces (setns) and take no user
    id below this one. Raises KeyError on an architecture whose call numbers are not known: no filter means
    no sandbox.
    """
    ops = _program(machine or os.uname().machine, lowest_id)
    at = {op.label: index for index, op in enumerate(ops) if op.label}

    def jump(index: int, label: str) -> int:
        # Jumps are forward and at most 255 instructions far; struct refuses anything else.
        return at[label] - index - 1 if label else 0

    return b"".join(
        struct.pack("=HBBI", op.code, jump(i, op.if_true), jump(i, op.if_false), op.value)
        for i, op in enumerate(ops)
    )
