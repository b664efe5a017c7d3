"""A cell runs as soon as the memory is there that it can reach, and never before."""

# pyright: basic, reportMissingImports=false

from __future__ import annotations

import threading
import time

import pytest
from kernels import Kernel, Store

CODE = """
import numpy as np
big = np.arange(4_000_000, dtype=float)
other = np.ones(4_000_000)
n = 5
def total(): return float(big.sum())
def plain(k): return k + 1
class Holder:
    def __init__(self): self.data = big
    def sum(self): return float(self.data.sum())
holder = Holder()
query = "other > 0"
"""


@pytest.fixture(scope="module")
def store(image_python: str) -> Store:
    store = Store()
    with Kernel(image_python) as kernel:
        kernel.run(CODE)
        assert kernel.save(store)["status"] == "ok"
    return store


@pytest.fixture
def held(store: Store, image_python: str):
    """A kernel that was restored, and gets no chunk before `let_chunks_go`."""
    store.let_chunks_go.clear()
    store.break_after = None
    with Kernel(image_python) as kernel:
        try:
            assert kernel.restore(store)["status"] == "ok"
            yield kernel
        finally:
            store.let_chunks_go.set()


@pytest.mark.parametrize("code", ["n + 1", "plain(n)", "x = [n] * 3; len(x)"])
def test_what_reaches_no_memory_runs_at_once(held: Kernel, code: str) -> None:
    held.run(code, within_s=30)


@pytest.mark.parametrize(
    ("code", "answer"),
    [
        ("print(big.sum())", "7999998000000.0"),
        ("print(total())", "7999998000000.0"),
        ("print(holder.sum())", "7999998000000.0"),
        ("print(globals()['big'].sum())", "7999998000000.0"),
        ("print(eval('b' + 'ig').sum())", "7999998000000.0"),
        ("f = [total]; print(f[0]())", "7999998000000.0"),
        ("import sys; print(sys.modules['__main__'].other.sum())", "4000000.0"),
        ("%time print(other.sum())", None),
    ],
)
def test_what_reaches_memory_waits_for_it(held: Kernel, store: Store, code: str, answer: str | None) -> None:
    threading.Timer(1.0, store.let_chunks_go.set).start()
    began = time.monotonic()
    text = held.run(code)
    assert time.monotonic() - began > 0.5
    assert text == answer if answer else "4000000.0" in text


def test_completion_and_inspection_wait(held: Kernel, store: Store) -> None:
    threading.Timer(1.0, store.let_chunks_go.set).start()
    began = time.monotonic()
    reply = held.ask("inspect_request", code="big", cursor_pos=3, detail_level=0)
    assert reply["found"]
    assert time.monotonic() - began > 0.5


def test_a_wait_can_be_interrupted(held: Kernel, store: Store) -> None:
    """Ctrl-C ends the cell that waits; the next one waits again and has its memory."""
    threading.Timer(1.0, lambda: held.process.send_signal(2)).start()
    _, error = held.try_run("print(big.sum())")
    assert "KeyboardInterrupt" in error
    store.let_chunks_go.set()
    assert held.run("print(big.sum())") == "7999998000000.0"


def test_memory_that_never_comes_takes_its_variables_away(store: Store, image_python: str) -> None:
    """No variable is ever used whose memory is not whole."""
    store.break_after = 2
    try:
        with Kernel(image_python) as kernel:
            assert kernel.restore(store)["status"] == "ok"
            text, error = kernel.try_run("print(n)\nbig.sum()")
            assert "NameError" in error
            assert "Not restored" in text
            assert "big" in text
            assert kernel.run("print(n, plain(1), 'holder' in globals())") == "5 2 False"
    finally:
        store.break_after = None


def test_saved_again_while_memory_is_still_coming(held: Kernel, store: Store) -> None:
    threading.Timer(1.0, store.let_chunks_go.set).start()
    again = Store(chunks=dict(store.chunks))
    assert held.save(again)["status"] == "ok"
    assert again.new_bytes < 1 << 20
