"""What cannot be kept is named with its reason, and nothing else is lost with it."""

# pyright: basic, reportMissingImports=false

from __future__ import annotations

import pytest
from kernels import Kernel, Store, resumed

NEIGHBOURS = "\nfine = [1, 2]; also = {'fine': fine}\n"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("bad = (n for n in range(3)); next(bad)", "generator"),
        ("import subprocess; bad = subprocess.Popen(['sleep', '60'])", "process"),
        ("import socket; bad = socket.socket()", "network connection"),
        ("import concurrent.futures as f; bad = f.ThreadPoolExecutor(1)", "pool"),
        ("import concurrent.futures as f; bad = f.ProcessPoolExecutor(1)", "pool"),
        ("import concurrent.futures as f; bad = f.Future()", "running work"),
        ("import threading; bad = threading.Thread(target=print)", "thread"),
        ("import threading; bad = threading.Lock(); bad.acquire()", "held"),
        ("import threading; bad = threading.local()", "threads"),
        ("import multiprocessing as m; bad = m.get_context('fork').Process(target=print)", "process"),
        ("import mmap; bad = mmap.mmap(-1, 4096)", "mapped into memory"),
        ("import asyncio; bad = asyncio.sleep(0)", "running work"),
        ("import asyncio; bad = asyncio.get_event_loop().create_task(asyncio.sleep(0))", "running work"),
        ("import tempfile; bad = tempfile.TemporaryDirectory()", "temporary folder"),
        ("import os; bad = os.environ", "environment"),
        ("bad = memoryview(b'abc')", "memoryview"),
        ("import contextvars; bad = contextvars.ContextVar('v')", "pickle"),
        ("class Bad:\n    def __reduce__(self): raise ValueError('not me')\nbad = Bad()", "not me"),
        ("class Bad:\n    def __reduce__(self): return 5\nbad = Bad()", "pickle expects"),
        ("class Bad:\n    def __reduce__(self): return 'nowhere'\nbad = Bad()", "cannot be found"),
        ("class Bad:\n    def __getstate__(self): raise SystemError('odd')\nbad = Bad()", "odd"),
    ],
)
def test_it_is_named_and_its_neighbours_stay(code: str, reason: str) -> None:
    holder = "\nholder = {'bad': bad, 'fine': fine}; outer = [holder]\n"
    with resumed(NEIGHBOURS + code + holder) as kernel:
        lost = {one["name"]: one for one in kernel.saved["lost"]}
        assert lost.keys() == {"bad", "holder", "outer"}
        assert reason in lost["bad"]["reason"]
        assert not lost["bad"]["kept"]
        assert lost["holder"]["kept"], "a container is kept without its part"
        assert reason in lost["holder"]["reason"]
        assert (
            kernel.run("print('bad' in globals(), also['fine'] is fine, holder['fine'] is fine)")
            == "False True True"
        )
        _, error = kernel.try_run("holder['bad'].anything")
        assert "was not kept when the session was suspended" in error
        assert outer_is_holder(kernel)


def outer_is_holder(kernel: Kernel) -> bool:
    return kernel.run("print(outer[0] is holder)") == "True"


def test_environment_variables_never_leave() -> None:
    store = Store()
    with Kernel(env={"SECRET_OF_MINE": "hunter2-0451"}) as kernel:
        kernel.run("import os; env = os.environ; held = [os.environ]; n = 1")
        kernel.save(store)
        everything = store.manifest + store.stream + b"".join(store.chunks.values())
        assert b"hunter2-0451" not in everything
        assert b"n" in everything


def test_a_module_that_is_gone_takes_only_its_own(tmp_path) -> None:
    (tmp_path / "mine.py").write_text("class Thing:\n    def __init__(self): self.n = 1\n")
    code = f"import sys; sys.path.append({str(tmp_path)!r}); import mine\nthing = mine.Thing()\n"
    code += "data = [1, 2]; both = {'thing': thing, 'data': data}; after = [data]; last = thing"
    store = Store()
    with Kernel() as kernel:
        kernel.run(code)
        assert kernel.save(store)["lost"] == []
    (tmp_path / "mine.py").unlink()
    with Kernel() as kernel:
        restored = kernel.restore(store)
        assert restored["status"] == "ok"
        assert {"mine", "thing"} <= {one["name"] for one in restored["lost"]}
        assert (
            kernel.run("print(both['data'] is data, after[0] is data, 'thing' in globals())")
            == "True True False"
        )
        _, error = kernel.try_run("both['thing'].n")
        assert "was not kept" in error


def test_an_object_that_fails_when_it_is_made_again_takes_only_itself() -> None:
    code = """
class Bomb:
    def __init__(self, n): self.n = n
    def __setstate__(self, state): raise RuntimeError("no " + str(state["n"]))
first = [1]; bombs = {"one": Bomb(1), "two": Bomb(2), "first": first}; second = [first, bombs]
"""
    with resumed(code) as kernel:
        assert [one["name"] for one in kernel.restored["lost"] if one["name"]] == ["bombs"]
        assert "no 1" in str(kernel.restored["lost"])
        assert (
            kernel.run("print(bombs['first'] is first, second[0] is first, second[1] is bombs)")
            == "True True True"
        )


@pytest.mark.parametrize("answer", ["refused", "nobody"])
def test_a_save_that_is_refused_leaves_the_kernel_as_it_was(answer: str) -> None:
    store = Store(refuse="The kept state is larger than 1 GiB.")
    with Kernel() as kernel:
        kernel.run("x = 1")
        if answer == "refused":
            reply = kernel.save(store)
            assert reply["reason"] == "The kept state is larger than 1 GiB."
        else:
            reply = kernel.ask("nbkeep_save_request", socket="/nonexistent/socket", token="t")
        assert reply["status"] == "error"
        assert kernel.run("print(x)") == "1"


def test_another_pythons_state_is_refused() -> None:
    store = Store()
    with Kernel() as kernel:
        kernel.run("x = 1")
        kernel.save(store)
    store.manifest = store.manifest.replace(b'"python": "3.', b'"python": "2.')
    with Kernel() as kernel:
        reply = kernel.restore(store)
        assert reply["status"] == "error"
        assert "Python 2." in reply["reason"]
        assert kernel.run("print('x' in globals())") == "False"
