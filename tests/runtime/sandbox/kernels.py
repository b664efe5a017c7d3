"""Real kernels, started by kernel.py, and a whole small trusted half in memory that keeps their state."""

# Messages and manifests are tested as they come over the wire:
# pyright: basic

from __future__ import annotations

import contextlib
import json
import os
import queue
import secrets
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.connect import write_connection_file

import nbkeep_runtime

KERNEL = Path(nbkeep_runtime.__file__).parent / "sandbox/kernel.py"
LENGTH = struct.Struct(">I")


@dataclass
class Store:
    """What a trusted half keeps: chunks by name, and the last complete checkpoint."""

    chunks: dict[str, bytes] = field(default_factory=dict)
    manifest: bytes = b""
    stream: bytes = b""
    new_bytes: int = 0
    refuse: str = ""
    # Chunks are held back until this is set.
    let_chunks_go: threading.Event = field(default_factory=threading.Event)
    # After so many chunks the connection breaks.
    break_after: int | None = None
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.let_chunks_go.set()

    @property
    def told(self) -> dict[str, Any]:
        return json.loads(self.manifest)

    def variable(self, name: str) -> dict[str, Any]:
        return next(one for one in self.told["variables"] if one["name"] == name)


class Peer:
    """One operation's listener; `with` it, and the kernel connects to `path` with `token`."""

    def __init__(self, store: Store, folder: Path, kind: str) -> None:
        self.store = store
        self.path = str(folder / secrets.token_hex(8))
        self.token = secrets.token_hex(16)
        self.kind = kind
        self.errors: list[BaseException] = []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(1)
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        try:
            connection, _ = self.listener.accept()
            with connection, connection.makefile("rb") as file:
                assert json.loads(file.readline()) == {"token": self.token}
                self.file, self.connection = file, connection
                getattr(self, "_" + self.kind)()
        except BrokenPipeError:
            pass
        except BaseException as error:  # noqa: BLE001
            self.errors.append(error)
        finally:
            self.listener.close()

    def _send(self, kind: str, data: bytes | None = None, **more: Any) -> None:
        if data is not None:
            more["size"] = len(data)
        text = json.dumps({"type": kind, **more}).encode()
        self.connection.sendall(LENGTH.pack(len(text)) + text + (data or b""))

    def _receive(self) -> tuple[dict[str, Any], bytes]:
        header = self.file.read(4)
        if len(header) < 4:
            raise EOFError
        (length,) = LENGTH.unpack(header)
        assert length <= 1 << 20
        frame = json.loads(self.file.read(length))
        size = frame.get("size", 0)
        assert size <= 4 << 20
        return frame, self.file.read(size)

    def _save(self) -> None:
        store = self.store
        if store.refuse:
            self._send("refused", reason=store.refuse)
            return
        parts: dict[str, bytes] = {"stream": b"", "manifest": b""}
        store.new_bytes = 0
        frame, _ = self._receive()
        assert frame["type"] == "begin"
        assert frame["format"] == 1
        while True:
            try:
                frame, data = self._receive()
            except EOFError:
                return  # an earlier checkpoint stays
            match frame["type"]:
                case "have":
                    assert len(frame["hashes"]) <= 4096
                    self._send(
                        "missing", hashes=[name for name in frame["hashes"] if name not in store.chunks]
                    )
                case "chunk":
                    store.chunks[frame["hash"]] = data
                    store.new_bytes += len(data)
                case "stream" | "manifest":
                    parts[frame["type"]] += data
                case "end":
                    store.manifest, store.stream = parts["manifest"], parts["stream"]
                    self._send("saved", bytes=len(store.stream), new_bytes=store.new_bytes)
                    return
                case other:
                    raise AssertionError(other)

    def _restore(self) -> None:
        store = self.store
        for kind, data in (("manifest", store.manifest), ("stream", store.stream)):
            for start in range(0, max(len(data), 1), 1 << 20):
                self._send(kind, data[start : start + (1 << 20)])
        self._send("go")
        sent = 0
        while True:
            frame, _ = self._receive()
            if frame["type"] == "done":
                return
            assert frame["type"] == "want"
            for name in frame["hashes"]:
                store.asked.append(name)
                store.let_chunks_go.wait(60)
                if store.break_after is not None and sent >= store.break_after:
                    return
                self._send("chunk", store.chunks[name], hash=name)
                sent += 1


class Kernel:
    """One kernel process; `resumed` tells in it what saving and restoring answered."""

    saved: dict[str, Any]
    restored: dict[str, Any]
    store: Store

    def __init__(
        self, python: str = sys.executable, cwd: str | None = None, env: dict[str, str] | None = None
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="nbk", dir="/tmp"))
        path, _ = write_connection_file(
            str(self.folder / "k.json"), transport="ipc", ip=str(self.folder / "k")
        )
        self.log = (self.folder / "log").open("wb")
        more = {"IPYTHONDIR": str(self.folder), "MPLCONFIGDIR": str(self.folder), "HOME": str(self.folder)}
        self.process = subprocess.Popen(
            [python, "-Xfrozen_modules=off", str(KERNEL), "-f", path],
            cwd=cwd or self.folder, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
            start_new_session=True,
            env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **more, **(env or {})},
        )  # fmt: skip
        self.client = BlockingKernelClient(connection_file=path)
        self.client.load_connection_file()
        # Without the heartbeat: on a busy machine it would call a kernel dead that is only slow to start.
        self.client.start_channels(hb=False)
        try:
            self.client.wait_for_ready(120)
        except RuntimeError as error:
            said = self.said()
            self.__exit__()
            raise AssertionError(f"The kernel did not start ({error}): {said}") from error

    def said(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.client.stop_channels()
        self.process.kill()
        self.process.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, code: str, within_s: float = 60) -> str:
        """Run a cell; return what it prints and shows, and fail with its traceback."""
        text, error = self.try_run(code, within_s)
        assert not error, error + self.said()
        return text

    def try_run(self, code: str, within_s: float = 60) -> tuple[str, str]:
        """Run a cell; return what it prints and shows, and its error."""
        msg_id = self.client.execute(code)
        text = error = ""
        deadline = time.monotonic() + within_s
        while True:
            try:
                message = self.client.get_iopub_msg(timeout=max(0.1, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no end of {code!r}: {self.said()}") from None
            if message["parent_header"].get("msg_id") != msg_id:
                continue
            content = message["content"]
            match message["msg_type"]:
                case "stream":
                    text += content["text"]
                case "execute_result":
                    text += content["data"]["text/plain"]
                case "error":
                    error = "\n".join(content["traceback"])
                case "status" if content["execution_state"] == "idle":
                    return text.strip(), error
                case _:
                    pass

    def ask(self, kind: str, within_s: float = 120, **content: Any) -> dict[str, Any]:
        """Send a shell message and return the content of its reply."""
        message = self.client.session.msg(kind, content)
        self.client.shell_channel.send(message)
        deadline = time.monotonic() + within_s
        while True:
            try:
                reply = self.client.get_shell_msg(timeout=max(0.1, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no reply to {kind}: {self.said()}") from None
            if reply["parent_header"].get("msg_id") == message["header"]["msg_id"]:
                return reply["content"]

    def save(self, store: Store, **more: Any) -> dict[str, Any]:
        peer = Peer(store, self.folder, "save")
        reply = self.ask("nbkeep_save_request", socket=peer.path, token=peer.token, **more)
        peer.thread.join(30)
        assert not peer.errors, (peer.errors, reply)
        return reply

    def restore(self, store: Store, **more: Any) -> dict[str, Any]:
        peer = Peer(store, self.folder, "restore")
        self.peer = peer
        return self.ask("nbkeep_restore_request", socket=peer.path, token=peer.token, **more)


@contextlib.contextmanager
def resumed(code: str, python: str = sys.executable, limit_s: float = 100, **kwargs: Any):
    """Run code in a kernel, save it, and yield another kernel that was restored from it, and the store."""
    store = Store()
    with Kernel(python, **kwargs) as first:
        first.run(code)
        saved = first.save(store)
        assert saved["status"] == "ok", (saved, first.said())
    with Kernel(python, **kwargs) as second:
        restored = second.restore(store, limit_s=limit_s)
        assert restored["status"] == "ok", (restored, second.said())
        second.saved, second.restored, second.store = saved, restored, store
        yield second
