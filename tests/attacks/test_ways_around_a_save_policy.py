"""What a policy does not let be saved comes into no document by another way of the session's server."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import pytest
from tornado.web import HTTPError

from nbkeep.model.gates import Found
from nbkeep_runtime.server.checkpoints import HomeCheckpoints
from nbkeep_runtime.server.contents import HomeContents
from nbkeep_runtime.server.examining.examined import Examined
from nbkeep_runtime.server.examining.examiner import Examiner
from nbkeep_runtime.server.examining.reader import Reader
from nbkeep_runtime.server.home import Home
from nbkeep_runtime.server.trust import TrustStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from nbkeep_runtime.server.office import Office

import os

KEY = (
    "AKIA" + "QX7TLMPN" + "2VKRSW4D"
)  # not a key of anybody; in parts, so that no scanner of this file minds


class Plain(Reader):
    """Finds one key, in this process."""

    def examine(self, file: int, name: str, **_how: bool) -> Examined:
        del name
        if KEY.encode() not in os.pread(file, 1 << 20, 0):
            return Examined()
        one = {"title": "AWS access key", "masked": "AKIA…4D", "rule": "aws", "severity": "high", "line": 1}
        return Examined((one,), kinds=frozenset({Found.SECRET.value}))


class Strict:
    """An office that lets no secret be saved, and keeps what it is told."""

    def __init__(self) -> None:
        said = {one.value: {"decision": "allow", "scope": "default"} for one in Found}
        said["secret"] = {"decision": "deny", "scope": "everywhere"}
        self.view: Any = {"leaving": {"save": said}}
        self.told: list[dict[str, Any]] = []

    def record(self, kind: str, **fields: object) -> str:
        self.told.append({"type": kind, **fields})
        return kind


@pytest.fixture
def office() -> Strict:
    return Strict()


@pytest.fixture
def contents(tmp_path: Path, office: Strict) -> Iterator[HomeContents]:
    home = Home(tmp_path, "/home/user")
    (tmp_path / ".state").mkdir()
    made = HomeContents(home=home, trust=TrustStore(tmp_path / ".state"), checkpoints_class=HomeCheckpoints)
    made.examiner = Examiner(home, cast("Office", office), Plain())
    yield made
    home.close()


def notebook(source: str) -> dict[str, Any]:
    cell: dict[str, Any] = {"cell_type": "code", "id": "c0", "metadata": {}, "source": source, "outputs": [],
            "execution_count": None}  # fmt: skip
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [cell]}


def kept(home: Path) -> list[str]:
    return [one.read_text() for one in (home / ".nbkeep/quarantine").iterdir()]


async def test_an_output_that_nobody_saw_brings_no_key_into_a_notebook(
    contents: HomeContents, office: Strict, tmp_path: Path
) -> None:
    (tmp_path / "a.ipynb").write_text(json.dumps(notebook("print(key)")))
    before = (tmp_path / "a.ipynb").read_bytes()
    printed = {"output_type": "stream", "name": "stdout", "text": KEY}
    with pytest.raises(HTTPError) as stopped:
        await contents.merge_outputs("a.ipynb", "c0", [printed], 1)
    assert stopped.value.status_code == 422
    assert (tmp_path / "a.ipynb").read_bytes() == before
    assert [KEY in one for one in kept(tmp_path)] == [True]
    assert [(one["type"], one["path"]) for one in office.told] == [("save.blocked", "a.ipynb")]
    await contents.merge_outputs("a.ipynb", "c0", [printed | {"text": "3"}], 1)
    assert json.loads((tmp_path / "a.ipynb").read_text())["cells"][0]["outputs"][0]["text"] in ("3", ["3"])


async def test_neither_a_checkpoint_nor_a_copy_brings_a_key_back(
    contents: HomeContents, office: Strict, tmp_path: Path
) -> None:
    (tmp_path / ".ipynb_checkpoints").mkdir()
    (tmp_path / ".ipynb_checkpoints/a-checkpoint.py").write_text(f"key = '{KEY}'")
    (tmp_path / "a.py").write_text("x = 1")
    with pytest.raises(HTTPError):
        await cast("Any", contents).restore_checkpoint("checkpoint", "a.py")
    assert (tmp_path / "a.py").read_text() == "x = 1"
    [name] = os.listdir(tmp_path / ".nbkeep/quarantine")
    with pytest.raises(HTTPError):
        await contents.copy(f".nbkeep/quarantine/{name}", "b.py")
    assert not (tmp_path / "b.py").exists()
    assert [one["path"] for one in office.told] == ["a.py", "b.py"]
