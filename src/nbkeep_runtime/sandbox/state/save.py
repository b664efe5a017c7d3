"""Saves a kernel's variables to the trusted half, and reports by name what cannot be kept."""

from __future__ import annotations

import gc
import json
import platform
import re
import signal
import threading
import time
import types
from typing import TYPE_CHECKING, Any

from . import ambient
from .arrays import common_objects, is_large_leaf
from .chunks import Chunks
from .dependencies import Dependencies
from .hashing import new_key
from .holders import Holders
from .layout import Layout
from .lost import kind_of
from .patches import patches
from .pickler import Frames
from .reducers import Anchor, Unkept
from .room import Room
from .watch import Watch
from .wire import Wire

if TYPE_CHECKING:
    from .pickler import Frame

FORMAT = 1
DEFAULT_LIMIT_S = 90.0
_SOCKET_S = 120.0
_LARGE_BYTES = 1 << 20
# IPython's own names of a namespace: it makes them again.
_SHELLS = frozenset(
    {"In", "Out", "_ih", "_oh", "_dh", "_i", "_ii", "_iii", "get_ipython", "exit", "quit", "open",
     "__builtin__", "__builtins__", "__name__", "__doc__", "__package__", "__loader__", "__spec__",
     "__session__"}
)  # fmt: skip
_INPUT = re.compile(r"_i\d+")
_OUTPUT = re.compile(r"_+|_\d+")


class Saver:
    """Saves one kernel, again and again; remembers the key that names its chunks."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self.key = new_key()

    def save(
        self, path: str, token: str, limit_s: float = DEFAULT_LIMIT_S, free_bytes: float | None = None
    ) -> dict[str, Any]:
        """Save to the trusted half at a socket; return a summary. In the main thread only.

        What wants more memory than `free_bytes`, where that is known, is lost alone. Raises `WireError` or
        `OSError` when the other side refuses or is gone, and KeyboardInterrupt.
        """
        deadline = time.monotonic() + limit_s
        wire = Wire(path, token, _SOCKET_S)
        previous: Any = None
        if threading.current_thread() is threading.main_thread():
            previous = signal.signal(signal.SIGINT, signal.default_int_handler)
        watch = Watch()
        is_collecting = gc.isenabled()
        gc.disable()  # a pass makes many objects and leaves none: looking for garbage would only cost time
        try:
            wire.send("begin", format=FORMAT, python=platform.python_version())
            with Room(free_bytes):
                return _Checkpoint(self._shell, wire, self.key, watch, deadline).write()
        finally:
            watch.close()
            wire.close()
            if is_collecting:
                gc.enable()
            if previous is not None:
                signal.signal(signal.SIGINT, previous)


class _Checkpoint:
    """One pass over the namespace."""

    def __init__(self, shell: Any, wire: Wire, key: bytes, watch: Watch, deadline: float) -> None:
        self._shell = shell
        self._wire = wire
        self._key = key
        self._deadline = deadline
        history = shell.history_manager
        self._namespace: dict[str, Any] = shell.user_ns
        self._outputs: dict[int, Any] = history.output_hist
        anchors: list[tuple[Any, Anchor]] = [
            (self._namespace, Anchor("namespace")),
            (shell.user_module, Anchor("main")),
            (shell, Anchor("shell")),
            (history.input_hist_parsed, Anchor("in")),
            (self._outputs, Anchor("out")),
        ]
        self._layout = Layout()
        self._chunks = Chunks(wire, key)
        self._frames = Frames(self._layout, self._chunks, watch, anchors)
        self._holders = Holders(self._frames.why, [value for value, _ in anchors])
        self._dependencies = Dependencies()
        self._table: list[dict[str, Any]] = []
        self._stream: list[bytes] = []
        self._told: dict[str, dict[str, Any]] = {}
        self._partial: dict[int, str] = {}  # by the id of a variable's value: what it goes without

    def write(self) -> dict[str, Any]:
        """Dump everything, send what is new, and return the summary once it is stored."""
        randoms = ambient.random_states()
        self._add("anchors", "", self._frames.dump_anchors(common_objects()))
        named = self._named()
        self._dump("settings", "", ambient.capture(value for _, value in named))
        self._dump("history", "", self._history())
        for name, value in sorted(named, key=lambda item: _turn(item[1])):
            self._dump("variable", name, value)
        for number, value in list(self._outputs.items()):
            self._dump("output", str(number), value)
        self._dump("patches", "", patches(self._namespace))
        self._dump("random", "", randoms)
        buffers, places = self._layout.arrange()
        stored = [self._chunks.store(buffer.view, buffer.row) for buffer in buffers]
        self._wire.send_pieces("stream", b"".join(self._stream))
        told = [self._told[name] for name, _ in named if name in self._told]
        told += [one for name, one in self._told.items() if name.startswith("Out[")]
        manifest = {
            "format": FORMAT,
            "python": platform.python_version(),
            "execution_count": self._shell.execution_count,
            "variables": told,
            "key": self._key.hex(),
            "names": [name for name, _ in named],
            "buffers": stored,
            "places": places,
            "frames": self._table,
        }
        self._wire.send_pieces("manifest", json.dumps(manifest).encode())
        self._wire.send("end")
        memory = sum(one["size"] for one in stored)
        return {**_summary(told, self._wire.receive(("saved",))), "memory": memory}

    def _named(self) -> list[tuple[str, Any]]:
        """Return the user's variables in their order, without what IPython makes itself."""
        hidden: dict[str, Any] = self._shell.user_ns_hidden
        return [
            (name, value)
            for name, value in list(self._namespace.items())
            if type(name) is str  # whatever was put into globals()
            and name not in _SHELLS
            and not _INPUT.fullmatch(name)
            and (_OUTPUT.fullmatch(name) or hidden.get(name, self) is not value)
        ]

    def _history(self) -> dict[str, Any]:
        history = self._shell.history_manager
        return {
            "parsed": list(history.input_hist_parsed),
            "raw": list(history.input_hist_raw),
            "folders": list(history.dir_hist),
        }

    def _dump(self, kind: str, name: str, value: object) -> None:
        """Dump one value and note what becomes of it."""
        size, reason, is_kept = 0, "", True
        try:
            frame = self._frames.dump(value, self._time_left())
        except Unkept as error:
            reason, is_kept = str(error), False
        else:
            is_kept = not frame.whole_is_lost
            reason = frame.reason or self._partial.get(id(value), "") or self._held_by(value)
            size = frame.size + self._layout.sizes(frame.taken)
            self._add(kind, name, frame)
        if reason:
            self._partial[id(value)] = reason
        if kind == "variable" and not _OUTPUT.fullmatch(name):
            self._tell(name, value, size, reason, is_kept=is_kept)
        elif kind == "output" and reason:
            self._tell(f"Out[{name}]", value, size, reason, is_kept=is_kept)

    def _held_by(self, value: object) -> str:
        """Return in words what a value goes without that was lost as a part of an earlier one."""
        lost = self._holders.lost_in(value)
        return f"Kept without a part, of type {kind_of(lost[0])}: {lost[1]}" if lost else ""

    def _tell(self, name: str, value: object, size: int, reason: str, *, is_kept: bool) -> None:
        self._told[name] = {
            "name": name[:200], "type": kind_of(value), "bytes": size, "kept": is_kept,
            "reason": reason[:1000],
        }  # fmt: skip

    def _add(self, kind: str, name: str, frame: Frame) -> None:
        needs = self._dependencies.add(frame, len(self._layout))
        self._table.append(
            {"kind": kind, "name": name, "size": frame.size, "parts": frame.parts, "memo": frame.memo,
             "taken": frame.taken, "needs": needs}
        )  # fmt: skip
        self._stream += frame.pieces

    def _time_left(self) -> float:
        """Return the time for one variable: half of what is left, so that one cannot use it all."""
        return max((self._deadline - time.monotonic()) / 2, 1.0)


def _turn(value: object) -> int:
    """Return when a variable's turn is, in both directions.

    What the user's own code may call when it makes other objects again comes first. Large arrays come last:
    what looks into memory need not wait for them.
    """
    if isinstance(value, types.ModuleType):
        return 0
    if isinstance(value, (type, types.FunctionType)):
        return 1
    return 3 if is_large_leaf(value, _LARGE_BYTES) else 2


def _summary(told: list[dict[str, Any]], answer: dict[str, Any]) -> dict[str, Any]:
    lost = [{key: one[key] for key in ("name", "type", "reason", "kept")} for one in told if one["reason"]]
    return {
        "kept": sum(1 for one in told if one["kept"]),
        "lost": lost[:1000],
        "bytes": answer.get("bytes", 0),
        "new_bytes": answer.get("new_bytes", 0),
    }
