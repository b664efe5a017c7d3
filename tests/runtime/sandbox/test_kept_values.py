"""What a user finds again after a kernel's end: the same values, sharing what they shared."""

# pyright: basic, reportMissingImports=false

from __future__ import annotations

import pytest
from kernels import Kernel, Store, resumed

PLAIN = """
import collections, dataclasses, decimal, enum, functools, random, abc, typing, weakref
x = 1; words = ["a"]; alias = words; d = {"w": words}; d["me"] = d
def add(n):
    global x
    x += n
    return twice(n)
def twice(n): return n * 2
def counter():
    c = 0
    def inc():
        nonlocal c
        c += 1
        return c
    def get(): return c
    return inc, get
inc, get = counter(); inc()
class Colour(enum.Enum):
    RED = (1, "r"); BLUE = (2, "b")
    def __init__(self, number, letter): self.number = number; self.letter = letter
    def hello(self): return self.letter * 2
@dataclasses.dataclass(frozen=True)
class Point:
    x: int
    tags: list = dataclasses.field(default_factory=list)
class Base(abc.ABC):
    registry = []
    def __init_subclass__(cls, **more): Base.registry.append(cls.__name__)
    @abc.abstractmethod
    def go(self): ...
class Child(Base):
    def go(self): return super().__init__() or x
class Named(typing.NamedTuple):
    a: int
    b: str = "z"
class Slots:
    __slots__ = ("a", "__b")
    def __init__(self): self.a = 1; self.__b = 2
    def b(self): return self.__b
class Meta(type):
    made = []
    def __new__(m, n, b, ns):
        Meta.made.append(n)
        return super().__new__(m, n, b, ns)
class WithMeta(metaclass=Meta): pass
T = typing.TypeVar("T")
class Box(typing.Generic[T]):
    def __init__(self, v): self.v = v
@functools.lru_cache(maxsize=10)
def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
class Recipe:
    def __init__(self, v): self.v = v
    def __reduce__(self): return (make_recipe, (self.v,))
def make_recipe(v): return Recipe(v + helper)
helper = 10
red = Colour.RED; point = Point(1, words); child = Child(); named = Named(1); slots = Slots(); box = Box[int](3)
recipe = Recipe(1); ref = weakref.ref(child); shell = get_ipython(); everything = globals()
random.seed(3); random.random(); state = random.getstate()
40 + 2
"""


@pytest.fixture(scope="module")
def plain():
    with resumed(PLAIN) as kernel:
        assert kernel.saved["lost"] == []
        assert kernel.restored["lost"] == [] or kernel.restored["lost"][0]["type"] == "settings"
        yield kernel


@pytest.mark.parametrize(
    "what",
    [
        "alias is words and d['w'] is words and d['me'] is d",
        "inc() == 2 and get() == 2",
        "red is Colour.RED and red.letter == 'r' and red.hello() == 'rr' and Colour((2, 'b')) is Colour.BLUE",
        "point == Point(1, words) and point.tags is words",
        "Base.registry == ['Child'] and isinstance(child, Base)",
        "named == (1, 'z') and named._asdict() == {'a': 1, 'b': 'z'}",
        "slots.a == 1 and slots.b() == 2 and not hasattr(slots, '__dict__')",
        "Meta.made == ['WithMeta'] and type(WithMeta) is Meta",
        "box.v == 3 and Box[int] and type(box) is Box",
        "fib(30) == 832040",
        "recipe.v == 11 and type(recipe) is Recipe",
        "ref() is child and shell is get_ipython() and everything is globals()",
        "random.getstate() == state",
        "Out[1] == 42 and 'fib' in In[1]",
    ],
)
def test_it_is_as_it_was(plain: Kernel, what: str) -> None:
    assert plain.run(f"print(bool({what}))") == "True"


def test_functions_use_the_variables_of_now(plain: Kernel) -> None:
    """A restored function and its caller mean the same global, not a copy."""
    assert plain.run("x = 100; print(add(5), x)") == "10 105"
    assert plain.run("print(child.go())") == "105"
    assert plain.run("twice = lambda n: 'replaced'; print(add(1))") == "replaced"


def test_counts_go_on() -> None:
    """The next cell has the next number, and `_` is the last result."""
    with resumed("6 * 7") as kernel:
        reply = kernel.ask("execute_request", code="_", silent=False, store_history=True, user_expressions={})
        assert reply["execution_count"] == 2
        assert kernel.run("Out[1], Out[2]") == "(42, 42)"


ARRAYS = """
import numpy as np, pandas as pd, sklearn.ensemble, matplotlib.pyplot as plt, pyarrow as pa, polars as pl
a = np.arange(1_000_000, dtype=float); view = a[10:20]; strided = a[::2]; back = a[::-1]
turned = a.reshape(1000, 1000).T
small = np.arange(10); part = small[2:5]
fixed = np.arange(10); fixed.flags.writeable = False
objects = np.array([a, "x", None], dtype=object); tail = objects[1:]
df = pd.DataFrame({"x": np.random.rand(100_000), "y": np.arange(100_000), "s": ["t"] * 100_000})
column = df["x"]; shallow = df[:]; first = float(df.x[0])
kinds = pd.Series(["a", "b", "a"], dtype="category"); days = pd.date_range("2024", periods=5)
model = sklearn.ensemble.RandomForestClassifier(n_estimators=3).fit(df[["x", "y"]][:500], df.y[:500] % 2)
told = model.predict(df[["x", "y"]][:50])
fig, ax = plt.subplots(); ax.plot([1, 2, 3])
table = pa.table({"n": np.arange(100_000)}); polar = pl.DataFrame({"n": [1, 2]})
rng = np.random.default_rng(5); rng.random(); twin = np.random.default_rng(5); twin.random(); later = float(twin.random())
np.random.seed(4); legacy = int(np.random.get_state()[1].sum())
plt.rcParams["lines.linewidth"] = 7; pd.set_option("display.max_rows", 7)
"""


@pytest.fixture(scope="module")
def arrays(image_python: str):
    with resumed(ARRAYS, image_python) as kernel:
        assert kernel.saved["lost"] == []
        yield kernel


@pytest.mark.parametrize(
    "code",
    [
        "view[0] = -1; strided[1] = -2; print(a[10] == -1 and a[2] == -2)",
        "back[0] = 7; print(a[-1] == 7 and turned[-1, -1] == 7 and turned.flags.f_contiguous)",
        "part[0] = 77; print(small[2] == 77)",
        "print(not fixed.flags.writeable and objects[0] is a and tail.base is objects)",
        "print(df.shape == (100000, 3) and df.s[5] == 't' and kinds.dtype == 'category' and days[4].day == 5)",
        "print((model.predict(df[['x', 'y']][:50]) == told).all())",
        "print(len(fig.axes[0].lines) == 1 and ax.figure is fig)",
        "print(table['n'][99_999].as_py() == 99_999 and polar['n'].sum() == 3)",
        "print(float(rng.random()) == later and int(np.random.get_state()[1].sum()) == legacy)",
        "print(plt.rcParams['lines.linewidth'] == 7 and pd.get_option('display.max_rows') == 7)",
    ],
)
def test_arrays_and_frames(arrays: Kernel, code: str) -> None:
    assert arrays.run(code) == "True"


def test_frames_that_shared_memory_do_not_write_into_each_other(arrays: Kernel) -> None:
    """pandas shares until somebody writes; a restored frame cannot know whom it shared with."""
    assert arrays.run("df.loc[0, 'x'] = 99; print(column[0] == first and shallow.x[0] == first)") == "True"
    assert arrays.run("column.iloc[1] = 98; print(df.x[1] != 98 and shallow.x[1] != 98)") == "True"


LIBRARIES = """
import matplotlib; matplotlib.use("agg")
import matplotlib.pyplot as plt, numpy as np, polars as pl, pyarrow as pa, pyarrow.compute as pc
import sklearn.linear_model, sklearn.pipeline, sklearn.preprocessing
fig, (left, right) = plt.subplots(1, 2); (line,) = left.plot([1, 2, 3]); image = right.imshow(np.eye(4))
bar = fig.colorbar(image)
table = pa.table({"n": np.arange(100_000), "s": [str(n) for n in range(100_000)]}); rows = table.slice(10, 20)
above = pc.field("n") > 9; coded = table["s"].dictionary_encode()
frame = pl.DataFrame({"n": range(100_000)}); lazy = frame.lazy().filter(pl.col("n") > 9); series = frame["n"]
given = np.random.default_rng(0).random((200, 3))
pipe = sklearn.pipeline.make_pipeline(
    sklearn.preprocessing.FunctionTransformer(lambda rows: rows + 1), sklearn.linear_model.LogisticRegression()
).fit(given, given[:, 0] > 0.5)
told = pipe.predict(given)
"""


def test_figures_pipelines_and_queries_that_wait(image_python: str) -> None:
    """Also under a backend that the user chose: pyplot knows its open figures, and no cell's end closes them."""
    with resumed(LIBRARIES, image_python) as kernel:
        assert kernel.saved["lost"] == []
        assert (
            kernel.run("print(plt.get_backend(), plt.get_fignums(), line is left.lines[0])") == "agg [1] True"
        )
        assert kernel.run("print(plt.gcf() is fig and image.colorbar is bar)") == "True"
        assert (
            kernel.run("print(rows['n'][0].as_py(), table.filter(above).num_rows, len(coded))")
            == "10 99990 100000"
        )
        assert kernel.run("print(lazy.collect().height, series.equals(frame['n']))") == "99990 True"
        assert kernel.run("print((pipe.predict(given) == told).all())") == "True"


DATABASES = """
import sqlite3, duckdb
memory = sqlite3.connect(":memory:"); memory.execute("create table t(a)"); memory.execute("insert into t values (5)")
memory.commit(); memory.row_factory = sqlite3.Row
onfile = sqlite3.connect(FOLDER + "/a.db"); onfile.execute("create table t(a)")
onfile.execute("insert into t values (6)"); onfile.commit(); onfile.execute("insert into t values (7)")
duck = duckdb.connect(); duck.execute("create table t as select range as i from range(1000)")
duck.execute("create view v as select i * 2 as j from t")
duckfile = duckdb.connect(FOLDER + "/b.duckdb"); duckfile.execute("create table t as select 1 as i")
duckdb.sql("create table implicit as select 3 as k")
"""


def test_databases(image_python: str, tmp_path) -> None:
    with resumed(f"FOLDER = {str(tmp_path)!r}\n" + DATABASES, image_python) as kernel:
        lost = [(one["name"], one["kept"]) for one in kernel.saved["lost"]]
        assert lost in ([("onfile", True)], [("onfile", True), ("Out[1]", False)])
        assert "not committed" in kernel.saved["lost"][0]["reason"]
        assert kernel.run("print(memory.execute('select a from t').fetchone()['a'])") == "5"
        assert kernel.run("print(onfile.execute('select a from t').fetchall())") == "[(6,)]"
        assert kernel.run("print(duck.sql('select sum(j) from v').fetchall())") == "[(999000,)]"
        assert kernel.run("print(duckfile.sql('select i from t').fetchall())") == "[(1,)]"
        assert kernel.run("print(duckdb.sql('select k from implicit').fetchall())") == "[(3,)]"


def test_folder_path_and_files(tmp_path) -> None:
    (tmp_path / "a.txt").write_text("one\ntwo\n")
    code = """
        import os, sys
        os.chdir(FOLDER); sys.path.append(FOLDER)
        reading = open("a.txt"); reading.readline()
        with open("a.txt") as done: pass
        writing = open("b.txt", "w"); writing.write("kept on disk")
    """
    code = f"FOLDER = {str(tmp_path)!r}\n" + "\n".join(line.strip() for line in code.splitlines())
    with resumed(code) as kernel:
        assert kernel.run("print(os.getcwd() == FOLDER and FOLDER in sys.path)") == "True"
        assert kernel.run("print(reading.readline(), done.closed, done.name)") == "two\n True a.txt"
        assert [one["name"] for one in kernel.saved["lost"]] == ["writing"]
        assert (tmp_path / "b.txt").read_text() == "kept on disk"


def test_many_small_and_deeply_nested_objects() -> None:
    code = """
class Node:
    def __init__(self, n, next): self.n = n; self.next = next
many = [{"n": i, "s": str(i)} for i in range(100_000)]
deep = []
for _ in range(5000): deep = [deep]
chain = None
for n in range(5000): chain = Node(n, chain)
"""
    with resumed(code) as kernel:
        lost = {one["name"] for one in kernel.saved["lost"]}
        assert "many" not in lost
        assert kernel.run("print(len(many), many[-1])") == "100000 {'n': 99999, 's': '99999'}"
        if "deep" not in lost:
            assert kernel.run("n = 0\nwhile deep: deep = deep[0]; n += 1\nprint(n)") == "5000"
        if "chain" not in lost:
            assert kernel.run("n = 0\nwhile chain: chain = chain.next; n += 1\nprint(n)") == "5000"


def test_a_second_save_sends_what_changed(image_python: str) -> None:
    store = Store()
    with Kernel(image_python) as kernel:
        kernel.run("import numpy as np; big = np.random.default_rng(1).random(8_000_000)")
        kernel.save(store)
        assert store.new_bytes >= 64_000_000
        kernel.run("big[5] = 0")
        assert kernel.save(store)["status"] == "ok"
        assert store.new_bytes <= 4 << 20
    with Kernel(image_python) as kernel:
        kernel.restore(store)
        kernel.run("big[6] = 0")
        assert kernel.save(store)["status"] == "ok"
        assert store.new_bytes <= 4 << 20, "a restored kernel names its chunks as the one before"
        assert kernel.run("print(big[5], big[6], round(float(big[7]), 3))").startswith("0.0 0.0 ")


# Rows of this frame's memory are no multiple of a chunk.
FRAME = """
import numpy as np, pandas as pd
rng = np.random.default_rng(1)
df = pd.DataFrame({f"c{i}": rng.random(500_000) for i in range(10)}); renamed = df; column = df["c3"]
left = df.loc[:, "c0":"c4"]
"""


@pytest.mark.parametrize(
    ("change", "question"),
    [
        ("df.loc[0, 'c1'] = 2.0", "df.c1[0] == 2 and left.c1[0] != 2"),
        ("df.iloc[:, 0] = 5.0", "(df.c0 == 5).all() and not (left.c0 == 5).any()"),
        ("del left, column; df['c9'] = 3.0; df.loc[7, 'c4'] = 1.0", "(df.c9 == 3).all() and df.c4[7] == 1"),
        ("del df['c0'], left, renamed; df['new'] = 1.0; df.loc[0, 'c5'] = 4.0", "df.c5[0] == 4"),
    ],
)
def test_one_column_written_does_not_send_the_others_again(
    image_python: str, change: str, question: str
) -> None:
    """pandas takes a written column out of memory that others look at; the rest keeps its chunks."""
    store = Store()
    with Kernel(image_python) as kernel:
        kernel.run(FRAME)
        kernel.save(store)
        assert store.new_bytes >= 40_000_000
        kernel.run(change)
        kernel.run("total = float(df.to_numpy().sum())")
        assert kernel.save(store)["status"] == "ok"
        assert store.new_bytes <= 12 << 20, "a written column or two, and a new one"
    with Kernel(image_python) as kernel:
        assert kernel.restore(store)["status"] == "ok"
        assert kernel.run(f"print({question}, float(df.to_numpy().sum()) == total)") == "True True"


def test_clients_that_connect_draw_no_random_numbers() -> None:
    with Kernel() as kernel:
        kernel.run("import random; random.seed(1); state = random.getstate()")
        for _ in range(3):
            kernel.ask("kernel_info_request")
        assert kernel.run("print(random.getstate() == state)") == "True"


def test_saved_and_restored_twice() -> None:
    store = Store()
    with Kernel() as kernel:
        kernel.run("def f(): return g() + 1\ndef g(): return 1\nkept = [f]")
        kernel.save(store)
    for _ in range(2):
        with Kernel() as kernel:
            assert kernel.restore(store)["status"] == "ok"
            assert kernel.run("g_was = g\nprint(kept[0]() , kept[0] is f)") == "2 True"
            assert kernel.save(store)["status"] == "ok"
