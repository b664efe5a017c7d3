"""The platform's token is nowhere that a sandbox can look."""

import pytest

from sandboxes import Target

pytestmark = pytest.mark.attack


def test_no_environment_no_proc_file_and_no_memory_holds_the_token(target: Target) -> None:
    target.refused("""
        import os, glob
        needle = b"secret-of-the-server" + b"-0451"
        found = [str(os.environ)] if needle in str(os.environ).encode() else []
        for name in glob.glob("/proc/*/environ") + glob.glob("/proc/*/cmdline") + glob.glob("/proc/*/task/*/environ"):
            try:
                if needle in open(name, "rb").read(): found.append(name)
            except OSError: pass
        for pid in filter(str.isdigit, os.listdir("/proc")):
            if int(pid) == os.getpid(): continue
            try:
                memory = open(f"/proc/{pid}/mem", "rb")
                for line in open(f"/proc/{pid}/maps"):
                    low, high = (int(x, 16) for x in line.split()[0].split("-"))
                    memory.seek(low)
                    if needle in memory.read(min(high - low, 1 << 24)): found.append(line)
            except OSError: pass
        print(found)
        raise SystemExit(bool(found))
    """)
