"""A sandbox has no way to any address but its own loopback."""

import socket

import pytest

from sandboxes import Target

pytestmark = pytest.mark.attack


def test_the_hosts_loopback_cannot_be_reached(target: Target) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        target.refused(f"""
            import socket
            try:
                socket.create_connection(("127.0.0.1", {port}), 2)
            except OSError as error:
                print(error); raise SystemExit(0)
            raise SystemExit("connected")
        """)


@pytest.mark.parametrize(("family", "address"), [("AF_INET", "192.0.2.1"), ("AF_INET6", "2001:db8::1")])
@pytest.mark.parametrize("kind", ["SOCK_STREAM", "SOCK_DGRAM"])
def test_no_address_outside_has_a_route(target: Target, family: str, address: str, kind: str) -> None:
    target.refused(f"""
        import socket
        s = socket.socket(socket.{family}, socket.{kind}); s.settimeout(2)
        try:
            s.connect(("{address}", 53)); s.send(b"x")
        except OSError as error:
            print(error); raise SystemExit(0)
        raise SystemExit("sent")
    """)


def test_names_do_not_resolve(target: Target) -> None:
    target.refused("""
        import socket
        try: print(socket.getaddrinfo("example.com", 443))
        except OSError: raise SystemExit(0)
        raise SystemExit("resolved")
    """)


def test_loopback_is_the_only_interface_and_works(target: Target) -> None:
    target.refused("""
        import socket
        names = [name for _, name in socket.if_nameindex()]
        server = socket.create_server(("127.0.0.1", 0))
        socket.create_connection(server.getsockname(), 2).close()
        print(names)
        raise SystemExit(names != ["lo"])
    """)
