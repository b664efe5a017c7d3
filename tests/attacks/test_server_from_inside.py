"""The trusted half can be neither seen, signalled nor traced from the sandbox."""

import pytest

from sandboxes import Target

pytestmark = pytest.mark.attack


def test_every_process_id_that_can_be_killed_is_ones_own(target: Target) -> None:
    target.refused("""
        import os, signal
        for pid in range(2, 40000):
            if pid == os.getpid(): continue
            try: os.kill(pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError): pass
    """)
    assert target.is_well()


def test_the_sandboxs_first_process_survives_signals_from_inside(target: Target) -> None:
    target.refused("""
        import os, signal
        for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP, signal.SIGINT, signal.SIGHUP, signal.SIGSEGV):
            try: os.kill(1, number)
            except PermissionError: pass
    """)
    assert target.is_well()


def test_the_first_processs_descriptors_are_closed_to_others(target: Target) -> None:
    """They hold the session's log on the host."""
    target.refused("""
        try: open("/proc/1/fd/2", "w")
        except PermissionError: raise SystemExit(0)
        raise SystemExit("opened")
    """)


def test_the_trusted_half_listens_where_the_sandbox_cannot_look(target: Target) -> None:
    target.refused("""
        import os
        raise SystemExit(any("server" in name for name in os.listdir("/run/nbkeep")))
    """)
