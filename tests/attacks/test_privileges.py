"""Nothing in a sandbox gives more power: no capability, no set-id program, no way around the filter."""

import pytest
from syscalls import PRELUDE

from sandboxes import Target

pytestmark = pytest.mark.attack


def test_no_capability_no_new_privileges_and_the_filter_are_in_force(target: Target) -> None:
    target.refused("""
        status = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines())
        caps = {name: int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")}
        print(caps, status["NoNewPrivs"], status["Seccomp"], status["Uid"], status["Groups"])
        own = [status[name].split() for name in ("Uid", "Gid")]
        raise SystemExit(any(caps.values()) or status["NoNewPrivs"] != "1" or status["Seccomp"] != "2"
                         or own != [["1000"] * 4] * 2)
    """)


def test_set_id_bits_give_nothing(target: Target) -> None:
    target.refused("""
        import os, shutil, subprocess
        shutil.copy("/usr/bin/id", "own-id"); os.chmod("own-id", 0o6755)
        for program in (["./own-id", "-u"], ["/usr/bin/su", "-c", "id -u"], ["/usr/bin/mount", "/mnt"]):
            if not os.path.exists(program[0]): continue
            done = subprocess.run(program, capture_output=True, text=True, stdin=subprocess.DEVNULL)
            if done.stdout.strip() == "0": raise SystemExit(str(program))
    """)


def test_other_ids_cannot_be_taken(target: Target) -> None:
    target.refused("""
        import os
        for take in (lambda: os.setuid(0), lambda: os.setgid(0), lambda: os.setgroups([0]), lambda: os.setuid(2000)):
            try: take()
            except OSError: continue
            raise SystemExit("taken")
    """)


def test_calls_of_32_bits_and_of_the_future_do_not_exist(target: Target) -> None:
    target.refused(
        PRELUDE
        + """
for number in (0x40000000 + 41, 463, 467, 999):
    result, error = call(number, 0, 0, 0)
    if not (result == -1 and error == errno.ENOSYS): raise SystemExit(str((number, result, error)))
"""
    )
