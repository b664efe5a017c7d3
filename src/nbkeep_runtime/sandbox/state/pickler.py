"""One pickler for all variables: one memo, so that what they share stays shared, and one frame for each."""

# pyright: reportPrivateUsage=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import copyreg
import functools
import pickle
import sys
import threading
from typing import TYPE_CHECKING, Any

from . import databases, rebuild
from ._cloud import cloudpickle
from .arrays import Arrays
from .kinds import is_inert, is_plain_instance, runs_own_code, why_it_ends
from .lost import kind_of, reason_of
from .reducers import (
    BY_TYPE,
    Anchor,
    Functions,
    Reduced,
    Unkept,
    class_,
    exception,
    is_exception,
    shared_objects,
    stream,
)
from .watch import TookTooLong, Watch
from .wire import WireError

if TYPE_CHECKING:
    from collections.abc import Callable

    from .chunks import Chunks
    from .layout import Layout

_PROTOCOL = 5
_OBJECT_S = 20.0
_SPILL_BYTES = 4 << 20
_SIMPLE = (str, bytes, int, float, complex, type, type(None))
_KERNELS = ("ipykernel", "IPython.core.interactiveshell", "IPython.core.history", "IPython.core.displayhook")
_DEEP_STACK = 512 << 20
_DEEP_RECURSION = 60_000


class Frame:
    """What one dump wrote, and where it began."""

    def __init__(self, sink: Sink, memo: int, taken: int) -> None:
        self.memo = memo  # entries of the memo before it
        self.taken = taken  # out-of-band buffers before it
        self.lost: list[tuple[str, str]] = []  # (type, reason) of what it goes without
        self.whole_is_lost = ""  # why, when the value itself is what is lost
        self.parts, self.pieces, self.size = sink.take()

    @property
    def reason(self) -> str:
        """Return in words what is missing, or nothing."""
        if self.whole_is_lost or not self.lost:
            return self.whole_is_lost
        kind, reason = self.lost[0]
        more = f" And {len(self.lost) - 1} more." if len(self.lost) > 1 else ""
        return f"Kept without a part, of type {kind}: {reason}{more}"


class Sink:
    """A file that keeps what is written, and stores what grows long."""

    def __init__(self, chunks: Chunks) -> None:
        self._chunks = chunks
        self.pieces: list[bytes] = []
        self._parts: list[dict[str, Any]] = []
        self._waiting = self._size = 0
        self.is_held = False  # nothing is stored while somebody looks at the pieces

    def write(self, piece: bytes) -> int:
        """Take a piece from the pickler; a large one is the user's own object, not a copy."""
        self.pieces.append(piece)
        self._waiting += len(piece)
        self._size += len(piece)
        if self._waiting >= _SPILL_BYTES and not self.is_held:
            self._spill()
        return len(piece)

    def take(self) -> tuple[list[dict[str, Any]], list[bytes], int]:
        """Return (stored parts, pieces, size): the one or the other is empty."""
        if self._parts and self._waiting:
            self._spill()
        found = (self._parts, self.pieces, self._size)
        self._parts, self.pieces = [], []
        self._waiting = self._size = 0
        return found

    def _spill(self) -> None:
        small: list[bytes] = []
        for piece in (*self.pieces, b""):
            if len(piece) < _SPILL_BYTES and piece:
                small.append(piece)
                continue
            if small:
                self._parts.append(self._chunks.store(memoryview(b"".join(small))))
                small = []
            if piece:
                self._parts.append(self._chunks.store(memoryview(piece).cast("B")))
        self.pieces = []
        self._waiting = 0


class _Pickler(pickle.Pickler):
    """Asks `Frames` about every object that pickle has no fast way for."""

    def __init__(self, sink: Sink, frames: Frames, layout: Layout) -> None:
        super().__init__(sink, _PROTOCOL, buffer_callback=layout.take)
        self._frames = frames

    def reducer_override(self, obj: Any) -> Reduced:
        # The hottest line of a save: once for each object of the user's classes.
        return NotImplemented if type(obj) in self._frames.plain else self._frames.reduce(obj)


class Frames:
    """Dumps values one after the other; a value that fails leaves no trace in the stream."""

    def __init__(
        self, layout: Layout, chunks: Chunks, watch: Watch, anchors: list[tuple[Any, Anchor]]
    ) -> None:
        """Begin a stream; each of `anchors` is an object that the new process has its own of."""
        self._layout = layout
        self._watch = watch
        self._sink = Sink(chunks)
        self._pickler = _Pickler(self._sink, self, layout)
        self._lost: list[tuple[str, str]] = []
        self.why: dict[int, tuple[object, str]] = {}  # by the id of a lost object, which is kept
        # Classes whose objects pickle takes apart itself, since one of them has shown that it can.
        self.plain: set[type] = set()
        self._by_class: dict[type, Callable[[Any], Reduced]] = {}
        self._anchors = anchors
        self._anchored = {id(value): anchor for value, anchor in anchors}
        self._shared = shared_objects()
        self._arrays = Arrays(layout, self._lose_part)
        self._functions = Functions(dict(self._anchored))
        self._is_deep = False
        self.memo = 0

    def dump_anchors(self, common: list[Any]) -> Frame:
        """Dump the anchors, first of all: later references to the objects themselves find them.

        `common` goes along: no later frame has to refer to another one for it.
        """
        frame = self.dump([*(anchor for _, anchor in self._anchors), *common], 60)
        numbers = {id(anchor): value for value, anchor in self._anchors}
        memo: dict[int, tuple[int, Any]] = {}
        for number, value in self._pickler.memo.copy().values():
            value = numbers.get(id(value), value)  # noqa: PLW2901  the object takes its anchor's number
            memo[id(value)] = (number, value)
        self._pickler.memo = memo
        return frame

    def dump(self, value: object, within_s: float) -> Frame:
        """Return the frame of a value; raises `Unkept` with the reason when it cannot be kept at all."""
        memo, taken = self.memo, len(self._layout)
        self._lost = []
        try:
            try:
                with self._watch.limit(within_s):
                    self._pickler.dump(value)
            except RecursionError:
                self._undo(memo, taken)
                self._deeply(value, within_s)
            self._count_memo()
        except WireError:
            raise
        except TookTooLong as error:
            self._undo(memo, taken)
            raise Unkept("saving it took too long.") from error
        except Exception as error:
            self._undo(memo, taken)
            raise Unkept(reason_of(error)) from error
        except BaseException:
            self._undo(memo, taken)
            raise
        frame = Frame(self._sink, memo, taken)
        frame.lost = self._lost
        frame.whole_is_lost = self.why.get(id(value), (None, ""))[1]
        return frame

    def _count_memo(self) -> None:
        """Learn the size of the memo: a fresh object is dumped twice, and the second time says its number."""
        probe: list[Any] = []
        self._pickler.dump(probe)
        self._sink.is_held = True
        start = len(self._sink.pieces)
        self._pickler.dump(probe)
        said = b"".join(self._sink.pieces[start:])
        self._sink.is_held = False
        body = said[11:] if said[2:3] == pickle.FRAME else said[2:]  # after the protocol and a frame's length
        opcode, operand = body[:1], body[1:-1]
        if opcode not in (pickle.BINGET, pickle.LONG_BINGET):
            raise RuntimeError("pickle's memo is not as expected")
        self.memo = int.from_bytes(operand, "little") + 1

    def _undo(self, memo: int, taken: int) -> None:
        self._sink.take()
        self._layout.forget_from(taken)
        self._lost = []
        kept = {key: entry for key, entry in self._pickler.memo.copy().items() if entry[0] < memo}
        self._pickler.memo = kept

    def _deeply(self, value: object, within_s: float) -> None:
        """Dump what is nested deeply, in a thread with a stack for it."""
        failed: list[BaseException] = []

        def work() -> None:
            try:
                with self._watch.limit(within_s):
                    self._pickler.dump(value)
            except BaseException as error:  # noqa: BLE001  handed to the thread that waits
                failed.append(error)

        limit, size = sys.getrecursionlimit(), threading.stack_size(_DEEP_STACK)
        self._is_deep = True
        try:
            thread = threading.Thread(target=work, name="nbkeep-deep", daemon=True)
            sys.setrecursionlimit(max(limit, _DEEP_RECURSION))
            thread.start()
            thread.join()
        finally:
            sys.setrecursionlimit(limit)
            threading.stack_size(size)
            self._is_deep = False
        if failed:
            raise failed[0]

    # What the pickler asks

    def reduce(self, made: Any) -> Reduced:
        """Return how an object is taken apart; never raises for one object's sake."""
        if id(made) in self._shared:
            return self._shared[id(made)]
        cls = type(made)
        way = self._by_class.get(cls)
        if way is None:
            way = self._by_class[cls] = self._choose(cls)
        return way(made)

    def _choose(self, cls: type) -> Callable[[Any], Reduced]:
        if issubclass(cls, type):
            return functools.partial(self._safely, class_, is_watched=False)
        name = f"{cls.__module__}.{cls.__name__}"
        if name == "builtins.function":
            return functools.partial(self._safely, self._functions.function, is_watched=False)
        if name == "builtins.cell":
            return self._functions.cell
        own = self._arrays.reducer(cls) or databases.reducer(cls, self._lose_part) or BY_TYPE.get(cls)
        if own is None and is_exception(cls):
            own = exception
        if own is not None:
            return functools.partial(self._safely, own, is_watched=False)
        if cls.__module__.startswith(_KERNELS):
            return functools.partial(self._safely, self._of_the_kernel, is_watched=False)
        reason = why_it_ends(cls)
        if reason:
            return lambda made: self._lose(made, reason)
        of_cloudpickle = cloudpickle.Pickler._dispatch_table.get(cls)
        reduce = of_cloudpickle or copyreg.dispatch_table.get(cls) or _own_way
        guard = not is_inert(cls)
        if not guard and reduce is _own_way and is_plain_instance(cls):
            return self._first_plain
        if guard or runs_own_code(cls):
            return functools.partial(self._foreign, reduce, is_guarded=guard)
        return functools.partial(self._safely, reduce, is_watched=False)

    def _first_plain(self, made: Any) -> Reduced:
        """Try the first object of a class that has nothing of its own; if that goes well, all do."""
        reduced = self._safely(_own_way, made, is_watched=False)
        if isinstance(reduced, tuple) and reduced[0] is not rebuild.lost:
            self.plain.add(type(made))
        return reduced

    def _of_the_kernel(self, made: Any) -> Reduced:
        anchor = self._anchored.get(id(made))
        standard = anchor.__reduce__() if anchor is not None else stream(made)
        if standard is None:
            raise Unkept("it is a part of the kernel itself.")
        return standard

    def _foreign(self, reduce: Callable[[Any], Reduced], made: Any, *, is_guarded: bool) -> Reduced:
        """Return how an object is taken apart whose own code decides that."""
        reduced = _filled_by_class(made, self._safely(reduce, made, is_watched=True))
        if not is_guarded or not isinstance(reduced, tuple) or reduced[0] is rebuild.lost:
            return reduced
        if len(reduced) == 2 and type(made).__module__ != "__main__" and _is_simple(reduced[1]):
            return reduced  # a library's code that is given no memory reads none
        return _guarded(reduced)

    def _safely(self, reduce: Callable[[Any], Reduced], made: Any, *, is_watched: bool) -> Reduced:
        try:
            if is_watched:
                with self._watch.limit(_OBJECT_S):
                    reduced = reduce(made)
            else:
                reduced = reduce(made)
            return _checked(made, reduced)
        except TookTooLong:
            return self._lose(made, "saving it took too long.")
        except Unkept as error:
            return self._lose(made, str(error))
        except RecursionError:
            if not self._is_deep:
                raise  # the whole value gets a larger stack
            return self._lose(made, "it is nested too deeply.")
        except Exception as error:  # noqa: BLE001  the object's own code: its neighbours must not suffer
            return self._lose(made, reason_of(error))

    def _lose(self, made: object, reason: str) -> Reduced:
        kind = kind_of(made)
        self._lost.append((kind, reason))
        self.why[id(made)] = (made, reason)
        return rebuild.lost, (kind, reason)

    def _lose_part(self, made: object, reason: str) -> None:
        self._lost.append((kind_of(made), reason))


def _own_way(made: Any) -> Reduced:
    return made.__reduce_ex__(_PROTOCOL)


def _checked(made: Any, reduced: Reduced) -> Reduced:
    """Return what a reduce returned if pickle can take it; raises `Unkept`."""
    if reduced is NotImplemented:
        return reduced
    if isinstance(reduced, str):
        module = getattr(made, "__module__", None) or cloudpickle._whichmodule(made, reduced)
        found: Any = sys.modules.get(module)
        for part in reduced.split("."):
            found = getattr(found, part, None)
        if found is not made:
            raise Unkept(f"it cannot be found as {module}.{reduced}.")
        return reduced
    if type(reduced) is not tuple or not 2 <= len(reduced) <= 6:  # see object.__reduce__
        raise Unkept("its __reduce__ returns something else than pickle expects.")
    function, arguments = reduced[0], reduced[1]
    if not callable(function) or type(arguments) is not tuple:
        raise Unkept("its __reduce__ returns something else than pickle expects.")
    if len(reduced) > 3 and (reduced[3] is not None or (len(reduced) > 4 and reduced[4] is not None)):
        # Read now: an error of the object's own iterators would fail the whole variable later.
        listed = iter(list(reduced[3])) if reduced[3] is not None else None
        pairs = iter(list(reduced[4])) if len(reduced) > 4 and reduced[4] is not None else None
        return (*reduced[:3], listed, pairs, *reduced[5:])
    return reduced


def _filled_by_class(made: Any, reduced: Reduced) -> Reduced:
    """Return the same, for a class with `__getattr__` without asking an empty object for `__setstate__`."""
    if (
        type(reduced) is tuple
        and len(reduced) > 2  # function, arguments, state
        and reduced[2] is not None
        and not any(reduced[3:])
        and hasattr(type(made), "__getattr__")
    ):
        return (*reduced[:3], None, None, rebuild.set_state)
    return reduced


def _is_simple(arguments: tuple[Any, ...]) -> bool:
    return all(isinstance(one, _SIMPLE) or (type(one) is tuple and _is_simple(one)) for one in arguments)


def _guarded(reduced: tuple[Any, ...]) -> Reduced:
    """Return the same, made and filled by calls that wait for memory."""
    function, arguments, state, items, pairs, setter = (*reduced, *(None,) * (6 - len(reduced)))
    first = (function, arguments)
    if state is None and items is None and pairs is None:
        return rebuild.guarded, first
    rest = (state, list(items or ()), list(pairs or ()), setter)
    return rebuild.guarded, first, rest, None, None, rebuild.set_guarded
