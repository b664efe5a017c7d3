"""A fork of a parent whose memory has no holes makes its own objects in pages of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from nbkeep.backends.local import holes

# A process whose memory is full of holes, small and large, and a fork of it that makes some objects.
_PROGRAM = """
import gc, os, runpy, sys
fill = runpy.run_path(sys.argv[1])["fill"]
mixed = [bytes(40 + number * 7 % 3000) for number in range(60_000)]
del mixed[::4]
gc.collect()
if sys.argv[2] == "filled":
    fill()
gc.freeze()

def own_kib():
    with open("/proc/self/smaps_rollup") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Private_Dirty"))

pid = os.fork()
if pid == 0:
    before = own_kib()
    made = [bytes(40 + number * 11 % 3000) for number in range(2_000)]
    print(own_kib() - before, len(made), flush=True)
    os._exit(0)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the fork's own pages are told by Linux")
def test_what_a_fork_makes_costs_about_its_own_size() -> None:
    def own_kib(how: str) -> int:
        found = subprocess.run(
            [sys.executable, "-I", "-c", _PROGRAM, str(Path(holes.__file__)), how],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return int(found.stdout.split()[0])

    of_objects_kib = sum(40 + number * 11 % 3000 for number in range(2_000)) >> 10
    assert own_kib("filled") < of_objects_kib * 1.2
    assert own_kib("as it is") > of_objects_kib * 1.5


def test_filling_leaves_the_error_output_as_it_was(capfd: pytest.CaptureFixture[str]) -> None:
    """Python tells what is free there, and nowhere else."""
    holes.fill()
    sys.stderr.flush()
    assert capfd.readouterr().err == ""
