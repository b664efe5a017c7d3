"""Marks of stale cells against the truth, on random notebooks, and what they cost.

Each notebook is made of small templates (new values, changes in place, aliases, functions over globals,
seeds), is run, and is then edited, shortened and re-run here and there. Truth is told by running: a cell is
doubtful when a restart and a run of all cells gives another output than the one it shows, or other values
of what it gave. Cells that were edited or never ran are left out: what they show is said to be old anyway.

    make bench-hidden              # 300 notebooks
    python benchmarks/bench_hidden.py 1000 -v    # and why marks were needless or missed
"""

# pyright: basic, reportMissingImports=false

from __future__ import annotations

import collections
import random
import re
import statistics
import sys
import time
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "tests/runtime/sandbox"))

from kernels import Kernel

from nbkeep.settings import Settings

NAMES = "abcd"
# What a template gives a value or changes in place; the bodies of functions give nothing yet.
_GIVEN = re.compile(
    r"^(?:try: |for )?([abcd])(?: =| \+=|\.append|\[0\]| in|, [abcd] =)|^h\(([abcd])\)|range.*: ([abcd]) ="
    r"|^try: [abcd], ([abcd]) =|^  global ([abcd])$",
    re.MULTILINE,
)
TEMPLATES = (
    "{x} = {n}",
    "{x} = {y} + {n}",
    "{x} += {n}",
    "{x} = [{n}, {m}]",
    "{x} = {y}",
    "try: {x}.append({n})\nexcept Exception: pass",
    "try: {x}[0] = {n}\nexcept Exception: pass",
    "def f(): return ({x}, {n})",
    "print(f())",
    "g = lambda k: (k, {x})",
    "print(g({y}))",
    "def h(v):\n  try: v.append({n})\n  except Exception: pass\nh({x})",
    "random.seed({n})",
    "{x} = random.random()",
    "print({x})",
    "print({x}, {y})",
    "print(sorted(str(v) for v in ({x}, {y})))",
    "for {x} in range({n}): {y} = {x}",
    "if {n} > 4: {x} = {m}",
    "del {x}",
    "class A:\n  v = {n}\n  def go(self): return ({x}, self.v)\no = A()",
    "o.v = {n}",
    "print(o.go())",
    "{x} = {{'k': {y}}}",
)
_GIVEN_TO_OBJECTS = (
    ("o.w = ", "vars(o).get('w')"),
    ("o.put(", "vars(o).get('v')"),
    ("f = o.go", "(vars(f.__self__), vars(type(o)).get('v'))"),
)
# Harder ones: shared and nested values, globals that functions set, methods that change or hand on an object.
HARDER = (
    "{x} = [{y}, {y}]",
    "try: {x}[0].append({n})\nexcept Exception: pass",
    "def s():\n  global {x}\n  {x} = {n}\ns()",
    "print(eval('{x}'))",
    "print([({x}, one) for one in range(2)])",
    "print(bool({x}))",
    "o.w = {x}",
    "print(sorted(vars(o).items(), key=str))",
    "class A:\n  v = {n}\n  def go(self): return self.a()\n  def a(self): return str(vars(self))\no = A()",
    "class A:\n  v = {n}\n  def put(self, k): self.v = k\n  def go(self): return self.v\no = A()",
    "try: o.put({x})\nexcept AttributeError: pass",
    "print(getattr(o, 'v'))",
    "f = o.go",
    "def f(): return g({x})",
    "try: {x}, {y} = {y}, {x}\nexcept NameError: pass",
    "{x} = [one for one in range({n})]",
)
FIRST = """import random; random.seed(0)
a, b, c, d = 1, [2], 3, [4]
def f(): return 0
g = str
class A:
  def go(self): return 0
o = A()"""


class Run:
    """A kernel that runs cells, silently emptied for each notebook."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel

    def whole(self, code: str, cell: str) -> str:
        """Run a cell; return what it shows and, unless it failed, the values that it gave."""
        shown = self.cell(code, cell)
        return shown if shown.endswith("Error") else shown + self.values(code)

    def values(self, code: str) -> str:
        """Return the variables that a cell gave, as text."""
        names = sorted({name for found in _GIVEN.findall(code) for name in found if name})
        parts = [f"globals().get({name!r})" for name in names]
        parts += [what for start, what in _GIVEN_TO_OBJECTS if start in code]
        probe = {"p": f"repr([{', '.join(parts)}])"}
        client = self.kernel.client
        message = client.execute("", silent=True, user_expressions=probe)
        while True:
            reply = client.get_shell_msg(timeout=60)
            if reply["parent_header"].get("msg_id") == message:
                told = reply["content"]["user_expressions"]["p"]
                return re.sub("0x[0-9a-f]+", "0x", str(told.get("data", told.get("ename"))))

    def begin(self) -> None:
        """Forget variables and records."""
        self.cell("get_ipython().reset(new_session=False); import random; random.seed(); del random", "")
        self.cell("get_ipython().kernel.nbkeep_cells.__init__(get_ipython())", "")

    def cell(self, code: str, cell: str) -> str:
        """Run a cell and return what it shows."""
        client = self.kernel.client
        content = {"code": code, "silent": False, "store_history": False, "user_expressions": {},
                   "allow_stdin": False, "stop_on_error": False}  # fmt: skip
        message = client.session.msg("execute_request", content, metadata={"cellId": cell} if cell else {})
        client.shell_channel.send(message)
        shown = ""
        while True:
            told = client.get_iopub_msg(timeout=60)
            if told["parent_header"].get("msg_id") != message["header"]["msg_id"]:
                continue
            if told["msg_type"] == "stream":
                shown += told["content"]["text"]
            elif told["msg_type"] == "error":
                shown += f"{told['content']['evalue']} {told['content']['ename']}"
            elif told["msg_type"] == "status" and told["content"]["execution_state"] == "idle":
                client.get_shell_msg(timeout=60)
                return shown

    def marks(self, document: list[tuple[str, str]]) -> dict[str, dict[str, str]]:
        """Return the verdict on each cell."""
        cells = [{"id": cell, "source": source} for cell, source in document]
        reply = self.kernel.ask("nbkeep_cells_request", cells=cells)
        assert reply["status"] == "ok", reply
        return {one["id"]: one for one in reply["cells"]}


def source(chance: random.Random, templates: tuple[str, ...]) -> str:
    """Return a random cell."""
    x, y = chance.sample(NAMES, 2)
    return chance.choice(templates).format(x=x, y=y, n=chance.randint(0, 9), m=chance.randint(0, 9))


class Notebook:
    """One document, what its cells show, and the code that they ran."""

    def __init__(self, run: Run, chance: random.Random, templates: tuple[str, ...]) -> None:
        self.run, self.chance, self.templates = run, chance, templates
        self.document = [("c0", FIRST)] + [(f"c{at}", source(chance, templates)) for at in range(1, 8)]
        self.shown: dict[str, str] = {}
        self.ran: dict[str, str] = {}
        self.ways: list[str] = []  # what was done
        run.begin()
        for at in range(len(self.document)):
            self.go(at)

    def go(self, at: int) -> None:
        """Run the cell at a place."""
        cell, code = self.document[at]
        self.ways.append(f"run {cell}")
        self.shown[cell], self.ran[cell] = self.run.whole(code, cell), code

    def change(self) -> None:
        """Do to the notebook what people do."""
        at = self.chance.randrange(1, len(self.document))
        way = self.chance.choice(("again", "again", "edit", "edit and run", "delete", "insert and run"))
        self.ways.append(f"{way} {self.document[at]}")
        if way.startswith("edit"):
            self.document[at] = (self.document[at][0], source(self.chance, self.templates))
        elif way == "delete":
            del self.document[at]
        elif way.startswith("insert"):
            self.document.insert(at, (f"n{self.chance.random()}", source(self.chance, self.templates)))
        if way.endswith(("again", "run")):
            self.go(at)


def scenario(
    run: Run, truth: Run, chance: random.Random, templates: tuple[str, ...]
) -> tuple[int, int, int, int, list[tuple[str, str]]]:
    """Play one notebook; return the counts of hits, needless marks, misses and rightly quiet cells."""
    notebook = Notebook(run, chance, templates)
    for _ in range(chance.randint(0, 4)):
        notebook.change()
    told = run.marks(notebook.document)
    truth.begin()
    counts, wrong = [0, 0, 0, 0], list[tuple[str, str]]()
    for cell, code in notebook.document:
        fresh = truth.whole(code, cell)
        if notebook.ran.get(cell) != code:
            continue
        shown = notebook.shown[cell]
        verdict = told[cell]
        marked = verdict["status"] in ("stale", "out-of-order", "missing")
        counts[(0 if marked else 2) if fresh != shown else (1 if marked else 3)] += 1
        if (fresh != shown) != marked:
            word = "needless" if marked else "missed"
            ways = " ".join(notebook.ways)
            where = f"{notebook.document} {ways} {verdict}"
            text = f"{word} {cell}: {code!r} shows {shown!r}, fresh {fresh!r} in {where}"
            wrong.append((f"{word:8} {_kind(code):50} {verdict['status']} {verdict['why']}", text))
    hits, needless, misses, quiet = counts
    return hits, needless, misses, quiet, wrong


def _kind(code: str) -> str:
    """Return a cell's code without what differs between cells of one kind."""
    return re.sub(r"\b[abcd]\b", "x", re.sub(r"\d+", "N", code)).replace("\n", "; ")


def cost(run: Run) -> None:
    """Print how long cells take with and without what is remembered of them."""
    setup = "import numpy as np\nbig = np.ones(60_000_000)\nmany = {i: [i] for i in range(100_000)}"
    cells = {
        "x = 1": "trivial",
        "big[5] = 2": "one element of 480 MB",
        "s = sum(many)": "a large dictionary read",
        "for i in range(1_000_000): t = i": "a loop",
    }
    off = "cells = get_ipython().kernel.nbkeep_cells; cells.begin = lambda: None; cells.end = lambda *a: None"
    figures: dict[str, list[tuple[float, float]]] = {}
    for watched in (True, False):
        run.begin()
        if not watched:
            run.cell(off, "")
        run.cell(setup, "s")
        for code in cells:
            idle_ms: list[float] = []
            next_ms: list[float] = []
            for _ in range(21):
                started_s = time.perf_counter()
                run.cell(code, "t")
                idle_ms.append((time.perf_counter() - started_s) * 1000)
                run.kernel.ask("kernel_info_request")  # answered once the cell is remembered
                next_ms.append((time.perf_counter() - started_s) * 1000)
            figures.setdefault(code, []).append((statistics.median(idle_ms), statistics.median(next_ms)))
    print("\nfrom a cell's start, medians, ms     until it is idle        until the next message is answered")
    print(" " * 31 + "without     with         without     with")
    for code, words in cells.items():
        (idle, following), (plain_idle, plain_following) = figures[code]
        print(f"  {words:28} {plain_idle:7.1f}  {idle:7.1f}         {plain_following:7.1f}  {following:7.1f}")


def play(run: Run, truth: Run, many: int, templates: tuple[str, ...], words: str) -> None:
    """Play notebooks of some kinds of cells, and print how many marks were right."""
    total, causes = [0, 0, 0, 0], collections.Counter[str]()
    for seed in range(many):
        chance = random.Random(seed)  # noqa: S311  no secret is made of it
        *counts, wrong = scenario(run, truth, chance, templates)
        total = [have + more for have, more in zip(total, counts, strict=True)]
        for cause, line in wrong:
            causes[cause] += 1
            if "-v" in sys.argv:
                print(f"  {seed}: {line}", file=sys.stderr)
    hits, alarms, misses, quiet = total
    cells, old = sum(total), hits + misses
    print(f"{many} notebooks of {words}")
    print(f"  cells that ran as they stand, {cells}; {old} show what a fresh run would not")
    print(f"  marked of those         {hits:6}   recall    {hits / max(1, old):.3f}")
    print(f"  marked, though the same {alarms:6}   precision {hits / max(1, hits + alarms):.3f}")
    print(f"  quiet and the same      {quiet:6}")
    for cause, times in causes.most_common() if "-v" in sys.argv else ():
        print(f"  {times:4} {cause}")


def main() -> None:
    """Play the notebooks and print the tables."""
    many = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    python = sys.executable
    image = Settings.load().images_dir / "base/current/env/bin/python"
    with Kernel(str(image) if image.exists() else python) as one, Kernel(python) as other:
        run, truth = Run(one), Run(other)
        play(run, truth, many, TEMPLATES, "usual cells")
        play(run, truth, many, TEMPLATES + HARDER, "usual and harder cells")
        if image.exists():
            cost(run)


if __name__ == "__main__":
    main()
