"""A whole, small speaker of the init.sock protocol without a sandbox around it, for tests of the trusted half."""

# JSON is tested as it comes over the wire:
# pyright: basic

import array
import contextlib
import fcntl
import json
import os
import pathlib
import pty
import select
import signal
import socket
import struct
import sys
import termios
import threading


class PlainInit:
    def __init__(self, path: str, home: str, rewrite: dict[str, str]) -> None:
        self.home = home
        self.rewrite = rewrite
        self.listener = socket.socket(socket.AF_UNIX)
        with contextlib.suppress(FileNotFoundError):
            pathlib.Path(path).unlink()
        self.listener.bind(path)
        self.listener.listen(8)
        self.clients: list[socket.socket] = []
        self.lock = threading.Lock()
        self.started: set[int] = set()

    def serve(self) -> None:
        while True:
            connection, _ = self.listener.accept()
            self.clients.append(connection)
            threading.Thread(target=self.talk, args=(connection,), daemon=True).start()

    def send(self, connection: socket.socket, message: dict, fds: tuple[int, ...] = ()) -> None:
        data = json.dumps(message).encode() + b"\n"
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        with self.lock:
            connection.sendmsg([data], rights)

    def talk(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as lines:
            for line in lines:
                request = json.loads(line)
                try:
                    answer, fds = getattr(self, "op_" + request["op"])(request)
                    self.send(connection, {"id": request["id"], "ok": True, **answer}, fds)
                except Exception as error:  # noqa: BLE001
                    self.send(connection, {"id": request["id"], "ok": False, "error": repr(error)})
                    fds = ()
                for fd in fds:
                    os.close(fd)
        self.clients.remove(connection)

    def start(self, request: dict, before) -> int:
        argv = [str(self.rewrite.get(arg, arg)) for arg in request["argv"]]
        env = {"PATH": "/usr/bin:/bin", "HOME": self.home, "USER": "user", "LANG": "C.UTF-8"}
        cwd = request["cwd"].replace("/home/user", self.home, 1)
        pid = os.fork()
        if pid == 0:
            try:
                before()
                os.chdir(cwd)
                os.execvpe(argv[0], argv, {**env, **request["env"]})  # noqa: S606
            finally:
                os._exit(127)
        self.started.add(pid)
        threading.Thread(target=self.wait, args=(pid,), daemon=True).start()
        return pid

    def end(self) -> None:
        """End with everything that was started, as the first process of a sandbox does."""
        for pid in list(self.started):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        os._exit(0)

    def op_spawn(self, request: dict):
        return {"pid": self.start(request, os.setsid)}, ()

    def op_terminal(self, request: dict):
        master, slave = pty.openpty()
        fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", request["rows"], request["cols"], 0, 0))

        def before() -> None:
            os.setsid()
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
            for fd in range(3):
                os.dup2(slave, fd)

        pid = self.start(request, before)
        os.close(slave)
        return {"pid": pid}, (master,)

    def op_signal(self, request: dict):
        (os.killpg if request["group"] else os.kill)(request["pid"], request["signum"])
        return {}, ()

    def op_foreground(self, request: dict):
        fields = pathlib.Path(f"/proc/{request['pid']}/stat").read_text().rpartition(")")[2].split()
        return {"busy": int(fields[5]) != int(fields[2])}, ()

    def op_usage(self, _request: dict):
        return {"memory_used_bytes": 1, "processes": []}, ()

    def wait(self, pid: int) -> None:
        _, status, usage = os.wait4(pid, 0)
        self.started.discard(pid)
        code = os.waitstatus_to_exitcode(status)
        event = {"event": "exit", "pid": pid, "code": None if code < 0 else code,
                 "signal": -code if code < 0 else None, "max_rss_bytes": usage.ru_maxrss * 1024}  # fmt: skip
        for client in list(self.clients):
            with contextlib.suppress(OSError):
                self.send(client, event)


if __name__ == "__main__":
    kernel = pathlib.Path(__file__).parents[3] / "src/nbkeep_runtime/sandbox/kernel.py"
    rewrite = {"/opt/nbkeep/image/bin/python": sys.argv[3], "/opt/nbkeep/sandbox/kernel.py": str(kernel)}
    init = PlainInit(sys.argv[1], sys.argv[2], rewrite)
    signal.signal(signal.SIGTERM, lambda *_: init.end())
    threading.Thread(target=init.serve, daemon=True).start()
    select.select([], [], [])
