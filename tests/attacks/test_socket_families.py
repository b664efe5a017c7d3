"""Sockets that a network namespace does not hide, or that are raw, cannot be made."""

import pytest

from sandboxes import Target

pytestmark = pytest.mark.attack


@pytest.mark.parametrize("make", [
    "socket.AF_VSOCK, socket.SOCK_STREAM",
    "socket.AF_PACKET, socket.SOCK_RAW",
    "socket.AF_PACKET, socket.SOCK_DGRAM",
    "socket.AF_ALG, socket.SOCK_SEQPACKET",
    "socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP",
    "socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6",
    "socket.AF_INET, socket.SOCK_SEQPACKET, 132",
    "socket.AF_INET, socket.SOCK_STREAM, 262",
    "socket.AF_NETLINK, socket.SOCK_RAW, 9",
    "socket.AF_NETLINK, socket.SOCK_RAW, 12",
    "socket.AF_CAN, socket.SOCK_RAW, 1",
    "socket.AF_TIPC, socket.SOCK_STREAM",
    "31, socket.SOCK_SEQPACKET, 0",
    "44, socket.SOCK_RAW",
])  # fmt: skip
def test_refused(target: Target, make: str) -> None:
    """The filter's own errors, so that a kernel that has the family answers the same."""
    target.refused(f"""
        import errno, socket
        try: socket.socket({make})
        except OSError as error:
            print(error)
            raise SystemExit(error.errno not in (errno.EAFNOSUPPORT, errno.EPERM, errno.EPROTONOSUPPORT))
        raise SystemExit("made")
    """)
