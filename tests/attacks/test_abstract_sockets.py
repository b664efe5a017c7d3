"""Abstract unix sockets of the host and of a neighbour cannot be reached."""

import os
import socket

import pytest

from sandboxes import Target

pytestmark = pytest.mark.attack


def test_an_abstract_socket_of_the_host_is_not_there(target: Target) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"\0nbkeep-test-{os.getpid()}")
        listener.listen()
        target.refused(f"""
            import socket
            try: socket.socket(socket.AF_UNIX).connect("\\0nbkeep-test-{os.getpid()}")
            except ConnectionRefusedError: raise SystemExit(0)
            raise SystemExit("connected")
        """)
