"""Which cells ran on other inputs than a fresh run would give, told by real kernels."""

# pyright: basic

from __future__ import annotations

from typing import Any

import pytest
from kernels import Kernel, Store

Told = dict[str, tuple[str, str, str, str]]


class Notebook:
    """A document of cells a, b, c… and a kernel that runs them one by one."""

    def __init__(self, kernel: Kernel, *sources: str) -> None:
        self.kernel = kernel
        self.cells = {chr(ord("a") + at): source for at, source in enumerate(sources)}

    def run(self, order: str) -> Notebook:
        for cell in order:
            self.run_code(self.cells[cell], cell)
        return self

    def run_code(self, code: str, cell: str = "") -> None:
        client = self.kernel.client
        content = {"code": code, "silent": False, "store_history": True, "user_expressions": {},
                   "allow_stdin": False, "stop_on_error": False}  # fmt: skip
        message = client.session.msg("execute_request", content, metadata={"cellId": cell} if cell else {})
        client.shell_channel.send(message)
        while True:
            reply = client.get_shell_msg(timeout=60)
            if reply["parent_header"].get("msg_id") == message["header"]["msg_id"]:
                return

    def told(self) -> Told:
        return {
            one["id"]: (one["status"], one["why"], one["name"], one["cell"]) for one in self.ask()["cells"]
        }

    def ask(self) -> dict[str, Any]:
        cells = [{"id": cell, "source": source} for cell, source in self.cells.items()]
        reply = self.kernel.ask("nbkeep_cells_request", cells=cells)
        assert reply["status"] == "ok", (reply, self.kernel.said())
        return reply

    def marked(self) -> str:
        """Return the cells that are not fresh."""
        return "".join(cell for cell, told in self.told().items() if told[0] != "fresh")


@pytest.fixture(scope="module")
def shared_kernel(image_python: str):
    with Kernel(image_python) as kernel:
        yield kernel


@pytest.fixture
def make(shared_kernel: Kernel):
    """Return a maker of notebooks; each begins with an empty namespace and a journal of its own."""

    def made(*sources: str) -> Notebook:
        shared_kernel.run("%reset -f")
        shared_kernel.run("get_ipython().kernel.nbkeep_cells.__init__(get_ipython())")
        return Notebook(shared_kernel, *sources)

    return made


def test_a_notebook_that_ran_in_order_has_no_marks(make) -> None:
    notebook = make(
        "import math\nx = 1", "def f(k): return k + x", "y = f(2)", "print(y, math.pi)", "# only a remark", ""
    )
    assert notebook.run("abcd").marked() == ""


def test_a_new_value_makes_those_stale_that_used_the_old_one(make) -> None:
    notebook = make("x = 1", "y = x + 1", "z = y * 2", "other = 5").run("abcd")
    notebook.cells["a"] = "x = 7"
    assert notebook.told()["a"][0] == "edited"
    assert notebook.told()["b"] == ("stale", "edited", "x", "a")
    notebook.run("a")
    told = notebook.told()
    assert told["a"][0] == "fresh"
    assert told["b"] == ("stale", "changed", "x", "a")
    assert told["c"] == ("stale", "stale", "y", "b")
    assert told["d"][0] == "fresh"
    assert notebook.run("bc").marked() == ""


def test_the_same_value_again_makes_nothing_stale(make) -> None:
    notebook = make("x = [1, {'a': (2.5, 'b')}]", "y = len(x)").run("ab")
    assert notebook.run("a").marked() == ""


def test_a_name_that_only_a_later_cell_defines_is_out_of_order(make) -> None:
    notebook = make("print(x)", "x = 3").run("ba")
    assert notebook.told()["a"] == ("out-of-order", "later", "x", "b")


def test_a_name_whose_cell_is_gone_or_edited_away_is_missing(make) -> None:
    notebook = make("x = 3", "print(x)", "w = 4", "print(w)").run("abcd")
    del notebook.cells["a"]
    notebook.cells["c"] = "v = 4"
    told = notebook.told()
    assert told["b"] == ("missing", "gone", "x", "")
    assert told["d"] == ("missing", "edited-away", "w", "c")


def test_a_value_that_a_console_set_is_missing_in_a_fresh_run(make) -> None:
    notebook = make("x = 1", "print(x)").run("a")
    notebook.run_code("x = 99")
    assert notebook.run("b").told()["b"] == ("missing", "outside", "x", "")


def test_cells_that_never_ran_say_so_and_what_stands_on_them_is_stale(make) -> None:
    notebook = make("x = 1", "x = 2", "print(x)").run("ac")
    assert notebook.told()["b"][0] == "never-run"
    assert notebook.told()["c"] == ("stale", "not-run", "x", "b")


def test_what_ran_twice_on_its_own_result_is_told(make) -> None:
    notebook = make("x = 1\nrows = []", "x += 1", "rows.append(x)").run("abc")
    assert notebook.marked() == ""
    assert notebook.run("b").told()["b"] == ("stale", "itself", "x", "b")
    assert notebook.run("abc").marked() == ""
    assert notebook.run("c").told()["c"] == ("stale", "itself", "rows", "c")


@pytest.mark.parametrize(
    ("cells", "order", "marked"),
    [
        # changed in place: a list
        (["x = [1]", "y = x", "y.append(2)", "print(x)"], "abcd", ""),
        (["x = [1]", "y = x", "print(x)", "y.append(2)"], "abcdc", "c"),
        (["x = {'k': 1}", "print(x)", "x['k'] = 2"], "abcb", "b"),
        # an object's attribute
        (["class A: pass\na = A(); a.n = 1", "print(a.n)", "a.n = 2"], "abcb", "b"),
        (["class A:\n  __slots__ = ('n',)\na = A(); a.n = 1", "print(a.n)", "a.n = 2"], "abcb", "b"),
        # through functions: a changed global, a changed body, a changed closure
        (["k = 1", "def f(): return k", "print(f())"], "abc", ""),
        (["k = 1", "def f(): return g()\ndef g(): return k", "print(f())", "k = 2"], "abcdc", "c"),
        (["k = 1", "f = lambda: k", "print(list(map(f.__call__, *[()])), f.__call__())", "k = 2"], "abcdc", "c"),
        (["def make():\n  n = [0]\n  def step():\n    n[0] += 1\n    return n[0]\n  return step\nstep = make()", "step()"], "ab", ""),
        (["def make():\n  n = [0]\n  def step():\n    n[0] += 1\n    return n[0]\n  return step\nstep = make()", "step()"], "abb", "b"),
        (["import functools\nk = 1\n@functools.lru_cache\ndef f(): return k", "print(f())", "k = 2"], "acb", "b"),
        # a function that changes a global
        (["n = 0\ndef bump():\n  global n\n  n += 1", "bump()", "print(n)"], "abc", ""),
        (["n = 0\ndef bump():\n  global n\n  n += 1", "bump()", "print(n)"], "abcb", "b"),
        (["n = 0\ndef bump():\n  global n\n  n += 1", "bump()", "print(n)"], "abcbc", "bc"),
        (["n = 0\ndef begin():\n  global n\n  n = 5", "begin()", "print(n)"], "abcb", ""),
        (["n = 0\ndef begin():\n  global n\n  n = 5", "begin()", "n = 7"], "abcb", ""),
        # classes and their methods' globals
        (["k = 1", "class A:\n  def go(self): return k\na = A()", "print(a.go())", "k = 2"], "abcdc", "c"),
        # only methods that are called, or may be
        (["k = 1\nclass A:\n  def go(self): return k\n  def quiet(self): return 1\na = A()", "print(a.quiet())", "k = 2"], "abcb", ""),
        (["k = 1\nclass A:\n  def go(self): return k\n  def to(self): return self.go()\na = A()", "print(a.to())", "k = 2"], "abcb", "b"),
        (["k = 1\nclass A:\n  def go(self): return k\na = A()", "print(getattr(a, 'g' + 'o')())", "k = 2"], "abcb", "b"),
        (["k = 1\nclass A:\n  def go(self): return k\na = A()", "def run(v, n): return getattr(v, n)()", "print(run(a, 'go'))", "k = 2"], "abcdc", "c"),
        (["k = 1\nclass A:\n  def write(self, t): print(t, k, end='')\na = A()", "print('x', file=a)", "k = 2"], "abcb", "b"),
        (["k = 1\nclass A:\n  @property\n  def p(self): return k\na = A()", "print(a.p)", "k = 2"], "abcb", "b"),
        (["k = 1\nclass A:\n  def __str__(self): return str(k)\na = A()", "print(a)", "k = 2"], "abcb", "b"),
        (["k = 1\nclass A:\n  def go(self): return k\nclass B(A):\n  def go(self): return super().go()\na = B()", "print(a.go())", "k = 2"], "abcb", "b"),
        (["k = 1", "class A:\n  def go(self): return k\na = A()", "k = 2"], "abcb", ""),
        (["k = 1", "class A:\n  def __init__(self): self.n = k\na = A()\nprint(a.n)", "k = 2"], "abcb", "b"),
        # only attributes that are looked at, or may be
        (["class A: pass\na = A(); a.n = 1; a.m = 1", "print(a.n)", "a.m = 2"], "abcb", ""),
        (["class A: pass\na = A(); a.n = 1; a.m = 1", "print(vars(a))", "a.m = 2"], "abcb", "b"),
        (["class A:\n  def me(self): return self\na = A(); a.m = 1", "print(vars(a.me()))", "a.m = 2"], "abcb", "b"),
        (["class A:\n  def all(self): return str(vars(self))\na = A(); a.m = 1", "print(a.all())", "a.m = 2"], "abcb", "b"),
        (["class A:\n  def all(self): return str(self.__dict__)\na = A(); a.m = 1", "print(a.all())", "a.m = 2"], "abcb", "b"),
        (["class A: pass\na = A(); a.n = 1", "a.m = 1", "a.m = 3", "print(a.m, a.n)"], "acbd", "d"),
        (["class A: pass\na = A(); a.n = 1", "a.m = 1", "a.n = 2", "print(a.m, a.n)"], "acbd", ""),
        # what gives and shows the same again
        (["class A: pass\na = A()", "a.n = 1"], "abb", ""),
        (["class A: pass\na = A()", "a.n = 1", "a.m = 2"], "abcb", ""),
        (["class A: pass\na = A()", "a.n = 1", "a.n = 2"], "abcb", ""),
        (["class A: pass\na = A()", "a.n = getattr(a, 'n', 0) + 1", "a.m = 2"], "abcb", "b"),
        (["class A: pass\na = A(); a.n = 1; a.m = 1", "print(getattr(a, 'n'))", "a.m = 2"], "abcb", ""),
        (["class A: pass\na = A(); a.n = 1; a.m = 1", "print(getattr(a, 'n'))", "a.n = 2"], "abcb", "b"),
        (["x = [1]", "x[0] = 5", "print(x)"], "abbc", ""),
        (["x = [1]", "x[0] += 5", "print(x)"], "abbc", "bc"),
        (["x = 1", "print(x > 0)", "x = 2"], "abcb", ""),
        (["x = 1", "y = x > 0; display(x)", "x = 2"], "abcb", "b"),
        (["import functools\nk = 1\n@functools.lru_cache\ndef f(): return k", "print(f())", "k = 2"], "abcb", ""),
        # of what is only deleted no value is needed; what a cell did not come to is no input
        (["x = 1", "x = 2", "del x"], "abcac", ""),
        (["n = 1", "print(zz, n)", "n = 2"], "acb", ""),
        (["n = 1", "print(n, zz)", "n = 2"], "acb", "b"),
        # a cell that failed would have bound more
        (["a = 1", "a += 7", "b = a", "a = [0, 5]"], "acdb", "bc"),
        (["d = [4]", "def h(v): v.append(3)\nh(d)", "print(d)"], "ac", "bc"),
        (["d = 4", "def h():\n  global d\n  d = 5\nh()", "print(d)"], "ac", "bc"),
        # arrays and frames
        (["import numpy as np\na = np.zeros(10)", "print(a.sum())", "a[3] = 1"], "abcb", "b"),
        (["import numpy as np\na = np.zeros(5_000_000)", "b = a[10:]", "b[77_777] = 1", "print(a.sum())"], "abcd", ""),
        (["import numpy as np\na = np.zeros(5_000_000)", "b = a[10:]", "print(a.sum())", "b[77_777] = 1"], "abcdc", "c"),
        (["import pandas as pd\nd = pd.DataFrame({'a': [1, 2], 's': ['x', 'y']})", "d['b'] = d.a * 2", "d.head()"], "abc", ""),
        (["import pandas as pd\nd = pd.DataFrame({'a': [1, 2], 's': ['x', 'y']})", "d['b'] = d.a * 2", "d.head()"], "abca", ""),
        (["import pandas as pd\nd = pd.DataFrame({'a': [1, 2], 's': ['x', 'y']})", "print(d.shape)", "d['b'] = d.a * 2"], "abcb", "b"),
        (["import pandas as pd\nd = pd.DataFrame({'a': [1, 2]})", "n = 1", "d.query('a > @n')", "n = 2"], "abcdc", "c"),
        (["import pandas as pd\nd = pd.DataFrame({'t': pd.date_range('2026', periods=3)})", "d.t.max()"], "aba", ""),
        # texts by which variables are looked up
        (["x = 1", "eval('x + 1')", "x = 2"], "abcb", "b"),
        (["x = 1", "t = 'x + 1'", "eval(t)", "x = 2"], "abcdc", "c"),
        # random numbers, with and without a seed
        (["import random", "random.random()"], "abbb", ""),
        (["import random\nrandom.seed(1)", "random.random()"], "ab", ""),
        (["import random\nrandom.seed(1)", "random.random()"], "abb", "b"),
        (["import random\nrandom.seed(1)", "random.random()"], "ababab", ""),
        (["import random, numpy as np\nrandom.seed(1)", "np.random.rand()"], "abb", ""),
        (["import numpy as np\nnp.random.seed(1)", "a = np.random.rand()", "print(a)"], "abcb", "b"),
        (["import numpy as np\nnp.random.seed(1)", "a = np.random.rand()", "print(a)"], "abcbc", "bc"),
        # magics and what Python binds in other ways
        (["x = 1", "%%time\ny = x", "print(y)"], "abc", ""),
        (["x = 1", "%%time\ny = x", "x = 2"], "abcb", "b"),
        (["x = 1", "!echo {x}", "x = 2"], "abcb", "b"),
        (["x = 1", "print(x)", "del x"], "abc", ""),
        (["x = 1", "del x"], "abb", "b"),
        (["k = 1", "[k * i for i in range(3)]", "i = 5"], "abcb", ""),
        (["k = 1", "def unused(): return k", "k = 2"], "abcb", ""),
        (["d = 0", "for i in range(3): d = i", "print(d)"], "abcb", ""),
        (["import random", "random.seed(2)", "random.random()"], "ac", "bc"),
        (["import random", "random.seed(2)", "random.random()"], "acb", "c"),
        (["d = [4]", "d = 1 + []", "d.append(3)"], "acbc", "c"),
        (["import random; random.seed(0)", "random.random()"], "abb", "b"),
        (["x = 1", "if x > 4: x = 9", "print(x)"], "abc", ""),
        (["if True:\n  x = 1\nelse:\n  x = 2", "print(x)"], "aba", ""),
        # a cell that failed is marked when a fresh run would not fail
        (["print(x)", "x = 1"], "abab", "a"),
        (["x = 1", "print(x)"], "bab", ""),
        (["x = 1", "print(x)"], "ba", "b"),
    ],
)  # fmt: skip
def test_hard_cases(make, cells: list[str], order: str, marked: str) -> None:
    notebook = make(*cells).run(order)
    assert notebook.marked() == marked, notebook.told()


@pytest.mark.parametrize(
    ("cells", "order", "plan"),
    [
        (["x = 1", "y = x", "z = y"], "abc", ""),
        (["x = 1", "x += 1", "print(x)"], "abbc", "abc"),  # alone, the second would add once more
        (["x = 1", "print(x)", "x = 2"], "abcb", "ab"),  # and with it what made the value
        (["k = 1", "def f(): return k", "y = f()", "k = 3"], "abcdc", "ac"),
    ],
)
def test_the_plan_leads_to_a_notebook_without_stale_cells(
    make, cells: list[str], order: str, plan: str
) -> None:
    notebook = make(*cells).run(order)
    asked = "".join(notebook.ask()["plan"])
    assert asked == plan, notebook.told()
    assert notebook.run(asked).marked() == "", notebook.told()


def test_no_plan_has_cells_that_a_run_would_not_help(make) -> None:
    notebook = make("x = 1", "print(y)", "y = x", "print(z)").run("acb")
    notebook.run_code("z = 1")
    assert notebook.run("d").marked() == "bd"
    assert notebook.ask()["plan"] == []


def test_the_plan_takes_edited_cells_along_and_those_that_never_ran_if_they_are_needed(make) -> None:
    notebook = make("x = 1", "y = x + 1", "never = 1", "print(y)").run("abd")
    notebook.cells["a"] = "x = 2"
    assert "".join(notebook.ask()["plan"]) == "abd"
    notebook.cells["c"] = "y = 0"
    assert "".join(notebook.ask()["plan"]) == "abcd"
    assert notebook.run("abcd").marked() == ""


def test_no_method_of_a_users_object_is_called(make) -> None:
    notebook = make(
        """
called = []
class Meta(type):
    def __hash__(cls): called.append("meta hash"); return 1
    def __getattribute__(cls, name): called.append("meta " + name); return super().__getattribute__(name)
class Evil(metaclass=Meta):
    def __init__(self): object.__setattr__(self, "n", 1)
    def __getattribute__(self, name): called.append(name); return object.__getattribute__(self, name)
    def __getattr__(self, name): called.append(name); raise AttributeError(name)
    __eq__ = __hash__ = __repr__ = __reduce__ = __len__ = __iter__ = __str__ = __bool__ = (
        lambda self, *a: called.append("method") or 1)
class Dict(dict):
    items = keys = values = __iter__ = __len__ = lambda self: called.append("dict") or iter(())
class Plain:
    def __init__(self): object.__setattr__(self, "n", 1)
    def __getattribute__(self, name): called.append(name); return object.__getattribute__(self, name)
    __eq__ = __hash__ = __repr__ = __reduce__ = __len__ = __iter__ = __str__ = __bool__ = (
        lambda self, *a: called.append("method") or 1)
plain = Plain()
import sys, types
lying = types.ModuleType("lying")
lying.__getattr__ = lambda name: called.append("module")
sys.modules["lying"] = lying
class OfLying: pass
OfLying.__module__ = "lying"
lie = OfLying()
evil = [Evil(), (Evil(),), {1: Evil()}]
held = Dict(a=1)
s = {Evil()}
def f(): pass
f.__module__ = evil[0]
called.clear()
""",
        "print(called)",
    )
    notebook.run("ab")
    assert notebook.marked() == ""
    assert notebook.kernel.run("print(called)") == "[]"


def test_a_cell_has_answered_before_it_is_remembered(make, shared_kernel: Kernel, tmp_path) -> None:
    """Its "idle" comes while the journal still waits; what follows waits for the journal."""
    notebook = make("x = 1", "print(x)").run("a")
    allowed, seen = tmp_path / "allowed", tmp_path / "seen"
    shared_kernel.run(f"""
import pathlib, time
def slow(*args, _ran=get_ipython().kernel.nbkeep_cells._journal.ran, **kwargs):
    while not pathlib.Path({str(allowed)!r}).exists(): time.sleep(0.01)
    pathlib.Path({str(seen)!r}).touch()
    _ran(*args, **kwargs)
limits = type(get_ipython().kernel.nbkeep_cells).settle.__globals__
limits["_LATEST_S"] = 60""")
    shared_kernel.run("get_ipython().kernel.nbkeep_cells._journal.ran = slow")
    assert not seen.exists()
    allowed.touch()
    notebook.run("b")
    assert seen.exists()
    shared_kernel.run('limits["_LATEST_S"] = 0.5')
    assert notebook.told()["b"][0] == "fresh"


def test_a_journal_that_hangs_holds_no_cell_up(make, shared_kernel: Kernel) -> None:
    notebook = make("x = 1", "print(x)").run("a")
    shared_kernel.run("""
def hang(*args, _journal=get_ipython().kernel.nbkeep_cells._journal, **kwargs):
    del _journal.ran
    while True:
        try: len("x")
        except Exception: pass
get_ipython().kernel.nbkeep_cells._journal.ran = hang""")
    assert shared_kernel.run("print(x)") == "1"
    assert notebook.run("ab").marked() == ""


def test_marks_outlive_suspend_and_resume(image_python: str) -> None:
    cells = (
        "import numpy as np, re\nx = 1\nbig = np.ones(3_000_000)",
        "y = x + big[0]",
        "import re\nout = re.compile('abc')\nlost = (i for i in 'ab')",
        "print(out.pattern, y)",
        "def f(): return x",
        "print(f())",
    )
    store = Store()
    with Kernel(image_python) as kernel:
        notebook = Notebook(kernel, *cells).run("abcdef")
        notebook.cells["a"] = changed = cells[0].replace("x = 1", "x = 2")
        assert notebook.run("a").marked() == "bdf"
        assert kernel.save(store)["status"] == "ok"
    with Kernel(image_python) as kernel:
        assert kernel.restore(store)["status"] == "ok"
        notebook = Notebook(kernel, changed, *cells[1:])
        assert notebook.marked() == "bdf"
        assert notebook.run("bdf").marked() == "", notebook.told()
        assert notebook.run("a").marked() == ""
        notebook.cells["g"] = "z = [out, big]"
        assert notebook.run("g").marked() == ""
        notebook.cells["h"] = "big[0] = 5"
        notebook.run("h")
        assert notebook.run("b").told()["b"] == ("out-of-order", "later", "big", "h")


def test_marks_look_at_no_memory_that_is_not_back_yet(image_python: str) -> None:
    cells = ("import numpy as np\nbig = np.ones(3_000_000)", "s = big.sum()", "n = 1")
    store = Store()
    with Kernel(image_python) as kernel:
        assert Notebook(kernel, *cells).run("abc").marked() == ""
        assert kernel.save(store)["status"] == "ok"
    store.let_chunks_go.clear()
    with Kernel(image_python) as kernel:
        assert kernel.restore(store)["status"] == "ok"
        notebook = Notebook(kernel, *cells).run("c")
        assert notebook.marked() == ""
        store.let_chunks_go.set()
        assert notebook.run("bc").marked() == ""


def test_a_notebook_over_all_of_memory_costs_little(make) -> None:
    """Ten thousand variables and a large array are told apart without slowing what follows by much."""
    notebook = make(
        "import numpy as np\nbig = np.ones(20_000_000)\nfor i in range(10_000): globals()[f'v{i}'] = [i]",
        "x = 1",
        "print(x, v77)",
    ).run("abc")
    assert notebook.told()["b"][0] == "fresh"
    assert notebook.told()["c"][0] == "fresh"
