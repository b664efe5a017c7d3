"""Programs that refuse system calls (seccomp(2)): the numbers, how a program is put together, and taken.

Pure but for `take`. What a sandbox may do is in `backends.local.seccomp`; what a reader of strangers' bytes
may not is here. Numbers: the kernel's `unistd.h` tables; a test compares them with libseccomp's.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# name: (x86-64, AArch64); None where the architecture never had it.
NUMBERS: dict[str, tuple[int | None, int | None]] = {
    "acct": (163, 89), "add_key": (248, 217), "adjtimex": (159, 171), "bpf": (321, 280),
    "chroot": (161, 51), "clock_adjtime": (305, 266), "clock_settime": (227, 112), "clone": (56, 220),
    "clone3": (435, 435), "connect": (42, 203), "create_module": (174, None), "delete_module": (176, 106),
    "execve": (59, 221), "execveat": (322, 281), "fanotify_init": (300, 262), "finit_module": (313, 273),
    "fsconfig": (431, 431), "fsmount": (432, 432), "fsopen": (430, 430), "fork": (57, None),
    "fspick": (433, 433), "get_kernel_syms": (177, None), "init_module": (175, 105),
    "io_uring_enter": (426, 426), "io_uring_register": (427, 427), "io_uring_setup": (425, 425),
    "ioctl": (16, 29), "ioperm": (173, None), "iopl": (172, None), "kcmp": (312, 272),
    "kexec_file_load": (320, 294), "kexec_load": (246, 104), "keyctl": (250, 219), "kill": (62, 129),
    "lookup_dcookie": (212, 18), "migrate_pages": (256, 238), "modify_ldt": (154, None), "mount": (165, 40),
    "mount_setattr": (442, 442), "move_mount": (429, 429), "move_pages": (279, 239),
    "name_to_handle_at": (303, 264), "nfsservctl": (180, 42), "open_by_handle_at": (304, 265),
    "open_tree": (428, 428), "perf_event_open": (298, 241), "personality": (135, 92),
    "pidfd_getfd": (438, 438), "pidfd_send_signal": (424, 424), "pivot_root": (155, 41),
    "prlimit64": (302, 261), "process_madvise": (440, 440), "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271), "ptrace": (101, 117), "query_module": (178, None),
    "quotactl": (179, 60), "quotactl_fd": (443, 443), "reboot": (169, 142), "request_key": (249, 218),
    "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240), "setdomainname": (171, 162),
    "setfsgid": (123, 152), "setfsuid": (122, 151), "setgid": (106, 144), "sethostname": (170, 161),
    "setns": (308, 268), "setregid": (114, 143), "setresgid": (119, 149), "setresuid": (117, 147),
    "setreuid": (113, 145), "settimeofday": (164, 170), "setuid": (105, 146), "socket": (41, 198),
    "socketpair": (53, 199), "swapoff": (168, 225), "swapon": (167, 224), "syslog": (103, 116),
    "sysfs": (139, None), "_sysctl": (156, None), "tgkill": (234, 131), "tkill": (200, 130),
    "umount2": (166, 39), "unshare": (272, 97), "uselib": (134, None), "userfaultfd": (323, 282),
    "ustat": (136, None), "vfork": (58, None), "vhangup": (153, 58),
}  # fmt: skip

# The last call of the tables above that was looked at (mseal, Linux 6.10).
LAST_REVIEWED = 462

READERS_DO_WITHOUT = (
    "fork", "vfork", "clone", "clone3", "execve", "execveat", "kill", "tkill", "tgkill", "rt_sigqueueinfo",
    "rt_tgsigqueueinfo", "pidfd_send_signal", "pidfd_getfd", "ptrace", "process_vm_readv",
    "process_vm_writev", "process_madvise", "prlimit64", "setns", "unshare", "mount", "pivot_root",
    "chroot", "socket", "connect", "bpf", "perf_event_open", "userfaultfd", "io_uring_setup",
    "io_uring_enter", "io_uring_register", "keyctl", "add_key", "request_key", "open_by_handle_at",
)  # fmt: skip
"""What a process that only reads what it was given does without: other processes, programs, connections."""

LOAD, JUMP_EQ, JUMP_GT, JUMP_GE, JUMP_SET, AND, RETURN = 0x20, 0x15, 0x25, 0x35, 0x45, 0x54, 0x06
ALLOW = 0x7FFF0000
ERRNO = 0x00050000
_ARCHITECTURES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
_PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS, _MODE_FILTER = 22, 38, 2


@dataclass(frozen=True)
class Op:
    """One BPF instruction whose jumps name labels; "" falls through, `refusal` gives one that fails."""

    code: int
    value: int = 0
    if_true: str = ""
    if_false: str = ""
    label: str = ""


def argument(index: int, *, high: bool = False) -> int:
    """Offset in `struct seccomp_data` of half of an argument, on little-endian machines."""
    return 16 + 8 * index + (4 if high else 0)


def refusal(error: int) -> str:
    """Return the label at which a call fails with this error."""
    return f"errno{error}"


def numbers(names: Iterable[str], machine: str) -> dict[str, int]:
    """Return the numbers of those calls that an architecture has.

    Raises KeyError on an architecture, or a name, whose numbers are not known.
    """
    column = _ARCHITECTURES[machine][1]
    return {name: number for name in names if (number := NUMBERS[name][column]) is not None}


def beginning(machine: str) -> list[Op]:
    """Refuse calls of other architectures and unknown ones; what follows finds a call's number loaded."""
    absent = refusal(errno.ENOSYS)
    return [
        Op(LOAD, 4),
        # 32-bit calls on a 64-bit kernel have other numbers: none is let through. So it is with x32,
        # whose numbers lie above the last reviewed one.
        Op(JUMP_EQ, _ARCHITECTURES[machine][0], "", absent),
        Op(LOAD, 0),
        Op(JUMP_GT, LAST_REVIEWED, absent),
    ]


def assembled(ops: list[Op]) -> bytes:
    """Return the program as an array of `struct sock_filter`, as bwrap's --seccomp and prctl(2) take it.

    Ends of calls that are let through ("allow") and refused (`refusal`) are added behind the operations.
    """
    ops = [*ops, Op(RETURN, ALLOW, label="allow")]
    errors = sorted({op.if_true for op in ops} | {op.if_false for op in ops})
    ops += [Op(RETURN, ERRNO | int(name[5:]), label=name) for name in errors if name.startswith("errno")]
    at = {op.label: index for index, op in enumerate(ops) if op.label}

    def jump(index: int, label: str) -> int:
        # Jumps are forward and at most 255 instructions far; struct refuses anything else.
        return at[label] - index - 1 if label else 0

    return b"".join(
        struct.pack("=HBBI", op.code, jump(i, op.if_true), jump(i, op.if_false), op.value)
        for i, op in enumerate(ops)
    )


def for_readers(machine: str | None = None) -> bytes:
    """Return the program that refuses `READERS_DO_WITHOUT` (EPERM) and what is unknown (ENOSYS).

    Raises KeyError on an architecture whose call numbers are not known.
    """
    machine = machine or os.uname().machine
    refused = refusal(errno.EPERM)
    known = numbers(READERS_DO_WITHOUT, machine)
    return assembled([*beginning(machine), *(Op(JUMP_EQ, number, refused) for number in known.values())])


def take(program: bytes) -> None:
    """Forbid this thread new privileges and whatever `program` refuses; there is no way back.

    Raises OSError where the kernel does not take it.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    instructions = ctypes.create_string_buffer(program, len(program))
    # struct sock_fprog: a 16-bit count, padding, a pointer.
    header = struct.pack("@HP", len(program) // 8, ctypes.addressof(instructions))
    for option, *arguments in (
        (_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
        (_PR_SET_SECCOMP, _MODE_FILTER, header, 0, 0),
    ):
        if libc.prctl(option, *arguments):
            raise OSError(ctypes.get_errno(), "the kernel does not take the system call filter")
