"""What a second save must not miss, whatever it leaves out: each byte is in it as it was when it was taken."""

# The image's Python has the libraries, not this one:
# pyright: basic, reportMissingImports=false

from __future__ import annotations

import ctypes
import itertools
import pickle
import sys
import types

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernels import Kernel, Store

from nbkeep_runtime.sandbox.state.layout import CHUNK_BYTES, Layout, grid
from nbkeep_runtime.sandbox.state.patches import patches

BEFORE = """
import collections, ctypes, functools, math, threading, numpy as np, pandas as pd
def fresh(): return np.zeros(1_000_000)
by_view = fresh(); view = by_view[500_000:]
by_memory = fresh(); by_address = fresh(); by_numpy = fresh(); by_thread = fresh(); by_file = fresh()
raw = bytearray(8_000_000); over_raw = np.frombuffer(raw)
rows = np.zeros((4, 250_000)); row = rows[2]
listed = [{"n": [0]} for _ in range(10)]; inner = listed[7]["n"]
df = pd.DataFrame({"a": fresh(), "b": fresh()}); part = df[["a"]]
def grow(n, base=1, *, more=1): return n + base + more
class Account:
    rate = 1
    def told(self): return "old"
account = Account(); held = collections.OrderedDict(a=account)
"""
WRITES = """
view[7] = 1
memoryview(by_memory).cast("B").cast("d")[999_999] = 2
ctypes.c_double.from_address(by_address.ctypes.data + 8 * 300_000).value = 3
np.add(by_numpy, 4, out=by_numpy, where=np.arange(1_000_000) == 123_456)
thread = threading.Thread(target=lambda: by_thread.__setitem__(600_000, 5)); thread.start(); thread.join(); del thread
with open("/dev/urandom", "rb") as file: file.readinto(memoryview(by_file)[:1].cast("B"))
drawn = bytes(memoryview(by_file)[:1].cast("B"))
raw[8 * 11 : 8 * 12] = np.float64(6).tobytes()
row[100] = 7
inner.append(8)
values = df["b"].values; values.flags.writeable = True; values[77] = 9; del values
grow.__defaults__ = (10,); grow.__kwdefaults__["more"] = 20
Account.told = lambda self: "new"; Account.rate = 2; account.seen = True
math.grow = grow; pd.DataFrame.total = lambda self: 11
"""
QUESTIONS = (
    "view[7] == 1 and by_view[500_007] == 1 and np.shares_memory(view, by_view)",
    "by_memory[-1] == 2 and by_address[300_000] == 3 and by_numpy[123_456] == 4 and by_thread[600_000] == 5",
    "bytes(memoryview(by_file)[:1].cast('B')) == drawn and over_raw[11] == 6",
    "row[100] == 7 and rows[2, 100] == 7",
    "listed[7]['n'] == [0, 8] and inner is listed[7]['n']",
    "df.b[77] == 9 and not part.a.any()",
    "grow(0) == 30 and math.grow is grow",
    "account.told() == 'new' and account.rate == 2 and account.seen and held['a'] is account",
    "pd.DataFrame({'a': [1]}).total() == 11",
)


def test_whoever_writes_and_however_the_second_save_has_it(image_python: str) -> None:
    store = Store()
    with Kernel(image_python) as kernel:
        kernel.run(BEFORE)
        kernel.save(store)
        kernel.run(WRITES)
        assert kernel.save(store)["status"] == "ok"
    with Kernel(image_python) as kernel:
        assert kernel.restore(store)["status"] == "ok"
        for question in QUESTIONS:
            assert kernel.run(f"print(bool({question}))") == "True", question


def test_what_an_object_writes_while_it_is_saved_is_in_that_save(image_python: str) -> None:
    """A buffer that is emptied into an array by its own `__getstate__` loses nothing, in any save."""
    store = Store()
    with Kernel(image_python) as kernel:
        kernel.run("""
import numpy as np
target = np.zeros(1_000_000)
class Buffer:
    def __init__(self): self.waiting = []; self.count = 0
    def __getstate__(self):
        for one in self.waiting:
            target[self.count] = one
            self.count += 1
        self.waiting.clear()
        return dict(self.__dict__)
buffer = Buffer()
""")
        for number in (1, 2, 3):
            kernel.run(f"buffer.waiting.append({number})")
            assert kernel.save(store)["status"] == "ok"
    with Kernel(image_python) as kernel:
        assert kernel.restore(store)["status"] == "ok"
        said = kernel.run("print(target[:4].tolist(), buffer.count, buffer.waiting)")
        assert said == "[1.0, 2.0, 3.0, 0.0] 3 []"


def test_a_thread_that_writes_meanwhile_does_not_spoil_a_later_save(image_python: str) -> None:
    """What is sent while it changes bears its own name: the last save has the last values."""
    store = Store()
    with Kernel(image_python) as kernel:
        kernel.run("""
import numpy as np, threading
busy = np.zeros(8_000_000); is_over = threading.Event()
def write():
    n = 0
    while not is_over.is_set():
        busy[::1000] = n; n += 1
writer = threading.Thread(target=write); writer.start()
""")
        for _ in range(3):
            assert kernel.save(store)["status"] == "ok"
        kernel.run("is_over.set(); writer.join(); busy[::1000] = -1; busy[5] = -2")
        assert kernel.save(store)["status"] == "ok"
    with Kernel(image_python) as kernel:
        assert kernel.restore(store)["status"] == "ok"
        said = kernel.run("print(bool((busy[::1000] == -1).all()), busy[5], float(np.abs(busy).sum()))")
        assert said == "True -2.0 8002.0"


_ROW = 300_000  # bytes: longer than the shortest row that is cut apart
_VIEWS = st.lists(
    st.tuples(st.integers(0, 11), st.integers(1, 12), st.booleans()).filter(
        lambda one: one[0] + one[1] <= 12
    ),
    min_size=1,
    max_size=6,
)


def _layout(memory: bytearray, views: list[tuple[int, int, bool]], row: int) -> Layout:
    """Return what a save knows of views of a matrix's rows, some of which say how long a row is."""
    layout = Layout()
    for first, count, says in views:
        buffer = pickle.PickleBuffer(memoryview(memory)[first * row : (first + count) * row])
        layout.take(layout.hint(buffer, row=row if says else 0))
    return layout


@given(_VIEWS, st.sampled_from([_ROW, _ROW + 8, CHUNK_BYTES + 4096]))
def test_every_view_finds_its_bytes_again_and_every_byte_is_in_one_chunk(
    views: list[tuple[int, int, bool]], row: int
) -> None:
    memory = bytearray(itertools.islice(itertools.cycle(range(251)), 12 * row))
    buffers, places = _layout(memory, views, row).arrange()
    for buffer in buffers:
        cut = list(grid(len(buffer.view), buffer.row))
        assert [offset for offset, _ in cut] == [0, *itertools.accumulate(size for _, size in cut[:-1])]
        assert sum(size for _, size in cut) == len(buffer.view)
        assert all(0 < size <= CHUNK_BYTES for _, size in cut)
    for (first, count, _), (index, offset, size, _) in zip(views, places, strict=True):
        assert size == count * row
        assert buffers[index].view[offset : offset + size] == memory[first * row : (first + count) * row]


@given(st.integers(0, 11), st.sampled_from([_ROW, _ROW + 8, CHUNK_BYTES + 4096]))
def test_a_matrix_without_one_of_its_rows_keeps_the_chunks_of_the_others(taken: int, row: int) -> None:
    """As pandas leaves a frame's memory behind when a column of it was written."""
    memory = bytearray(12 * row)

    def chunks(views: list[tuple[int, int, bool]]) -> set[tuple[int, int]]:
        start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        return {
            (ctypes.addressof(ctypes.c_char.from_buffer(buffer.view)) - start + offset, size)
            for buffer in _layout(memory, views, row).arrange()[0]
            for offset, size in grid(len(buffer.view), buffer.row)
        }

    rest = [one for one in ((0, taken, True), (taken + 1, 11 - taken, True)) if one[1]]
    # Something else still looks at rows in the middle, as another frame or a column does:
    for others in ([], [(3, 5, True)], [(taken, 1, False)]):
        assert chunks(rest + others) <= chunks([(0, 12, True)])


class _Meta(type):
    pass


def test_what_cells_put_into_libraries_is_found_whatever_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each pass looks anew: what was put there, replaced or taken away since the last one counts."""
    library = types.ModuleType("a_library")
    monkeypatch.setitem(sys.modules, "a_library", library)
    namespace: dict = {"__name__": "__main__", "a_library": library}
    plain = types.FunctionType((lambda: 1).__code__, namespace, "plain")
    theirs = {
        "plain": plain,
        "Own": type("Own", (), {"__module__": "__main__"}),
        "Made": _Meta("Made", (), {"__module__": "__main__"}),
        "asked": property(plain),
        "fixed": staticmethod(plain),
        "of_class": classmethod(plain),
    }
    namespace |= theirs

    class Liar:
        """Says that it is a class, as lazy modules' stand-ins may."""

        __class__ = type  # pyright: ignore[reportAssignmentType]

    strange: dict = {"liar": Liar(), "number": 3, 5: plain}
    library.__dict__.update(strange)

    def found() -> dict[str, object]:
        return {name: value for owner, name, value in patches(namespace) if owner is library}

    assert found() == {}
    library.__dict__.update(theirs)
    assert found() == theirs
    library.__dict__.update(number=plain, plain=4)
    del theirs["plain"]
    assert found() == {**theirs, "number": plain}
