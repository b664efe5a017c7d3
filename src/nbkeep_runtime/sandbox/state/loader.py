"""Reads the frames of a checkpoint; what fails to load is lost alone."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import io
import pickle
from typing import TYPE_CHECKING, Any, ClassVar

from . import rebuild
from .lost import Lost, kind_of, kind_of_type, reason_of
from .memory import NotFilled
from .watch import TookTooLong, Watch

if TYPE_CHECKING:
    from collections.abc import Callable

    from .memory import Memory


class _Unpickler(pickle.Unpickler):
    """Python's own, with a memo that can be filled from outside."""

    def __init__(self, file: Any, memory: Memory, memo: dict[int, Any]) -> None:
        super().__init__(file, buffers=memory)
        self._given = memo

    def persistent_load(self, pid: Any) -> Any:
        return self._given[pid]


class _Switch:
    """A file that reads from another one, which changes with each frame."""

    def __init__(self) -> None:
        self.file: Any = io.BytesIO()

    def read(self, size: int = -1) -> bytes:
        return self.file.read(size)

    def readinto(self, buffer: Any) -> int:
        return self.file.readinto(buffer)

    def readline(self) -> bytes:
        return self.file.readline()


class Parts:
    """A stream that was stored in parts, read as one file."""

    def __init__(self, memory: Memory, numbers: list[int]) -> None:
        self._memory = memory
        self._numbers = numbers
        self._index = self._position = 0

    def readinto(self, buffer: Any) -> int:
        """Fill `buffer`, unless the stream ends before; return how far."""
        view = memoryview(buffer).cast("B")
        done = 0
        while done < len(view) and self._index < len(self._numbers):
            part = self._memory.part(self._numbers[self._index])
            taken = part[self._position : self._position + len(view) - done]
            view[done : done + len(taken)] = taken
            done += len(taken)
            self._position += len(taken)
            if self._position == len(part):
                self._index, self._position = self._index + 1, 0
        return done

    def read(self, size: int) -> bytes:
        """Return the next bytes."""
        made = bytearray(size)
        return bytes(made[: self.readinto(made)])

    def readline(self) -> bytes:
        """Return the next line; protocol 5 has none."""
        line = b""
        while not line.endswith(b"\n") and (byte := self.read(1)):
            line += byte
        return line


class Loader:
    """Loads frame after frame with one memo."""

    def __init__(self, memory: Memory, watch: Watch) -> None:
        self._memory = memory
        self._watch = watch
        self._file = _Switch()
        self._unpickler = _Unpickler(self._file, memory, {})
        self.failed: list[tuple[str, str]] = []  # (type, reason) of what the frame loaded last goes without

    def load(self, stream: bytes | list[int], frame: dict[str, Any], next_memo: int) -> Any:
        """Return the value of a frame, a `Lost` if there is none; raises `NotFilled`.

        `stream` is the frame or the numbers of its parts, `next_memo` the size of the memo after it.
        """
        self.failed = []
        self._memory.seek(frame["taken"])
        try:
            with self._watch.half():
                return self._read(self._unpickler, stream)
        except (NotFilled, KeyboardInterrupt):
            raise
        except TookTooLong as error:
            return self._lose(frame, next_memo, self._unpickler.memo.copy(), error)
        except Exception:  # noqa: BLE001  the user's or a library's code; what failed is found below
            self._file.file = io.BytesIO()
        # Not in the block above: its traceback is gone here, and with it what the failed object took.
        return self._tolerate(stream, frame, next_memo)

    def leave_out(self, frame: dict[str, Any], next_memo: int, error: Exception) -> Lost:
        """Go on without a frame that is not even looked at; `error` says why."""
        return self._lose(frame, next_memo, self._unpickler.memo.copy(), error)

    def _read(self, unpickler: Any, stream: bytes | list[int]) -> Any:
        self._file.file = io.BytesIO(stream) if isinstance(stream, bytes) else Parts(self._memory, stream)
        value = unpickler.load()
        # Twice a marker: see Frames._count_memo.
        unpickler.load()
        unpickler.load()
        return value

    def _tolerate(self, stream: bytes | list[int], frame: dict[str, Any], next_memo: int) -> Any:
        """Read a frame again, slowly, with `Lost` in the place of what fails.

        The fast unpickler numbers its memo by counting: after a failure in the middle, every later reference
        would go to a wrong object, and that can end in a crash.
        """
        memo: dict[int, Any] = self._unpickler.memo.copy()
        known = {number: value for number, value in memo.items() if number < frame["memo"]}
        self._memory.seek(frame["taken"])
        slow = _Tolerant(self._file, self._memory, dict(known), self.failed)
        try:
            with self._watch.half():
                value = self._read(slow, stream)
                slow.fill_late()
        except (NotFilled, KeyboardInterrupt):
            raise
        except Exception as error:  # noqa: BLE001  as above
            return self._lose(frame, next_memo, known, error)
        self._resume(slow.memo, next_memo)
        return value

    def _lose(self, frame: dict[str, Any], next_memo: int, memo: dict[int, Any], error: Exception) -> Lost:
        """Go on without a frame: references to what it held find a `Lost`."""
        lost = Lost("object", reason_of(error))
        self.failed = [("object", reason_of(error))]
        self._resume({n: value for n, value in memo.items() if n < frame["memo"]}, next_memo, lost)
        return lost

    def _resume(self, memo: dict[int, Any], size: int, missing: Any = None) -> None:
        """Go on with a fast unpickler that has this memo, filled by a stream of references to it."""
        given = {number: memo.get(number, missing) for number in range(size)}
        self._unpickler = _Unpickler(self._file, self._memory, given)
        made = bytearray(pickle.PROTO + b"\5")
        for number in range(size):
            made += (
                pickle.BININT + number.to_bytes(4, "little") + pickle.BINPERSID + pickle.MEMOIZE + pickle.POP
            )
        self._file.file = io.BytesIO(bytes(made + pickle.NONE + pickle.STOP))
        self._unpickler.load()


class _Tolerant(pickle._Unpickler):  # type: ignore[name-defined]
    """The same in Python: an object that cannot be made is `Lost`, with its reason, and reading goes on."""

    dispatch: ClassVar[Any] = dict(pickle._Unpickler.dispatch)  # type: ignore[attr-defined]

    def __init__(
        self, file: Any, memory: Memory, memo: dict[int, Any], failed: list[tuple[str, str]]
    ) -> None:
        super().__init__(file, buffers=memory)
        self.memo: dict[int, Any] = memo
        self._failed = failed
        self._late: list[tuple[Any, list[Any], int]] = []

    def later(self, container: Any, items: list[Any], opcode: int) -> None:
        """Fill a container at the end: in a cycle, its members may not be able to tell their hash yet."""
        self._late.append((container, items, opcode))

    def fill_late(self) -> None:
        """Fill what could not be filled in its turn; report what still cannot."""
        for container, items, opcode in self._late:
            self.stack, self.metastack = items, [[container]]
            try:
                _FILL[opcode](self)
            except (NotFilled, KeyboardInterrupt, MemoryError):
                raise
            except Exception as error:  # noqa: BLE001  the user's or a library's code
                self._lost(kind_of(container), error)

    def find_class(self, module: str, name: str) -> Any:
        try:
            return super().find_class(module, name)
        except Exception as error:  # noqa: BLE001  a module that is gone, or that fails to load
            return self._lost(f"{module}.{name}", error)

    def _lost(self, kind: str, error: BaseException) -> Lost:
        lost = Lost(kind, reason_of(error))
        self._failed.append((kind, reason_of(error)))
        return lost


def _tolerant(load: Callable[[Any], None], takes: int) -> Callable[[Any], None]:
    """Return an operation on `takes` values of the stack that leaves a `Lost` where the original fails."""

    def tolerant(self: Any) -> None:
        stack = self.stack
        before = list(stack[-takes:]) if takes else []
        depth = len(stack)
        try:
            load(self)
        except (NotFilled, KeyboardInterrupt, MemoryError):
            raise
        except Exception as error:  # noqa: BLE001  the user's or a library's code
            cause = next((one for one in before if isinstance(one, Lost)), None)
            kind = _kind(before[0]) if before else "object"
            lost = cause if cause is not None else self._lost(kind, error)
            del self.stack[depth - takes :]
            self.append(lost)

    return tolerant


def _kind(function: Any) -> str:
    if function is rebuild.guarded:
        return "object"
    if isinstance(function, type):
        return kind_of_type(function)
    return str(getattr(function, "__qualname__", "object"))[:200]


def _build(load: Callable[[Any], None]) -> Callable[[Any], None]:
    """Return BUILD that leaves the object as it was made when its state cannot be set."""

    def tolerant(self: Any) -> None:
        made = self.stack[-2] if len(self.stack) > 1 else None
        depth = len(self.stack)
        try:
            load(self)
        except (NotFilled, KeyboardInterrupt, MemoryError):
            raise
        except Exception as error:  # noqa: BLE001  the user's or a library's code
            del self.stack[depth - 1 :]
            if not isinstance(made, Lost):
                self.stack[-1] = self._lost(kind_of(made), error)

    return tolerant


def _items(load: Callable[[Any], None], opcode: int) -> Callable[[Any], None]:
    """Return APPENDS, SETITEMS or ADDITEMS that leaves for the end what the container refuses now."""

    def tolerant(self: Any) -> None:
        container = self.metastack[-1][-1] if self.metastack and self.metastack[-1] else None
        items, depth = list(self.stack), len(self.metastack)
        try:
            load(self)
        except (NotFilled, KeyboardInterrupt, MemoryError):
            raise
        except Exception:  # noqa: BLE001  the user's or a library's code
            if len(self.metastack) == depth:
                self.pop_mark()
            self.later(container, items, opcode)

    return tolerant


_TABLE: dict[int, Callable[[Any], None]] = _Tolerant.dispatch
for _opcode, _takes in ((pickle.REDUCE, 2), (pickle.NEWOBJ, 2), (pickle.NEWOBJ_EX, 3)):
    _TABLE[_opcode[0]] = _tolerant(_TABLE[_opcode[0]], _takes)
_TABLE[pickle.BUILD[0]] = _build(_TABLE[pickle.BUILD[0]])
_FILL = {one[0]: _TABLE[one[0]] for one in (pickle.APPENDS, pickle.SETITEMS, pickle.ADDITEMS)}
for _number, _load in _FILL.items():
    _TABLE[_number] = _items(_load, _number)
