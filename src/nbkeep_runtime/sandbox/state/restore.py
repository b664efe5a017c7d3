"""Restores a kernel's variables from the trusted half, which has verified every byte before it sends it."""

from __future__ import annotations

import gc
import json
import platform
import signal
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import ambient, patches, rebuild
from .gate import Gate
from .loader import Loader
from .lost import Lost
from .memory import Memory
from .progress import Progress
from .room import Room
from .save import FORMAT
from .watch import Watch
from .wire import Wire, WireError

if TYPE_CHECKING:
    from .save import Saver

# The trusted half gives a kernel up, with all its variables, after two minutes.
_ALL_S = 100.0
_SOCKET_S = 120.0
_DIED_OF = "the kernel died when this was loaded, and was started again without it."
_UNDERSCORES = ("_", "__", "___")


@dataclass(frozen=True)
class Way:
    """How a kernel is to restore.

    Unpickling may take `limit_s` seconds in all, and a variable half of what is left; what takes longer is
    lost, by name. So is what wants more memory than `free_bytes`, where that is known. `progress` is the file
    of `Progress`; frames `without` are left out, because an earlier kernel died when it loaded them.
    """

    limit_s: float = _ALL_S
    free_bytes: float | None = None
    progress: str = ""
    without: frozenset[int] = frozenset()


class DiedOf(Exception):
    """A kernel died when it loaded something."""


class Restored:
    """What came of a restore: a summary for the trusted half, and what cells must still wait for."""

    def __init__(self, summary: dict[str, Any], gate: Gate) -> None:
        self.summary = summary
        self.gate = gate


def restore(shell: Any, saver: Saver, path: str, token: str, way: Way) -> Restored:
    """Restore into a kernel that ran nothing yet; in the main thread only.

    Large memory is still being filled afterwards: the gate knows what must wait for it. Raises `WireError` or
    `OSError` when the other side refuses or sends nonsense; the namespace is then as it was.
    """
    wire = Wire(path, token, _SOCKET_S)
    watch = Watch(way.limit_s)
    previous: Any = None
    if threading.current_thread() is threading.main_thread():
        previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    is_collecting = gc.isenabled()
    gc.disable()  # what is made here is there to stay
    try:
        manifest, stream = _read(wire)
        return _Restore(shell, saver, manifest, stream, wire, watch).run(way)
    except BaseException:
        wire.close()
        raise
    finally:
        if is_collecting:
            gc.enable()
        watch.close()
        rebuild.context.wait = rebuild.wait_for_nothing
        if previous is not None:
            signal.signal(signal.SIGINT, previous)


def _read(wire: Wire) -> tuple[dict[str, Any], bytes]:
    """Return manifest and stream once all of both is here, and they are for this Python."""
    texts = {"manifest": bytearray(), "stream": bytearray()}
    while True:
        frame = wire.receive(("manifest", "stream", "go"))
        if frame["type"] == "go":
            break
        texts[frame["type"]] += wire.read(frame)
    try:
        manifest: dict[str, Any] = json.loads(texts["manifest"])
        own, saved = platform.python_version(), str(manifest["python"])
    except (ValueError, KeyError, TypeError):
        raise WireError("The kept state cannot be read.") from None
    if manifest.get("format") != FORMAT:
        raise WireError("The kept state is of another format than this kernel's.")
    if own.split(".")[:2] != saved.split(".")[:2]:
        raise WireError(f"The kept state is of Python {saved}; this kernel is Python {own}.")
    return manifest, bytes(texts["stream"])


class _Restore:
    def __init__(
        self, shell: Any, saver: Saver, manifest: dict[str, Any], stream: bytes, wire: Wire, watch: Watch
    ) -> None:
        self._shell = shell
        self._saver = saver
        self._manifest = manifest
        self._stream = stream
        self._frames: list[dict[str, Any]] = manifest["frames"]
        self._memory = Memory(wire, manifest["buffers"], [tuple(place) for place in manifest["places"]])
        # Taken from the last to the first, and each goes to the front of those before.
        parts = [
            [self._memory.add_part(told) for told in reversed(frame["parts"])] for frame in self._frames[::-1]
        ]
        self._parts = [numbers[::-1] for numbers in parts[::-1]]
        self._watch = watch
        self._loader = Loader(self._memory, watch)
        self._values: dict[str, Any] = {}
        self._outputs: dict[int, Any] = {}
        self._reaches: dict[str, list[tuple[int, int]]] = {}
        self._random: Any = None
        self._history: Any = None
        self.lost: list[dict[str, Any]] = []

    def run(self, way: Way) -> Restored:
        """Load everything, then give it to the shell in one go."""
        rebuild.context.begin(self._shell, self._memory.wait_seen)
        threading.Thread(target=self._memory.fill, name="nbkeep-fill", daemon=True).start()
        free_bytes = None if way.free_bytes is None else way.free_bytes - self._memory.size
        try:
            progress = Progress(way.progress)
            with Room(free_bytes), progress:
                self._load(progress, way.without)
        except BaseException:
            for name in self._values:
                self._shell.user_ns.pop(name, None)
            raise
        self._memory.forget()
        self._give()
        names = {name: reach for name, reach in self._reaches.items() if reach}
        gate = Gate(self._shell, self._memory, names, rebuild.context.codes)
        summary = {"kept": len(self._values), "lost": self.lost[:1000]}
        return Restored(summary, gate)

    def _load(self, progress: Progress, without: frozenset[int]) -> None:
        position = 0
        for index, frame in enumerate(self._frames):
            progress.at(index)
            parts = self._parts[index]
            size = 0 if parts else int(frame["size"])
            following = (
                self._frames[index + 1]["memo"] if index + 1 < len(self._frames) else int(frame["memo"]) + 1
            )
            if index in without and frame["kind"] != "anchors":
                value: Any = self._loader.leave_out(frame, following, DiedOf(_DIED_OF))
            else:
                value = self._loader.load(parts or self._stream[position : position + size], frame, following)
            position += size
            for number in parts:
                self._memory.drop_part(number)
            self._take(frame, value)

    def _take(self, frame: dict[str, Any], value: Any) -> None:
        kind, name = frame["kind"], frame["name"]
        if kind == "settings" and not isinstance(value, Lost):
            self._report("", "settings", *ambient.apply(value, self._watch))
        elif kind == "history" and not isinstance(value, Lost):
            self._history = value
        elif kind == "patches" and not isinstance(value, Lost):
            try:
                patches.put(value)
            except Exception as error:  # noqa: BLE001  a library that no longer lets itself be changed
                self._report("", "settings", f"Changes to modules could not all be made again: {error}")
        elif kind == "random" and not isinstance(value, Lost):
            self._random = value
        elif kind == "variable":
            self._note(name)
            self._reaches[name] = [tuple(each) for each in frame["needs"]]
            if not isinstance(value, Lost):
                # At once: what the user's own code needs to make other objects again was saved first.
                self._values[name] = self._shell.user_ns[name] = value
        elif kind == "output":
            self._note(f"Out[{name}]")
            self._reaches["Out"] = self._reaches.get("Out", []) + [tuple(each) for each in frame["needs"]]
            if not isinstance(value, Lost):
                self._outputs[int(name)] = value

    def _note(self, name: str) -> None:
        for kind, reason in self._loader.failed[:1]:
            self._report(name, kind, reason)

    def _report(self, name: str, kind: str, *reasons: str) -> None:
        self.lost += [{"name": name, "type": kind, "reason": reason} for reason in reasons]

    def _give(self) -> None:
        """Put everything into the shell; random states last."""
        shell, history = self._shell, self._shell.history_manager
        order = {name: number for number, name in enumerate(self._manifest["names"])}
        for name in sorted(self._values, key=lambda each: order.get(each, 0)):
            shell.user_ns[name] = shell.user_ns.pop(name)
        for name in _UNDERSCORES:
            if name in self._values:
                setattr(shell.displayhook, name, self._values[name])
        history.output_hist.update(self._outputs)
        if self._history is not None:
            history.input_hist_parsed[:] = self._history["parsed"]
            history.input_hist_raw[:] = raw = self._history["raw"]
            history.dir_hist[:] = self._history.get("folders", history.dir_hist)
            self._give_inputs(raw)
        shell.execution_count = int(self._manifest["execution_count"])
        self._saver.key = bytes.fromhex(self._manifest["key"])
        if self._random is not None:
            ambient.set_random_states(self._random)

    def _give_inputs(self, raw: list[str]) -> None:
        """Put the inputs of before under the names that IPython gives them: `_i`, `_i1` and so on."""
        shell, history = self._shell, self._shell.history_manager
        named = {f"_i{number}": source for number, source in enumerate(raw) if number}
        shell.user_ns.update(named)
        shell.user_ns_hidden.update(named)
        # The next cell moves each one on by one place.
        last = ["", "", "", "", *raw[1:]][:-5:-1]
        history._i00, history._i, history._ii, history._iii = last
