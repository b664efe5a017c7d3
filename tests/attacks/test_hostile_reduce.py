"""Objects that hang, eat memory, run code or lie when they are saved or restored harm only themselves."""

# pyright: basic, reportMissingImports=false

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "runtime/sandbox"))

from kernels import Kernel, Peer, Store, resumed

pytestmark = pytest.mark.attack


@pytest.mark.parametrize("how", ["time.sleep(3600)", "while True: pass"])
def test_hangs_when_saved(how: str) -> None:
    """It is interrupted as Ctrl-C would, and named; its neighbours are kept."""
    code = f"import time\nclass Hangs:\n    def __reduce__(self):\n        {how}\n"
    code += "fine = [1]; hangs = Hangs(); holder = [fine, hangs]"
    with Kernel() as kernel:
        store = Store()
        kernel.run(code)
        reply = kernel.save(store, limit_s=8)
        assert reply["status"] == "ok", reply
        assert {one["name"] for one in reply["lost"]} >= {"hangs"}
        assert "too long" in str(reply["lost"])
        assert kernel.run("print(fine)") == "[1]"
    with Kernel() as kernel:
        assert kernel.restore(store)["status"] == "ok"
        assert kernel.run("print(fine)") == "[1]"


def test_runs_code_when_restored() -> None:
    """It can: with the user's powers, in the sandbox, where the user's cells run."""
    code = "class Runs:\n    def __reduce__(self): return (exec, ('import os; os.ran = os.getpid()',))\nruns = Runs()"
    with resumed(code) as kernel:
        assert kernel.run("import os; print(os.ran == os.getpid())") == "True"


def test_ends_the_kernel_of_its_own_when_restored() -> None:
    """The kernel that an object ends is the user's; nobody waits for ever."""
    code = "class Ends:\n    def __reduce__(self): return (eval, ('__import__(\"os\")._exit(3)',))\nends = Ends()"
    store = Store()
    with Kernel() as kernel:
        kernel.run(code)
        assert kernel.save(store)["status"] == "ok"
    with Kernel() as kernel:
        with pytest.raises(AssertionError, match="no reply"):
            kernel.ask(
                "nbkeep_restore_request", within_s=15, socket=kernel_peer(kernel, store), token=TOKENS[-1]
            )
        assert kernel.process.wait(10) == 3


TOKENS: list[str] = []


def kernel_peer(kernel: Kernel, store: Store) -> str:
    peer = Peer(store, kernel.folder, "restore")
    TOKENS.append(peer.token)
    return peer.path


def test_endless_state() -> None:
    """An iterator without an end is interrupted; memory it took is given back."""
    code = """
import itertools
class Endless:
    def __reduce__(self): return (Endless, (), None, (bytes(10) for _ in itertools.count()))
    def append(self, item): pass
fine = [1]; endless = Endless()
"""
    with Kernel() as kernel:
        kernel.run(code + "import resource; resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))")
        reply = kernel.save(Store(), limit_s=20)
        assert reply["status"] == "ok", reply
        assert [one["name"] for one in reply["lost"]] == ["endless"]
        assert kernel.run("print(fine)") == "[1]"


def test_changes_the_namespace_while_it_is_saved() -> None:
    code = """
class Changes:
    def __reduce__(self):
        for n in range(100): globals()[f"new{n}"] = n
        globals().pop("gone", None)
        return (Changes, ())
gone = 1; changes = Changes(); last = [2]
"""
    with resumed(code) as kernel:
        assert kernel.run("print(last, type(changes).__name__)") == "[2] Changes"


def test_nonsense_from_the_other_side() -> None:
    """A kernel refuses what is no checkpoint, with a sentence, and goes on empty."""
    for manifest in (b"", b"[]", b"{}", b'{"format": 99, "python": "3.11.0"}', b"\xff"):
        with Kernel() as kernel:
            reply = kernel.restore(Store(manifest=manifest, stream=b"junk"))
            assert reply["status"] == "error"
            assert reply["reason"]
            assert kernel.run("print(1)") == "1"


HOSTILE_STATE = """
class Hangs:
    def __init__(self, how): self.how = how
    def __setstate__(self, state): exec(state["how"])
before = [1]; hangs = Hangs(HOW); held = [before, hangs]; zlast = {"before": before}
"""


@pytest.mark.parametrize(
    "how",
    [
        "import time; time.sleep(3600)",
        "while True: pass",
        "while True:\n    try:\n        while True: pass\n    except BaseException: break",
    ],
)
def test_hangs_when_restored(how: str) -> None:
    """It is interrupted as Ctrl-C would; its neighbours are there, and it is named."""
    with resumed(f"HOW = {how!r}" + HOSTILE_STATE, limit_s=16) as kernel:
        lost = {one["name"]: one["reason"] for one in kernel.restored["lost"]}
        assert "hangs" in lost
        assert "too long" in lost["hangs"]
        assert kernel.run("print(before, zlast['before'] is before)") == "[1] True"


def test_eats_memory_when_restored() -> None:
    """At the limit of its memory the kernel goes on without the object."""
    code = """
class Eats:
    def __setstate__(self, state): self.eaten = [bytes(64 << 20) for _ in range(1_000)]
before = [1]; eats = Eats(); eats.n = 1; last = {"before": before}
"""
    store = Store()
    with Kernel() as kernel:
        kernel.run(code)
        assert kernel.save(store)["lost"] == []
    with Kernel() as kernel:
        kernel.run("import resource; resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))")
        restored = kernel.restore(store)
        assert restored["status"] == "ok", restored
        assert "MemoryError" in {one["name"]: one["reason"] for one in restored["lost"]}["eats"]
        assert kernel.run("print(before, last['before'] is before)") == "[1] True"
