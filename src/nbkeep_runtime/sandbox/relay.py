"""What programs in a sandbox use as their proxy: passes bytes between loopback and the session's gateway.

It decides nothing and looks at nothing; it has the powers of the user's code, which may as well speak to the
gateway's socket itself. A process of its own, kept alive by the sandbox's first one.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import selectors
import signal
import socket
import time

TYPE_CHECKING = False  # see processes.py
if TYPE_CHECKING:
    from collections.abc import Callable

    from nbkeep_runtime.sandbox import listeners
elif __package__:
    from . import listeners
else:
    import listeners  # in a sandbox this folder is on the path, and there is no package

GATEWAY = "/run/nbkeep/gateway/gateway.sock"
PORT = 3128
_CHUNK = 256 << 10
_MOST_PAIRS = 2000
# A gateway that starts again, or has not heard of the session yet, is waited for.
_PATIENCE_S = 3.0
_RETRY_S = 0.05
_LINGER_S = 2.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.05, 5.0
_STABLE_S = 10.0
_PR_SET_NAME = 15
_SAID = b"nbkeep: the gateway does not answer, so nothing outside can be reached. It comes back by itself.\n"
_AWAY = (
    b"HTTP/1.1 502 nbkeep's gateway does not answer\r\nContent-Type: text/plain\r\n"
    b"Content-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(_SAID), _SAID)
)


class Keeper:
    """Keeps the relay alive, as part of the first process's loop."""

    def __init__(self) -> None:
        self._pid = 0
        self._due_s = 0.0
        self._begun_s = 0.0
        self._wait_s = _FIRST_PAUSE_S

    def pause_s(self) -> float | None:
        """Return how long the loop may sleep, None for ever."""
        return None if self._pid else max(0.0, self._due_s - time.monotonic())

    def start_and_wait(self) -> None:
        """Start it, and return when it listens or has failed; call before a process of the user's runs."""
        read_end, write_end = os.pipe()
        self.start_if_due(tell=write_end)
        os.close(write_end)
        os.read(read_end, 1)  # nothing is written: that it is closed says it, and a death closes it, too
        os.close(read_end)

    def start_if_due(self, tell: int | None = None) -> None:
        """Start it unless it runs or has ended too often of late.

        `tell`: a descriptor that it closes when it listens.
        """
        if self._pid or time.monotonic() < self._due_s:
            return
        try:
            self._pid = _start(tell)
        except OSError:  # no process may be started now
            self._put_off()
        self._begun_s = time.monotonic()

    def has_ended(self, pid: int) -> bool:
        """Tell whether this ended process was it."""
        if pid != self._pid:
            return False
        self._pid = 0
        if time.monotonic() - self._begun_s > _STABLE_S:
            self._wait_s = _FIRST_PAUSE_S
        self._put_off()
        return True

    def _put_off(self) -> None:
        self._due_s = time.monotonic() + self._wait_s
        self._wait_s = min(self._wait_s * 2, _LONGEST_PAUSE_S)


def _start(tell: int | None) -> int:
    """Fork it; cheaper than an interpreter of its own, in time and memory."""
    pid = os.fork()
    if pid:
        return pid
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        kept = os.sysconf("SC_OPEN_MAX") if tell is None else tell
        os.closerange(3, kept)
        os.closerange(kept + 1, os.sysconf("SC_OPEN_MAX"))
        ctypes.CDLL(None).prctl(_PR_SET_NAME, b"nbkeep-relay", 0, 0, 0)
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 3 * _MOST_PAIRS), hard))
        relay = Relay(("127.0.0.1", PORT), GATEWAY)
        relay.follow()
        if tell is not None:
            os.close(tell)
        relay.run()
    except BaseException:  # noqa: BLE001  nothing of the first process may run on in here
        os._exit(1)
    os._exit(0)


class _End:
    """One side of a pair: its socket, and what waits to be sent to it."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.waiting = b""
        self.is_done = False  # it has sent all that it will
        self.is_told = False  # it was told that the other one has
        self.interest = 0


class _Pair:
    """A program's connection and the one to the gateway, which may not be there yet.

    `preamble`: what the gateway is told first, of a declared connection.
    """

    def __init__(self, client: socket.socket, deadline_s: float, preamble: bytes = b"") -> None:
        self.preamble = preamble
        self.client = _End(client)
        self.gateway: _End | None = None
        self.deadline_s = deadline_s
        self.is_refused = False


class Relay:
    """The loop. `address`: where it is a proxy; `target`: the gateway's socket; `file`: see listeners."""

    def __init__(self, address: tuple[str, int], target: str, file: str = listeners.CONNECTIONS) -> None:
        self._target = target
        self._selector = selectors.DefaultSelector()
        self._pairs: set[_Pair] = set()
        self._early: set[_Pair] = set()  # those that wait for the gateway, or for the end of a refusal
        self._listened_to: set[listeners.Listener] = set()
        self._listeners = listeners.Listeners(address, file)

    def run(self, is_wanted: Callable[[], bool] = lambda: True) -> None:
        """Serve while it is wanted."""
        while is_wanted():
            self.follow()
            self._listen(set(self._listeners.all()) if len(self._pairs) < _MOST_PAIRS else set())
            for key, mask in self._selector.select(_RETRY_S if self._early else 1.0):
                if isinstance(key.data, listeners.Listener):
                    self._accept(key.data)
                    continue
                pair, end = key.data
                if pair in self._pairs:
                    self._serve(pair, end, mask)
            for pair in list(self._early):
                self._go_on(pair)

    def close(self) -> None:
        """Close everything."""
        for pair in list(self._pairs):
            self._drop(pair)
        self._listen(set())
        self._listeners.close()
        self._selector.close()

    def follow(self) -> None:
        """Listen where connections are declared now. Those that are open go on: the gateway ends them."""
        gone = self._listeners.follow()
        self._listen(self._listened_to - set(gone))
        for one in gone:
            one.sock.close()

    def _listen(self, wanted: set[listeners.Listener]) -> None:
        for one in wanted - self._listened_to:
            self._selector.register(one.sock, selectors.EVENT_READ, one)
        for one in self._listened_to - wanted:
            self._selector.unregister(one.sock)
        self._listened_to = wanted

    def _accept(self, listener: listeners.Listener) -> None:
        try:
            client, _ = listener.sock.accept()
        except OSError:
            time.sleep(_RETRY_S)  # no descriptors left: others have to end first
            return
        client.setblocking(False)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        pair = _Pair(client, time.monotonic() + _PATIENCE_S, listener.preamble)
        self._pairs.add(pair)
        self._early.add(pair)
        self._go_on(pair)

    def _go_on(self, pair: _Pair) -> None:
        """Connect to the gateway, once it is there; say so when it is not."""
        if pair.is_refused:
            if time.monotonic() > pair.deadline_s:
                self._drop(pair)
            return
        gateway = socket.socket(socket.AF_UNIX)
        gateway.setblocking(False)
        try:
            gateway.connect(self._target)
        except OSError:
            gateway.close()
            if time.monotonic() > pair.deadline_s:
                self._refuse(pair)
            return
        self._early.discard(pair)
        pair.gateway = _End(gateway)
        pair.gateway.waiting = pair.preamble
        self._watch(pair)

    def _refuse(self, pair: _Pair) -> None:
        """Say it in HTTP, or close to who speaks SOCKS; then wait until it is read.

        What a program at a declared connection speaks is not known here: it sees the end.
        """
        if pair.preamble:
            self._drop(pair)
            return
        pair.is_refused, pair.deadline_s = True, time.monotonic() + _LINGER_S
        try:
            first = pair.client.sock.recv(_CHUNK)
            pair.client.sock.send(b"\x05\xff" if first[:1] == b"\x05" else _AWAY)
            pair.client.sock.shutdown(socket.SHUT_WR)
        except BlockingIOError:  # it waits to be spoken to
            with contextlib.suppress(OSError):
                pair.client.sock.send(_AWAY)
                pair.client.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._drop(pair)
            return
        self._interest(pair, pair.client, selectors.EVENT_READ)

    def _serve(self, pair: _Pair, end: _End, mask: int) -> None:
        gateway = pair.gateway
        try:
            if gateway is None:
                if not end.sock.recv(_CHUNK):  # the refusal was read
                    self._drop(pair)
                return
            self._move(end, gateway if end is pair.client else pair.client, mask)
            _tell_end(pair.client, gateway)
            _tell_end(gateway, pair.client)
        except OSError:
            self._drop(pair)
            return
        if pair.client.is_told and gateway.is_told:
            self._drop(pair)
        else:
            self._watch(pair)

    def _move(self, end: _End, other: _End, mask: int) -> None:
        if mask & selectors.EVENT_WRITE and end.waiting:
            self._send(end, end.waiting)
        if mask & selectors.EVENT_READ and not other.waiting and not end.is_done:
            try:
                data = end.sock.recv(_CHUNK)
            except BlockingIOError:
                return
            end.is_done = not data
            if data:
                self._send(other, data)

    def _send(self, end: _End, data: bytes) -> None:
        try:
            sent = end.sock.send(data)
        except BlockingIOError:
            sent = 0
        end.waiting = data[sent:]

    def _watch(self, pair: _Pair) -> None:
        """Read from a side only when all that came from it before was passed on."""
        if pair.gateway is None:
            return
        for end, other in ((pair.client, pair.gateway), (pair.gateway, pair.client)):
            reads = selectors.EVENT_READ if not end.is_done and not other.waiting else 0
            self._interest(pair, end, reads | (selectors.EVENT_WRITE if end.waiting else 0))

    def _interest(self, pair: _Pair, end: _End, wanted: int) -> None:
        if wanted == end.interest:
            return
        if not end.interest:
            self._selector.register(end.sock, wanted, (pair, end))
        elif wanted:
            self._selector.modify(end.sock, wanted, (pair, end))
        else:
            self._selector.unregister(end.sock)
        end.interest = wanted

    def _drop(self, pair: _Pair) -> None:
        self._pairs.discard(pair)
        self._early.discard(pair)
        for end in (pair.client, pair.gateway):
            if end is not None:
                self._interest(pair, end, 0)
                end.sock.close()


def _tell_end(done: _End, other: _End) -> None:
    """Hand on that a side has ended, once all that it sent was passed on."""
    if done.is_done and not other.waiting and not other.is_told:
        other.is_told = True
        other.sock.shutdown(socket.SHUT_WR)
