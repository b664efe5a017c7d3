"""What tells that a value is a secret may stay behind; its copy in what leaves is taken out all the same."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from nbkeep.rendering.build import build
from nbkeep.rendering.interface import Keep, Order
from nbkeep.rendering.redact import Redacted
from render_parts import code, notebook, stream, text

if TYPE_CHECKING:
    from pathlib import Path

    from nbkeep.scanning.spans import Look

PASSWORD = "kT9vQ2" + "xLw7Zp4R"
ASSIGNED = f'db_password = "{PASSWORD}"'
PRINTED = stream(f"connected with {PASSWORD} to the warehouse\n")
WAYS = {
    "code is not kept": (notebook(code(ASSIGNED, PRINTED)), Keep(code=False)),
    "its cell is hidden": (notebook(code(ASSIGNED, tags=["remove-cell"]), code("run()", PRINTED)), Keep()),
    "it is a parameter": (
        notebook(code("run()", PRINTED), papermill={"parameters": {"db_password": PASSWORD}}),
        Keep(),
    ),
    "it is in a comment of a text": (notebook(text(f"# Run\n<!-- {ASSIGNED} -->"), code("run()", PRINTED)), Keep()),
    "it leaves encoded": (
        notebook(code(ASSIGNED, stream(base64.b64encode(f"u:{PASSWORD}".encode()).decode()))),
        Keep(code=False),
    ),
}  # fmt: skip


def built(tmp_path: Path, data: bytes, form: str, keep: Keep, name: str = "a.ipynb") -> dict[str, Any]:
    """Return what the child tells its parent, and its files by their names."""
    (tmp_path / "source").write_bytes(data)
    out = tmp_path / "out"
    out.mkdir()
    build(tmp_path / "source", Order(name, form, keep), out)
    files = {one.name: one.read_text() for one in out.iterdir()}
    return json.loads(files.pop("result.json")) | files


@pytest.mark.parametrize("form", ["ipynb", "html"])
@pytest.mark.parametrize("way", WAYS)
def test_the_value_is_not_in_the_redacted_version(way: str, form: str, tmp_path: Path) -> None:
    data, keep = WAYS[way]
    made = built(tmp_path, data, form, keep)
    assert any(one["kind"] == "secret" for one in made["findings"])
    assert made["not_redacted"] == ""
    encoded = base64.b64encode(f"u:{PASSWORD}".encode()).decode()
    for value in (PASSWORD, encoded):
        assert value not in made["redacted"]
        assert value not in made["preview"]
    assert "assword" in made["redacted"]  # the mark in its place
    assert 'class="tag critical"' in made["preview"] or 'class="tag high"' in made["preview"]


def test_what_is_still_there_as_text_is_no_redacted_version(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The last search does not rely on what took the values out."""

    def forgets(data: bytes, path: str, look: Look, known: object) -> Redacted:
        del path, look, known
        return Redacted(data)

    monkeypatch.setattr("nbkeep.rendering.build.redact", forgets)
    data, keep = WAYS["code is not kept"]
    made = built(tmp_path, data, "html", keep)
    assert "redacted" not in made
    assert "still stands" in made["not_redacted"]


def test_a_short_word_of_what_stays_behind_takes_nothing_with_it(tmp_path: Path) -> None:
    data = notebook(code('password = "summer"'), code("print(1)", stream("In summer it rains.\n")))
    made = built(tmp_path, data, "html", Keep(code=False))
    assert "In summer it rains." in made["redacted"]
