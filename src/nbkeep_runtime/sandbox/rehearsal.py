"""Plays the first client of a kernel in reserve, so that its real one finds everything done once.

What a fork does for the first time copies pages of its parent and fills caches: a third of the time to the
first cell's result. The cell that is played is silent: no count, history, name or event is left of it.
"""

from __future__ import annotations

import contextlib
import importlib
from typing import Any

_CELL: dict[str, Any] = {
    "code": "6 * 7",
    "silent": True,
    "store_history": False,
    "user_expressions": {},
    "allow_stdin": False,
}


class Rehearsal:
    """One client, by the kernel's own sockets; it ends by itself, and `end` ends it at any time."""

    def __init__(self, application: Any) -> None:
        session = application.session
        # A session of its own: the kernel's remembers what it has sent.
        self._session = type(session)(key=session.key, signature_scheme=session.signature_scheme)
        self._application = application
        self._streams: list[Any] = []
        self._asks: list[tuple[str, dict[str, Any]]] = [
            ("execute_request", _CELL),
            ("kernel_info_request", {}),
        ]

    def begin(self) -> None:
        """Ask the first question; the others follow by the event loop. Raises nothing."""
        with contextlib.suppress(Exception):  # whatever this kernel's release lacks, it is not needed
            zmq = importlib.import_module("zmq")
            shell, control, iopub = (
                self._stream(*kind)
                for kind in ((zmq.DEALER, "shell"), (zmq.DEALER, "control"), (zmq.SUB, "iopub"))
            )
            iopub.socket.subscribe(b"")
            for stream in (control, iopub):
                stream.on_recv(_nothing)

            def go_on(_frames: Any) -> None:
                self._next(shell)

            shell.on_recv(go_on)
            self._session.send(control, "kernel_info_request")
            self._application.shell.display_formatter.format(0)
            self._next(shell)

    def _stream(self, kind: int, channel: str) -> Any:
        socket = self._application.context.socket(kind)
        socket.linger = 0
        stream = importlib.import_module("zmq.eventloop.zmqstream").ZMQStream(socket)
        self._streams.append(stream)
        socket.connect(self._application._make_url(channel))  # noqa: SLF001  # as its clients find it
        return stream

    def _next(self, shell: Any) -> None:
        if self._asks:
            self._session.send(shell, *self._asks.pop())
        else:
            self.end()

    def end(self) -> None:
        """Leave; twice is safe. Raises nothing."""
        streams, self._streams = self._streams, []
        for stream in streams:
            with contextlib.suppress(Exception):
                stream.close()


def _nothing(_frames: Any) -> None:
    pass
