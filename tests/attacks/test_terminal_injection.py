"""Nobody can type into another's terminal."""

import pytest

from sandboxes import Target

pytestmark = pytest.mark.attack


def test_tiocsti_and_tioclinux_are_refused(target: Target) -> None:
    target.refused("""
        import errno, fcntl, os
        master, slave = os.openpty()
        for request in (0x5412, 0x541C, 0x5412 | 1 << 32):
            try: fcntl.ioctl(slave, request & 0xFFFFFFFF, b"x")
            except OSError as error:
                if error.errno == errno.EPERM: continue
            raise SystemExit(hex(request))
    """)
