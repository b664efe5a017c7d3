"""A fork bomb ends at the session's own limit."""

import pytest

from sandboxes import Target

pytestmark = pytest.mark.attack


def test_forks_are_refused_beyond_the_limit_and_others_go_on(target: Target) -> None:
    output = target.refused("""
        import os, time, signal
        children = []
        try:
            while len(children) < 1000:
                pid = os.fork()
                if pid == 0: time.sleep(60); os._exit(0)
                children.append(pid)
        except OSError as error: print("refused", error.errno)
        for pid in children: os.kill(pid, signal.SIGKILL)
        print(len(children))
        raise SystemExit(not 10 < len(children) <= 100)
    """)
    assert "refused" in output
    assert target.is_well()
    assert target.machine.run(target.neighbour, "print(1)").code == 0
