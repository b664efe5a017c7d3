"""A process that takes all memory is ended, and only it."""

import signal
import time

import pytest

from sandboxes import Target

pytestmark = pytest.mark.attack


def test_the_process_ends_and_the_session_and_the_count_stay(target: Target) -> None:
    before = target.machine.status(target.spec)
    outcome = target.attack("""
        import time
        held = []
        while sum(map(len, held)) < 4 << 30:
            held.append(b"x" * (8 << 20))
            time.sleep(0.02)
    """)
    assert outcome.signal == signal.SIGKILL, outcome
    deadline = time.monotonic() + 3
    while True:
        after = target.machine.status(target.spec)
        if after.oom_kills > before.oom_kills or time.monotonic() > deadline:
            break
        time.sleep(0.1)
    assert after.alive
    assert after.oom_kills > before.oom_kills
    assert (after.memory_peak_bytes or 0) > 256 << 20
    assert target.is_well()
