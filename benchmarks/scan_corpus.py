"""A labelled set of notebooks: secrets of many kinds in many kinds of place, tables of personal data, and clean ones.

    python benchmarks/scan_corpus.py FOLDER [--seed N] [--each N]

The same for the same seed. Every value is made when this runs (nbkeep.scanning.examples); nothing in it is anybody's.
`planted/KIND--PLACE--N.ipynb` holds one secret each, `without/` the same without it, `clean/` none, `people/` tables with labels in `people.json`.
"""

from __future__ import annotations

import argparse
import base64
import html
import itertools
import json
import random
import struct
import uuid
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbkeep.scanning.examples import fill

if TYPE_CHECKING:
    from collections.abc import Callable

    Cell = dict[str, Any]

# What a secret is assigned to, and its form. Of the last few only the name tells.
KINDS = {
    "aws-access-key-id": ("aws_access_key_id", "AKIA{base32:16}"),
    "aws-secret-key": ("aws_secret_access_key", "{b64:40}"),
    "github": ("gh_token", "ghp_{crc62:30}"),
    "gitlab": ("gitlab_pat", "glpat-{alnum:20}"),
    "slack": ("slack", "xoxb-{digits:12}-{digits:13}-{alnum:24}"),
    "slack-webhook": ("hook", "https://hooks.slack.com/services/T{upper:8}/B{upper:10}/{alnum:24}"),
    "stripe": ("stripe", "sk_live_{alnum:24}"),
    "google-api": ("maps", "AIza{word:35}"),
    "openai": ("client", "sk-proj-{alnum:74}T3BlbkFJ{alnum:74}"),
    "anthropic": ("client", "sk-ant-api03-{word:93}AA"),
    "huggingface": ("hub", "hf_{alpha:34}"),
    "databricks": ("workspace", "dapi{hex:32}"),
    "npm": ("registry", "npm_{crc62:30}"),
    "pypi": ("upload", "pypi-AgEIcHlwaS5vcmc{word:160}"),
    "sendgrid": ("mailer", "SG.{word:22}.{word:43}"),
    "telegram": ("bot", "{digits1:10}:AA{word:33}"),
    "azure-storage": ("storage_account_key", "{b64:86}=="),
    "jwt": ("session", "{jwt}"),
    "private-key": ("pem", "{pem:escaped}"),
    "database-url": ("engine", "postgresql://app:{password}@db.acme.io:5432/sales"),
    "basic-auth-url": ("remote", "https://jane:{password}@git.acme.io/team/repo.git"),
    "jupyter-url": ("server", "http://10.0.4.7:8888/lab?token={hex:48}"),
    "password": ("db_password", "{password}"),
    "api-key": ("api_key", "{hex:32}"),
    "client-secret": ("client_secret", "{alnum:36}"),
}
_WORDS = [
    "frame",
    "model",
    "epoch",
    "sample",
    "layer",
    "value",
    "mean",
    "train",
    "column",
    "series",
    "batch",
    "weight",
    "score",
    "plot",
    "index",
    "data",
    "loss",
]


def code(source: str, outputs: list[dict[str, Any]] | None = None) -> Cell:
    """Return a code cell."""
    return {
        "cell_type": "code",
        "id": "c",
        "metadata": {},
        "execution_count": 1,
        "source": source.splitlines(keepends=True),
        "outputs": outputs or [],
    }


def markdown(source: str, **more: Any) -> Cell:
    """Return a markdown cell."""
    return {
        "cell_type": "markdown",
        "id": "m",
        "metadata": {},
        "source": source.splitlines(keepends=True),
        **more,
    }


def _stream(*pieces: str) -> dict[str, Any]:
    return {"output_type": "stream", "name": "stdout", "text": list(pieces)}


def _shown(data: dict[str, Any]) -> dict[str, Any]:
    return {"output_type": "display_data", "metadata": {}, "data": data}


def _png(name: str, value: str) -> str:
    # An image of one pixel with a comment.

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)),
        (b"tEXt", f"Comment\0{name} = '{value}'".encode()),
        (b"IDAT", zlib.compress(b"\0\1\2\3")),
        (b"IEND", b""),
    )
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)).decode()


def _traceback(name: str, value: str) -> dict[str, Any]:
    shown = f"\x1b[0;32m----> 1\x1b[0m connect(\x1b[38;5;241m{name}\x1b[39m\x1b[38;5;241m=\x1b[39m\x1b[38;5;124m'{value}'\x1b[39m)"
    return {
        "output_type": "error",
        "ename": "E",
        "evalue": "refused",
        "traceback": ["\x1b[0;31m----\x1b[0m", shown],
    }


def _escaped(value: str) -> str:
    return "".join(f"\\u{ord(c):04x}" for c in value)


def _table(name: str, value: str) -> str:
    return (
        f'<table border="1" class="dataframe"><thead><tr><th></th><th>host</th><th>{name}</th></tr></thead><tbody>'
        f"<tr><th>0</th><td>db1</td><td>{html.escape(value)}</td></tr></tbody></table>"
    )


PLACES: dict[str, Callable[[str, str], Cell]] = {
    "single quotes": lambda n, v: code(f"import os\n{n} = '{v}'\nprint(1)"),
    "double quotes": lambda n, v: code(f'import os\n{n} = "{v}"\nprint(1)'),
    "keyword argument": lambda n, v: code(f'client = connect(host="db1", {n}="{v}", retries=3)'),
    "dictionary": lambda n, v: code(f"options = {{'host': 'db1', '{n}': '{v}'}}"),
    "environment": lambda n, v: code(f'os.environ["{n.upper()}"] = "{v}"'),
    "shell line": lambda n, v: code(f"!export {n.upper()}={v}"),
    "comment": lambda n, v: code(f'x = 1\n# {n} = "{v}"'),
    "markdown": lambda n, v: markdown(f"## Access\n\n`{n}: {v}`\n\nThen go on."),
    "stream": lambda n, v: code("show()", [_stream("connecting\n", f"{n}={v}\n", "done\n")]),
    "split stream": lambda n, v: code("show()", [_stream(f"{n}={v[: len(v) // 2]}", f"{v[len(v) // 2 :]}\n")]),
    "repr": lambda n, v: code("c", [{**_shown({"text/plain": [f"Config(host='db1', {n}='{v}')"]}), "execution_count": 1, "output_type": "execute_result"}]),
    "traceback": lambda n, v: code("go()", [_traceback(n, v)]),
    "html table": lambda n, v: code("df", [_shown({"text/html": [_table(n, v)]})]),
    "json output": lambda n, v: code("j", [_shown({"application/json": {"host": "db1", n: v}})]),
    "cell metadata": lambda n, v: {**code("x = 1"), "metadata": {"papermill": {"parameters": {n: v}}}},
    "unicode escapes": lambda n, v: code(f'{n} = "{_escaped(v)}"'),
    "base64": lambda n, v: code(f'blob = "{base64.b64encode(f"{n} = {v!r}".encode()).decode()}"'),
    "concatenation": lambda n, v: code(f'{n} = "{v[: len(v) // 2]}" + "{v[len(v) // 2 :]}"'),
    "attachment": lambda n, v: markdown("![a](attachment:a.txt)", attachments={"a.txt": {"text/plain": base64.b64encode(f"{n} = {v!r}".encode()).decode()}}),
    "image comment": lambda n, v: code("plot()", [_shown({"image/png": _png(n, v)})]),
    "svg": lambda n, v: code("plot()", [_shown({"image/svg+xml": [f"<svg><desc>{n} = &quot;{html.escape(v)}&quot;</desc></svg>"]})]),
    "raw cell": lambda n, v: {"cell_type": "raw", "id": "r", "metadata": {}, "source": [f"{n}: {v}\n"]},
}  # fmt: skip


def notebook(cells: list[Cell], **metadata: Any) -> bytes:
    """Return a notebook as Jupyter writes it."""
    return (
        json.dumps(
            {
                "cells": cells,
                "metadata": {
                    "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
                    **metadata,
                },
                "nbformat": 4,
                "nbformat_minor": 5,
            },
            indent=1,
            ensure_ascii=False,
        )
        + "\n"
    ).encode()


def _widget(name: str, value: str, rng: random.Random) -> tuple[bytes, bytes]:
    """Return a notebook with a secret in the state of a widget, and the same without."""
    model = {"model_name": "TextModel", "state": {"description": name, "value": f"{name}={value}"}}
    state = {"state": {rng.randbytes(16).hex(): model}}
    cells = _noise(rng)
    return notebook(cells, widgets={"application/vnd.jupyter.widget-state+json": state}), notebook(cells)


def _noise(rng: random.Random) -> list[Cell]:
    # What honest notebooks are full of: hashes, ids, images, minified script, numbers, sample keys, names of
    # models.
    words = [rng.choice(_WORDS) for _ in range(6)]
    figures = "\n".join(" ".join(f"{rng.gauss(0, 100):.12f}" for _ in range(5)) for _ in range(20))
    long_numbers = "\n".join(
        f"{i}  {rng.randrange(10**15, 10**16)}  {rng.randrange(10**17, 10**18)}" for i in range(25)
    )
    digest, commit = rng.randbytes(32).hex(), rng.randbytes(20).hex()
    script = "".join(
        f"function {a}{i}(t,e){{return t.{b}&&e[{i}]||{{key:'{a}',token:e.{b}}}}}"
        for i, (a, b) in enumerate(itertools.pairwise(words))
    )
    lines = [
        f"import pandas as pd\n{words[0]} = pd.read_csv('data/{words[1]}_2024.csv')  # sha256 {digest}\n",
        "tokenizer = AutoTokenizer.from_pretrained('bert-base-uncased')\nmax_tokens = 2048; pad_token = '<pad>'\n",
        f"api_key = os.environ['{words[2].upper()}_API_KEY']\npassword = getpass.getpass('Password: ')\n",
        f"key = '{uuid.UUID(bytes=rng.randbytes(16))}'\nrun_id = '{rng.randbytes(8).hex()}'\n",
        f"!pip install git+https://github.com/acme/{words[3]}.git@{commit}\n",
        "aws_access_key_id = '" + "AKIA" + "IOSFODNN7" + "EXAMPLE'\nsecret_key = '<your-secret-key>'\n",
        f"sorted(pairs, key=lambda pair: pair[1])\ncache_key = '{digest[:32]}'\nmodel.fit({words[4]}, {words[5]})\n",
        "engine = create_engine('postgresql://user:password@localhost/db')\nparams = {'token': token, 'page': 2}\n",
    ]
    image = base64.b64encode(b"\x89PNG\r\n\x1a\n" + rng.randbytes(6000)).decode()
    return [
        markdown(
            f"# {words[0].title()} and {words[1]}\n\nSet `password` and `api_key` first, see jane@example.com.\n"
        ),
        code("".join(rng.sample(lines, 5))),
        code(
            "frame",
            [
                _stream(figures + "\n"),
                _shown({"image/png": image, "text/plain": ["<Figure size 640x480 with 1 Axes>"]}),
            ],
        ),
        code(
            "ids",
            [
                _shown(
                    {
                        "text/plain": [long_numbers],
                        "text/html": [f"<script>{script}</script><div id='{digest[:36]}'></div>"],
                    }
                )
            ],
        ),
        code(
            "".join(rng.sample(lines, 4)),
            [_stream(f"Downloading {digest}-model.bin: 100% 440M/440M\nversion 5.15.0.1\n")],
        ),
    ]


_FIRST = [
    "Amara",
    "Jonas",
    "Priya",
    "Lucia",
    "Tomasz",
    "Ingrid",
    "Mateo",
    "Yuki",
    "Fatima",
    "Pierre",
    "Nadia",
    "Liam",
    "Chloe",
    "Ahmed",
    "Elena",
    "Viktor",
    "Grace",
    "Hugo",
]
_LAST = [
    "Okafor",
    "Weber",
    "Nair",
    "Rossi",
    "Kowalski",
    "Larsen",
    "Fernandez",
    "Sato",
    "Hassan",
    "Dupont",
    "Petrov",
    "Byrne",
    "Martin",
    "Khalil",
    "Costa",
    "Novak",
    "Kim",
]
_STREETS = [
    "Elm Street",
    "Park Road",
    "Mill Lane",
    "Lindenweg",
    "Hauptstrasse",
    "Rue de la Paix",
    "Calle Mayor",
    "Via Roma",
    "Station Road",
]
_OF_PEOPLE: dict[str, tuple[tuple[str, ...], str | Callable[[random.Random], str]]] = {
    "email": (("email", "contact", "E-Mail"), "{email}"),
    "phone": (("phone", "mobile", "Tel"), lambda r: r.choice((f"+49 30 {r.randrange(200000, 999999)}90", f"+1 212 555 {r.randrange(1000, 9999)}", f"+44 20 7946 {r.randrange(1000, 9999)}"))),
    "iban": (("iban", "account", "x1"), "{number:iban}"),
    "payment-card": (("card", "payment", "x2"), "{number:card}"),
    "es-dni": (("dni", "documento"), "{number:es-dni}"),
    "fr-nir": (("nir", "num_secu"), "{number:fr-nir}"),
    "de-tax-id": (("steuer_id", "tax_id"), "{number:de-tax}"),
    "it-fiscal-code": (("codice_fiscale", "code"), "{number:it-fiscal}"),
    "nl-bsn": (("bsn", "BSN"), "{number:nl-bsn}"),
    "be-national-number": (("niss", "id"), "{number:be-number}"),
    "pl-pesel": (("pesel", "PESEL"), "{number:pl-pesel}"),
    "pt-nif": (("nif", "contribuinte"), "{number:pt-nif}"),
    "se-personnummer": (("personnummer", "id"), "{number:se-personnummer}"),
    "fi-hetu": (("hetu", "id"), "{number:fi-hetu}"),
    "uk-nhs-number": (("nhs_number", "NHS"), "{number:uk-nhs}"),
    "br-cpf": (("cpf", "doc"), "{number:br-cpf}"),
    "us-ssn": (("ssn", "id"), "{number:us-ssn}"),
    "in-aadhaar": (("aadhaar", "uid"), "{number:in-aadhaar}"),
    "person-name": (("name", "customer_name", "full name", "Vorname"), lambda r: f"{r.choice(_FIRST)} {r.choice(_LAST)}"),
    "postal-address": (("address", "street", "Adresse"), lambda r: f"{r.randrange(1, 200)} {r.choice(_STREETS)}"),
}  # fmt: skip
# Columns that look like people's and are not: no cell of them may be found.
_OF_NOBODY: dict[str, Callable[[random.Random], str]] = {
    "name": lambda r: r.choice(["setosa", "versicolor", "virginica", "gentoo", "adelie", "chinstrap"]),
    "product_name": lambda r: r.choice(["Desk", "Lamp", "Chair", "Sofa", "Shelf"]) + f" {r.randrange(100)}",
    "city": lambda r: r.choice(["Paris", "Berlin", "Madrid", "Roma"]),
    "tweet_id": lambda r: str(r.randrange(10**18, 2 * 10**18)),
    "order_no": lambda r: str(r.randrange(4 * 10**15, 6 * 10**15)),
    "amount": lambda r: f"{r.uniform(0, 1e6):.2f}",
    "timestamp": lambda r: str(r.randrange(16 * 10**11, 18 * 10**11)),
    "zip": lambda r: f"{r.randrange(10000, 99999)}",
    "ip_address": lambda r: f"10.{r.randrange(256)}.{r.randrange(256)}.{r.randrange(1, 255)}",
    "sha1": lambda r: r.randbytes(20).hex(),
    "address": lambda r: f"0x{r.randbytes(20).hex()}",
    "phone_model": lambda r: r.choice(("Galaxy S23", "Pixel 8", "iPhone 15")),
    "account": lambda r: str(r.randrange(10**8, 10**9)),
}


def _frame(columns: dict[str, list[str]]) -> Cell:
    # A data frame as pandas shows it.
    head = "".join(f"<th>{html.escape(name)}</th>" for name in columns)
    rows = "".join(
        f"<tr><th>{n}</th>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>"
        for n, row in enumerate(zip(*columns.values(), strict=True))
    )
    table = f'<table border="1" class="dataframe"><thead><tr style="text-align: right;"><th></th>{head}</tr></thead><tbody>{rows}</tbody></table>'
    return code("df.head(12)", [_shown({"text/html": [table]})])


def table_of(
    kind: str, variant: int, rng: random.Random, rows: int = 12
) -> tuple[dict[str, list[str]], list[str]]:
    """Return a table with one column of a kind of personal data, and that column's values."""
    names, form = _OF_PEOPLE[kind]
    values = [fill(form, rng) if isinstance(form, str) else form(rng) for _ in range(rows)]
    columns = {"n": [str(rng.randrange(99)) for _ in range(rows)], names[variant % len(names)]: values}
    for name in rng.sample(sorted(_OF_NOBODY), 3):
        columns.setdefault(name, [_OF_NOBODY[name](rng) for _ in range(rows)])
    return columns, values


def write(folder: Path, seed: int = 6, each: int = 2) -> None:
    """Write the corpus. `each`: notebooks of each kind in each place."""
    for name in ("planted", "without", "clean", "people"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for kind, (name, template) in KINDS.items():
        for place in (*PLACES, "widget state"):
            for number in range(each):
                rng = random.Random(f"{seed} {kind} {place} {number}")
                value = fill(template, rng)
                named = f"{kind}--{place.replace(' ', '_')}--{number}.ipynb"
                if place == "widget state":
                    data, bare = _widget(name, value, rng)
                else:
                    cells = _noise(rng)
                    bare = notebook(cells)
                    cells.insert(rng.randrange(len(cells)), PLACES[place](name, value))
                    data = notebook(cells)
                (folder / "planted" / named).write_bytes(data)
                (folder / "without" / named).write_bytes(bare)
    for number in range(150):
        rng = random.Random(f"{seed} clean {number}")
        cells = [cell for _ in range(4) for cell in _noise(rng)]
        cells.append(_frame({name: [make(rng) for _ in range(12)] for name, make in _OF_NOBODY.items()}))
        (folder / "clean" / f"{number:03}.ipynb").write_bytes(notebook(cells))
    labels: dict[str, dict[str, Any]] = {}
    for kind in _OF_PEOPLE:
        for number in range(8):
            rng = random.Random(f"{seed} people {kind} {number}")
            columns, values = table_of(kind, number, rng)
            name = f"{kind}--{number}.ipynb"
            (folder / "people" / name).write_bytes(notebook([*_noise(rng)[:2], _frame(columns)]))
            labels[name] = {"kind": kind, "values": values}
    (folder / "people.json").write_text(json.dumps(labels), encoding="utf-8")


def main() -> None:
    """Write the corpus into a folder."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=6)
    parser.add_argument("--each", type=int, default=2)
    given = parser.parse_args()
    write(given.folder, given.seed, given.each)


if __name__ == "__main__":
    main()
