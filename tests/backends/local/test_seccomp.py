"""The filter's numbers are the kernel's, and its program is one that the kernel takes."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pyseccomp  # pyright: ignore[reportMissingTypeStubs]
import pytest

from nbkeep.backends.local.seccomp import denied, filter_bytes
from nbkeep.seccomp import NUMBERS, for_readers, numbers

if TYPE_CHECKING:
    from collections.abc import Callable

ARCHITECTURES = {"x86_64": pyseccomp.Arch.X86_64, "aarch64": pyseccomp.Arch.AARCH64}


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_every_number_is_libseccomps(machine: str) -> None:
    known = numbers(NUMBERS, machine)
    assert {name: pyseccomp.resolve_syscall(ARCHITECTURES[machine], name) for name in known} == known
    assert denied(machine).items() < known.items()


@pytest.mark.parametrize("made", [filter_bytes, for_readers])
@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_every_jump_stays_inside_and_every_path_ends(machine: str, made: Callable[[str], bytes]) -> None:
    whole = made(machine)
    program = [struct.unpack("=HBBI", whole[at : at + 8]) for at in range(0, len(whole), 8)]
    for index, (code, if_true, if_false, _) in enumerate(program):
        if code & 0x07 == 0x05:
            assert index + 1 + max(if_true, if_false) < len(program)
    assert program[-1][0] == 0x06


def test_an_unknown_architecture_has_no_filter_and_so_no_sandbox() -> None:
    with pytest.raises(KeyError):
        filter_bytes("sparc64")
    with pytest.raises(KeyError):
        for_readers("sparc64")
