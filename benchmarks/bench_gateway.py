"""What the way out costs, against no proxy and against a stock forward proxy (tinyproxy or squid).

    .venv/bin/python benchmarks/bench_gateway.py [ROUNDS] [GIGABYTES]

Prints medians and ratios of one run, and how busy the machine was: latency of a request and of a CONNECT,
time and throughput of a download, the time to decide with 10,000 rules, memory and CPU of a gateway with 500
sessions and 2,000 open connections. Takes some minutes. The way of a session is relay and gateway, each a
process of its own, as in a sandbox. Rounds alternate, so that a busy machine slows all alike.
"""

# pyright: basic, reportMissingImports=false

from __future__ import annotations

import contextlib
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from egress_parts import policy, wait_for
from nbkeep.egress.parse import parse_rule
from nbkeep.egress.rules import Compiled
from nbkeep.egress.values import Policy, Request
from nbkeep.model.ids import ID_PATTERN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
from office_of_gateways import TOKEN, GatewaysOffice

_SESSIONS, _CONNECTIONS = 500, 2000
_RELAY = """
import sys
from nbkeep_runtime.sandbox.relay import Relay
Relay(("127.0.0.1", int(sys.argv[1])), sys.argv[2]).run()
"""
_SERVER = """
import socket, sys, threading
server = socket.create_server(("127.0.0.2", 0), backlog=512)
print(server.getsockname()[1], flush=True)
chunk = b"x" * (1 << 20)
def talk(sock):
    with sock:
        try:
            head = b""
            while b"\\r\\n\\r\\n" not in head:
                more = sock.recv(65536)
                if not more: return
                head += more
            left = int(head.split()[1].rpartition(b"/")[2])
            sock.sendall(b"HTTP/1.1 200 OK\\r\\nConnection: close\\r\\nContent-Length: %d\\r\\n\\r\\n" % left)
            while left > 0:
                sock.sendall(chunk[:left])
                left -= len(chunk)
        except OSError:
            pass
while True:
    threading.Thread(target=talk, args=(server.accept()[0],), daemon=True).start()
"""
HOST = "127.0.0.2"


def session(number: int) -> str:
    """Return the id of a session."""
    found = f"ses_{number:020d}"
    assert ID_PATTERN.fullmatch(found)
    return found


def free_port() -> int:
    """Return a port that nobody has."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


@contextlib.contextmanager
def process(*argv: str) -> Iterator[subprocess.Popen[str]]:
    """Run a program for as long as it is needed."""
    started = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        yield started
    finally:
        started.terminate()
        started.wait()


@contextlib.contextmanager
def stock_proxy(folder: Path) -> Iterator[tuple[str, int] | None]:
    """Run tinyproxy or squid, whichever is here; give its name and port."""
    port = free_port()
    file = folder / "stock.conf"
    if program := shutil.which("tinyproxy"):
        file.write_text(f"Port {port}\nListen 127.0.0.1\nTimeout 600\nMaxClients 2000\nLogLevel Critical\n")
        argv = [program, "-d", "-c", str(file)]
    elif program := shutil.which("squid"):
        file.write_text(
            f"http_port 127.0.0.1:{port}\nhttp_access allow all\ncache deny all\naccess_log none\n"
            f"pid_filename {folder}/squid.pid\ncache_log {folder}/squid.log\n"
        )
        argv = [program, "-N", "-f", str(file)]
    else:
        yield None
        return
    with process(*argv):
        wait_for(lambda: _accepts(port), program)
        yield Path(program).name, port


def _accepts(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def request(proxy: int | None, port: int, size: int = 10) -> float:
    """Return the seconds that a request takes, to the last byte."""
    begun = time.perf_counter()
    there = f"{HOST}:{port}"
    with socket.create_connection((HOST, port) if proxy is None else ("127.0.0.1", proxy)) as sock:
        target = f"/{size}" if proxy is None else f"http://{there}/{size}"
        sock.sendall(f"GET {target} HTTP/1.1\r\nHost: {there}\r\n\r\n".encode())
        _read(sock, size)
    return time.perf_counter() - begun


def tunnel(proxy: int | None, port: int, size: int = 10) -> float:
    """Return the seconds of a CONNECT and of a request in it that does not look like HTTP."""
    begun = time.perf_counter()
    with socket.create_connection((HOST, port) if proxy is None else ("127.0.0.1", proxy)) as sock:
        if proxy is not None:
            sock.sendall(f"CONNECT {HOST}:{port} HTTP/1.1\r\nHost: {HOST}:{port}\r\n\r\n".encode())
            head = b""
            while b"\r\n\r\n" not in head:
                head += sock.recv(4096)
        sock.sendall(f"\0 /{size} \r\n\r\n".encode())
        _read(sock, size)
    return time.perf_counter() - begun


def _read(sock: socket.socket, size: int) -> None:
    buffer, count, head = bytearray(1 << 20), 0, b""
    while b"\r\n\r\n" not in head:
        more = sock.recv(65536)
        assert more, head
        head += more
    status, _, body = head.partition(b"\r\n\r\n")
    assert b" 200 " in status.split(b"\r\n")[0], head
    count = len(body)
    while count < size:
        got = sock.recv_into(buffer)
        assert got, "cut"
        count += got


def compare(
    what: str, measure: Callable[[int | None], float], ways: dict[str, int | None], rounds: int, size: int = 0
) -> None:
    """Print medians of all ways, and their ratios to the first; with a size in bytes the throughput, too."""
    found: dict[str, list[float]] = {name: [] for name in ways}
    if not size:  # a download warms itself up
        for proxy in ways.values():
            measure(proxy)
    for _ in range(rounds):
        for name, proxy in ways.items():
            found[name].append(measure(proxy))
    medians = {name: statistics.median(values) for name, values in found.items()}
    first = next(iter(medians.values()))
    print(f"{what}:")
    for name, value in medians.items():
        ratio, more = value / first, (value - first) * 1000
        rate = f"   {size / value / 1e6:7.0f} MB/s ({first / value:.2f} of no proxy's)" if size else ""
        print(f"  {name:<12} {value * 1000:10.2f} ms   {ratio:6.2f} of no proxy   {more:+9.2f} ms{rate}")


def decide() -> None:
    """Print how long a decision takes among 10,000 rules."""
    texts = [
        text
        for n in range(3334)
        for text in (f"h{n}.example", f"*.d{n}.example", f"10.{n >> 8}.{n & 255}.0/24")
    ]
    rules = tuple(parse_rule(text, effect="allow", source="bench") for text in texts[:10_000])
    compiled = Compiled(Policy("ses_1", rules, False, False, "v"))
    print(f"decision with {len(rules):,} rules:")
    for host, address in (("h3000.example", "151.101.0.223"), ("a.b.d3000.example", "151.101.0.223"),
                          ("nobody.example", "151.101.0.223"), ("10.5.5.5", "10.5.5.5")):  # fmt: skip
        begun = time.perf_counter()
        for _ in range(5000):
            compiled.decide_address(host, 443, address)
        print(f"  {host:<18} {(time.perf_counter() - begun) / 5000 * 1e6:6.1f} µs, name and address")
    rules = tuple(
        parse_rule(f"GET@h.example/org{n}/*", effect="allow", source="bench") for n in range(10_000)
    )
    compiled = Compiled(Policy("ses_1", rules, False, False, "v"))
    begun = time.perf_counter()
    for n in range(5000):
        compiled.decide_request("h.example", 443, "151.101.0.223", Request("GET", f"/org{n}/x"))
    print(f"  10,000 paths there {(time.perf_counter() - begun) / 5000 * 1e6:6.1f} µs, a request")


def cpu_s(process: psutil.Process) -> float:
    """Return the seconds of CPU that a process has used."""
    times = process.cpu_times()
    return times.user + times.system


def many(folder: Path, gateway: psutil.Process, port: int) -> None:
    """Print what 500 sessions with 2,000 open connections take."""
    before, begun = gateway.memory_full_info().uss, cpu_s(gateway)
    held: list[socket.socket] = []
    for number in range(_CONNECTIONS):
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(60)
        sock.connect(str(folder / f"run/s/{session(number % _SESSIONS)}/gateway/gateway.sock"))
        sock.sendall(f"CONNECT {HOST}:{port} HTTP/1.1\r\nHost: {HOST}:{port}\r\n\r\n".encode())
        assert sock.recv(4096).startswith(b"HTTP/1.1 200 ")
        held.append(sock)
    after, opened = gateway.memory_full_info().uss, cpu_s(gateway)
    time.sleep(5)
    waited = cpu_s(gateway)
    idle = (waited - opened) / 5
    for sock in held:
        sock.sendall(b"\0 /10 \r\n\r\n")
    for sock in held:
        _read(sock, 10)
    asked = cpu_s(gateway)
    print(f"{_SESSIONS} sessions, {_CONNECTIONS:,} connections: {after / 2**20:.0f} MiB "
          f"({before / 2**20:.0f} MiB before them, {(after - before) / _CONNECTIONS / 1024:.1f} KiB each), "
          f"{idle * 100:.1f} % of a CPU while nothing moves, "
          f"{(opened - begun) / _CONNECTIONS * 1e3:.2f} ms of CPU to open one, "
          f"{(asked - waited) / _CONNECTIONS * 1e3:.2f} ms for a request in it")  # fmt: skip
    for sock in held:
        sock.close()


def busy() -> str:
    """Return how busy the machine is with all that runs on it, for who reads the figures later."""
    load, _, _ = psutil.getloadavg()
    return f"(load {load:.1f} on {psutil.cpu_count()} CPUs)"


def main(rounds: int, gigabytes: float) -> None:
    """Run all of it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 20_000), hard))
    print(busy())
    decide()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="nbk", dir="/tmp")))
        for name in ("secrets", "run/office"):
            (folder / name).mkdir(parents=True)
        (folder / "secrets/gateway-token").write_text(TOKEN)
        for number in range(_SESSIONS):
            (folder / f"run/s/{session(number)}/gateway").mkdir(parents=True)
        office = GatewaysOffice(folder / "run/office/office.sock")
        stack.callback(office.end)
        server = stack.enter_context(process(sys.executable, "-c", _SERVER))
        assert server.stdout
        port = int(server.stdout.readline())
        rules = f"{HOST}:{port}"
        office.say(*(policy(session(number), rules) for number in range(_SESSIONS)))
        running = stack.enter_context(
            process(sys.executable, "-m", "nbkeep.doors.gateway", "--data-dir", str(folder))
        )
        sockets = [folder / f"run/s/{session(number)}/gateway/gateway.sock" for number in range(_SESSIONS)]
        wait_for(lambda: all(path.exists() for path in sockets), "500 sockets", 60)
        relay = free_port()
        stack.enter_context(process(sys.executable, "-c", _RELAY, str(relay), str(sockets[0])))
        wait_for(lambda: _accepts(relay), "the relay")
        ways: dict[str, int | None] = {"no proxy": None, "nbkeep": relay}
        stock = stack.enter_context(stock_proxy(folder))
        if stock is None:
            print("no stock proxy to compare with: install tinyproxy or squid")
        else:
            ways[stock[0]] = stock[1]
        compare("a request", lambda proxy: request(proxy, port), ways, rounds)
        compare("a CONNECT and a request in it", lambda proxy: tunnel(proxy, port), ways, rounds)
        size = int(gigabytes * 1e9)
        downloads = 3  # of each way: seconds each
        compare(
            f"a download of {gigabytes:g} GB in clear",
            lambda proxy: request(proxy, port, size),
            ways,
            downloads,
            size,
        )
        compare(
            f"a download of {gigabytes:g} GB in a tunnel",
            lambda proxy: tunnel(proxy, port, size),
            ways,
            downloads,
            size,
        )
        many(folder, psutil.Process(running.pid), port)
        print(busy())


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200, float(sys.argv[2]) if len(sys.argv) > 2 else 2.0)
