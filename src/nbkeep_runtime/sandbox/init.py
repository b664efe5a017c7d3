"""First process of a sandbox: starts kernels and terminals for the trusted half, and reaps what ends.

Listens on /run/nbkeep/kernels/init.sock: one JSON object per line, at most 1 MiB. One thread and one loop, so
that a fork is always safe. It has exactly the powers of the user's code and trusts a caller no further.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import selectors
import signal
import socket
import sys
from collections import deque

TYPE_CHECKING = False  # see processes.py
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from nbkeep_runtime.sandbox import processes

    Answer = tuple[dict[str, Any], list[int]]
    from nbkeep_runtime.sandbox import relay
else:  # by start.py, which puts this folder into the path
    import processes
    import relay

SOCKET = "/run/nbkeep/kernels/init.sock"
_LINE_LIMIT = 1 << 20
_QUEUE_LIMIT = 4 << 20
_FDS_LIMIT = 4
# Of what a process writes outside its notebook, the last part is kept: it holds the traceback of a crash.
_TAIL_LIMIT = 4096
_LOG_LIMIT = 1 << 20


class Connection:
    """One caller: a line buffer in, a queue of (bytes, descriptors) out."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.incoming = b""
        self.given: list[int] = []  # descriptors that came with it, for the next `adopt`
        self.outgoing: deque[tuple[bytes, list[int]]] = deque()
        self.queued = 0

    def push(self, message: dict[str, Any], fds: Sequence[int] = ()) -> None:
        """Queue a line, with descriptors that become the receiver's."""
        data = json.dumps(message).encode() + b"\n"
        self.queued += len(data)
        self.outgoing.append((data, list(fds)))

    def flush(self) -> bool:
        """Send what the socket takes; True when nothing is left."""
        while self.outgoing:
            data, fds = self.outgoing[0]
            try:
                sent = socket.send_fds(self.sock, [data], fds) if fds else self.sock.send(data)
            except BlockingIOError:
                return False
            for fd in fds:
                os.close(fd)
            self.queued -= sent
            if sent < len(data):
                self.outgoing[0] = (data[sent:], [])
            else:
                self.outgoing.popleft()
        return True

    def close(self) -> None:
        """Close the socket and what was not sent."""
        for fds in (self.given, *(fds for _, fds in self.outgoing)):
            for fd in fds:
                os.close(fd)
        self.sock.close()


class Init:
    """The loop and what it knows: callers, and the output of processes that are alive."""

    def __init__(self, path: str) -> None:
        self.selector = selectors.DefaultSelector()
        self.connections: dict[socket.socket, Connection] = {}
        self.outputs: dict[int, int] = {}  # read end of a pipe: pid
        self.tails: dict[int, bytes] = {}  # pid: last bytes of its output, until its end is told
        self.logged = 0
        self.relay = relay.Keeper()
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # A socket appears under its name only when it listens, so that nobody connects too early.
        fresh = path + ".new"
        for stale in (fresh, path):
            if os.path.lexists(stale):
                os.unlink(stale)
        self.listener.bind(fresh)
        self.listener.listen(16)
        self.listener.setblocking(False)
        self.selector.register(self.listener, selectors.EVENT_READ, self.accept)
        self.wake_read, wake_write = os.pipe()
        for end in (self.wake_read, wake_write):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        # any handler will do: the wake-up descriptor tells the loop
        signal.signal(signal.SIGCHLD, _nothing)
        self.selector.register(self.wake_read, selectors.EVENT_READ, self.children_ended)
        self.relay.start_and_wait()  # a cell that runs first of all finds its proxy and its connections
        os.rename(fresh, path)

    def run(self) -> None:
        """Serve for ever."""
        while True:
            for key, mask in self.selector.select(self.relay.pause_s()):
                # Serving one event may have closed what another one of this round is about.
                current = self.selector.get_map().get(key.fd)
                if current is None or current.fileobj != key.fileobj:
                    continue
                try:
                    key.data(key.fileobj, mask)
                except Exception as error:  # noqa: BLE001  with the first process the whole sandbox would end
                    self.log(f"nbkeep: {type(error).__name__}: {error}")
            self.relay.start_if_due()

    def accept(self, _listener: Any, _mask: int) -> None:
        """Take a new caller."""
        try:
            sock, _ = self.listener.accept()
        except OSError:
            return
        sock.setblocking(False)
        self.connections[sock] = Connection(sock)
        self.selector.register(sock, selectors.EVENT_READ, self.talk)

    def talk(self, sock: socket.socket, mask: int) -> None:
        """Read from and write to a caller; whatever goes wrong with it ends only it."""
        connection = self.connections[sock]
        try:
            if mask & selectors.EVENT_READ:
                data, given, _, _ = socket.recv_fds(sock, 65536, _FDS_LIMIT)
                connection.given += given
                if not data or len(connection.given) > _FDS_LIMIT:
                    self.drop(connection)
                    return
                connection.incoming += data
                self.serve_lines(connection)
            self.send(connection)
        except OSError:
            self.drop(connection)

    def serve_lines(self, connection: Connection) -> None:
        """Answer each whole line."""
        while b"\n" in connection.incoming:
            line, _, connection.incoming = connection.incoming.partition(b"\n")
            answer, fds = self.answer(line, connection.given)
            connection.push(answer, fds)
        if len(connection.incoming) > _LINE_LIMIT:
            raise OSError("line too long")

    def send(self, connection: Connection) -> None:
        """Send what can be sent now and the rest when the caller reads."""
        is_done = connection.flush()
        if connection.queued > _QUEUE_LIMIT:
            raise OSError("the caller does not read")
        wanted = selectors.EVENT_READ if is_done else selectors.EVENT_READ | selectors.EVENT_WRITE
        self.selector.modify(connection.sock, wanted, self.talk)

    def drop(self, connection: Connection) -> None:
        """Forget a caller; twice is safe."""
        if self.connections.pop(connection.sock, None) is not None:
            self.selector.unregister(connection.sock)
            connection.close()

    def answer(self, line: bytes, given: list[int]) -> Answer:
        """Return the answer to one line and the descriptors that go with it; `given` came with the line."""
        number: Any = None
        try:
            request = json.loads(line)
            number = request.get("id")
            if request.get("op") == "adopt":
                self.adopt(int(request["pid"]), given)
                return {"id": number, "ok": True}, []
            result, fds = self.operation(request.get("op"))(request)
            return dict(result, id=number, ok=True), fds
        except Exception as error:  # noqa: BLE001  a bad request must not end the sandbox
            text = f"{type(error).__name__}: {error}"
            return {"id": number, "ok": False, "error": text[:500]}, []

    def operation(self, name: object) -> Callable[[dict[str, Any]], Answer]:
        """Return what serves a kind of request; raise ValueError for an unknown one."""
        found = {
            "spawn": self.do_spawn,
            "terminal": self.do_terminal,
            "signal": self.do_signal,
            "usage": self.do_usage,
            "foreground": self.do_foreground,
        }.get(str(name))
        if found is None:
            raise ValueError("unknown op")
        return found

    def do_spawn(self, request: dict[str, Any]) -> Answer:
        """Start a process whose output is kept."""
        read_end, write_end = os.pipe()
        try:
            pid = processes.spawn(
                [str(part) for part in request["argv"]], _env(request), str(request["cwd"]), write_end
            )
        except BaseException:
            os.close(read_end)
            raise
        finally:
            os.close(write_end)
        self.keep_output(pid, read_end)
        return {"pid": pid}, []

    def adopt(self, pid: int, given: list[int]) -> None:
        """Keep the output of a process that came from a warm parent and is a child here, too."""
        if not given:
            raise ValueError("no descriptor came along")
        self.keep_output(pid, given.pop())

    def keep_output(self, pid: int, read_end: int) -> None:
        """Read a process's output from now on."""
        os.set_blocking(read_end, False)
        self.outputs[read_end] = pid
        self.tails[pid] = b""
        self.selector.register(read_end, selectors.EVENT_READ, self.collect)

    def do_terminal(self, request: dict[str, Any]) -> Answer:
        """Start a process on a terminal and hand the terminal over."""
        rows, cols = int(request.get("rows", 24)), int(request.get("cols", 80))
        pid, master = processes.spawn_on_terminal(
            [str(part) for part in request["argv"]], _env(request), str(request["cwd"]), rows, cols
        )
        return {"pid": pid}, [master]

    def do_signal(self, request: dict[str, Any]) -> Answer:
        """Signal a process or its group."""
        processes.send(int(request["pid"]), int(request["signum"]), bool(request.get("group", True)))
        return {}, []

    def do_usage(self, _request: dict[str, Any]) -> Answer:
        """Tell the memory of all processes."""
        return processes.usage(), []

    def do_foreground(self, request: dict[str, Any]) -> Answer:
        """Tell whether a job runs in a terminal."""
        return {"busy": processes.is_busy(int(request["pid"]))}, []

    def collect(self, fd: int, _mask: int) -> None:
        """Keep the last part of what a process writes to its standard output and error."""
        try:
            data = os.read(fd, 65536)
        except BlockingIOError:
            return
        pid = self.outputs[fd]
        if data and pid in self.tails:
            self.tails[pid] = (self.tails[pid] + data)[-_TAIL_LIMIT:]
        elif not data:
            self.selector.unregister(fd)
            os.close(fd)
            del self.outputs[fd]

    def children_ended(self, fd: int, _mask: int) -> None:
        """Tell every caller who ended, and how."""
        with contextlib.suppress(BlockingIOError):
            os.read(fd, 65536)
        for pid, code, signum, peak in processes.reap():
            if self.relay.has_ended(pid):
                continue
            tail = self.tail_of(pid)
            if code != 0:
                how = code if code is not None else f"signal {signum}"
                self.log(f"process {pid} ended with {how}\n{tail}")
            event = {"event": "exit", "pid": pid, "code": code, "signal": signum, "max_rss_bytes": peak,
                     "output_tail": tail}  # fmt: skip
            for connection in list(self.connections.values()):
                connection.push(event)
                try:
                    self.send(connection)
                except OSError:
                    self.drop(connection)

    def tail_of(self, pid: int) -> str:
        """Return the last part of what an ended process wrote; its own children may hold the pipe longer."""
        for fd, owner in list(self.outputs.items()):
            if owner == pid:
                self.collect(fd, 0)
        return self.tails.pop(pid, b"").decode(errors="replace")

    def log(self, text: str) -> None:
        """Write to the session's log on the host; bounded, since the user's code decides what is written."""
        if self.logged < _LOG_LIMIT:
            self.logged += len(text)
            sys.stderr.write(text + "\n")
            sys.stderr.flush()


def _nothing(_number: int, _frame: object) -> None:
    pass


def _env(request: dict[str, Any]) -> dict[str, str]:
    given: dict[Any, Any] = request.get("env") or {}
    return {str(key): str(value) for key, value in given.items()}


def main() -> None:
    """Take the limits of this sandbox and serve."""
    limit = int(os.environ.get("NBKEEP_PIDS_MAX", "0"))
    if limit:
        # Counted per user namespace (Linux 5.14), so it is this sandbox's own; the cgroup says it again.
        resource.setrlimit(resource.RLIMIT_NPROC, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    processes.hide()
    processes.ignore_terminal_signals()
    os.umask(0o022)
    processes.check_user()
    Init(SOCKET).run()
