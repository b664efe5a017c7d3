"""What real notebooks leave behind, beside plain variables, is as it was: nothing comes back silently wrong."""

# pyright: basic, reportMissingImports=false

from __future__ import annotations

from pathlib import Path

import pytest
from kernels import Kernel, Store, resumed

MESS = """
import collections, dataclasses, decimal, enum, functools, io, logging, os, random, struct, sys, types, typing, warnings
import numpy as np, pandas as pd, matplotlib, sklearn
import xml.dom.minidom, email.mime.text, sklearn.linear_model
from random import randint
from numpy.random import rand
from matplotlib import rcParams
os.chdir(FOLDER)
warnings.filterwarnings("ignore"); decimal.getcontext().prec = 50; sys.setrecursionlimit(7000)
logging.basicConfig(level=logging.DEBUG, stream=sys.stdout, format="<%(message)s>")
rcParams["lines.linewidth"] = 9; sklearn.set_config(transform_output="pandas")
pd.set_option("display.float_format", "{:.1f}".format)
sys.path.append("/nowhere/last"); sys.path.insert(1, "/nowhere/second"); path = list(sys.path)
def double(frame): return frame * 2
pd.DataFrame.double = double; pd.nbkeep_helper = lambda: double

class A: version = 1
old = A()
class A: version = 2
new = A()
@dataclasses.dataclass(frozen=True, slots=True)
class Point:
    x: int
    y: list
point = Point(1, [2])
class Word(str): pass
word = Word("w"); word.tag = 3
class Failed(Exception):
    def __init__(self, code, *, why): super().__init__(f"{code}: {why}"); self.code = code
try:
    try: 1 / 0
    except ZeroDivisionError as error: raise Failed(3, why="x") from error
except Failed as error: failed = error
class Delegating:
    def __init__(self): self.inner = {"k": 8}
    def __getattr__(self, name): return self.inner[name]
delegating = Delegating()
class Node:
    def __init__(self, key): self.key = key; self.near = set()
    def __hash__(self): return hash(self.key)
    def __eq__(self, other): return self.key == other.key
one, two = Node(1), Node(2); one.near.add(two); two.near.add(one)
class Options(typing.TypedDict): size: int
UserId = typing.NewType("UserId", int)
space = {}; exec("x = 5\\ndef f(): return x", space); f = space["f"]
numbers = [1]; push = numbers.append
layout = struct.Struct("<i")

class Tagged(np.ndarray):
    def __new__(cls, values, tag=None):
        made = np.asarray(values).view(cls); made.tag = tag
        return made
    def __array_finalize__(self, other): self.tag = getattr(other, "tag", None)
tagged = Tagged([1, 2], "t")
records = np.array([(1, 2.5)], dtype=[("i", "i4"), ("f", "f8")]); as_records = records.view(np.recarray)
column = records["f"]

text = io.StringIO("a\\nb\\n"); text.readline(); raw = io.BytesIO(b"abc"); raw.read(1)
with open("crlf.csv", "wb") as made: made.write(b"a,b\\r\\n1,2\\r\\n3,4\\r\\n")
exact = open("crlf.csv", newline=""); exact.readline()
plain = open("crlf.csv"); plain.readline()
"""

CHECKS = [
    "(np.random.seed(3), rand())[1] == (np.random.seed(3), np.random.rand())[1]",
    "(random.seed(3), randint(0, 10**9))[1] == (random.seed(3), random.randint(0, 10**9))[1]",
    "any(one[0] == 'ignore' and one[2] is Warning for one in warnings.filters)",
    "decimal.getcontext().prec == 50 and sys.getrecursionlimit() == 7000",
    "sys.path == path",
    "rcParams is matplotlib.rcParams and rcParams['lines.linewidth'] == 9",
    "sklearn.get_config()['transform_output'] == 'pandas' and pd.get_option('display.float_format')(1.26) == '1.3'",
    "xml.dom.minidom and email.mime.text and sklearn.linear_model.Ridge",
    "pd.DataFrame({'a': [2]}).double().a[0] == 4 and pd.DataFrame.double is double and pd.nbkeep_helper() is double",
    "old.version == 1 and new.version == 2 and type(new) is A and type(old) is not A",
    "point == Point(1, [2]) and not hasattr(point, '__dict__')",
    "word == 'w' and word.tag == 3",
    "failed.code == 3 and str(failed) == '3: x' and type(failed.__cause__) is ZeroDivisionError",
    "delegating.k == 8",
    "two in one.near and one in two.near",
    "Options(size=1) == {'size': 1} and UserId(3) == 3",
    "(space.update(x=6), f())[1] == 6",
    "(push(2), numbers == [1, 2])[1] and layout.size == 4",
    "type(tagged) is Tagged and tagged.tag == 't'",
    "(column.__setitem__(0, 9.0), records['f'][0] == 9 and as_records.f[0] == 9)[1]",
    "text.read() == 'b\\n' and raw.read() == b'bc'",
    "exact.readline() == '1,2\\r\\n' and plain.readline() == '1,2\\n'",
]


@pytest.fixture(scope="module")
def mess(image_python: str, tmp_path_factory: pytest.TempPathFactory):
    folder = str(tmp_path_factory.mktemp("mess"))
    with resumed(f"FOLDER = {folder!r}" + MESS, image_python, cwd=folder) as kernel:
        yield kernel


@pytest.mark.parametrize("what", CHECKS)
def test_nothing_is_silently_another(mess: Kernel, what: str) -> None:
    assert mess.saved["lost"] == []
    assert mess.restored["lost"] == []
    assert mess.run(f"print(bool({what}))") == "True"


def test_logging_goes_on_below_the_cells(mess: Kernel) -> None:
    assert mess.run("logging.getLogger('mine').debug('told')") == "<told>"


def test_a_compressed_file_is_reported_and_not_read_as_plain(tmp_path: Path) -> None:
    code = (
        f"import gzip\nname = {str(tmp_path / 'a.gz')!r}\n"
        "with gzip.open(name, 'wt') as made: made.write('one\\ntwo\\n')\n"
        "packed = gzip.open(name, 'rt'); packed.readline()"
    )
    with resumed(code) as kernel:
        assert [one["name"] for one in kernel.saved["lost"]] == ["packed"]
        assert "decompressed" in kernel.saved["lost"][0]["reason"]


def test_earlier_inputs_have_their_names() -> None:
    """`_i`, `_i2` and `_dh` are there, and the next cell moves them on."""
    store = Store()
    with Kernel() as kernel:
        for code in ("a = 1", "a + 41", "%cd /tmp"):
            _cell(kernel, code)
        kernel.save(store)
    with Kernel() as kernel:
        kernel.restore(store)
        assert (
            kernel.run("print(_i, '|', _ii, '|', _i2, '|', _dh[-1])") == "%cd /tmp | a + 41 | a + 41 | /tmp"
        )
        _cell(kernel, "b = 2")
        assert kernel.run("print(_i)") == "b = 2"


def _cell(kernel: Kernel, code: str) -> None:
    kernel.ask("execute_request", code=code, silent=False, store_history=True, user_expressions={})
