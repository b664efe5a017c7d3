"""The cells of a notebook of formats 3 and 4, whatever else is in its JSON: nothing is left out or mended."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from nbkeep.model.jsontypes import is_list, is_object
from nbkeep.rendering.parse import text_of as joined
from nbkeep.scanning.documents.notebook import Twice, object_of
from nbkeep.scanning.documents.strings import text_of

MOST_CELLS = 10_000
_PYTHONS = ("python", "ipython", "xpython", "pyodide", "conda", "pyspark", "pysparkkernel", "sage")
_SAME = {
    "ir": "r", "xr": "r", "shell": "bash", "sh": "bash", "calysto_bash": "bash", "zsh": "bash", "xcpp": "c++",
    "node": "javascript", "js": "javascript",
}  # fmt: skip
_NAMED = ("ir", "xr", "bash", "calysto_bash", "julia", "javascript", "deno", "xcpp", "xsql")
"""Kernels whose names say their language; other names are chosen freely."""


class NoNotebook(Exception):
    """Bytes that are no notebook; the reason as the end of "The document …"."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell. `kind`: code, markdown, raw, or what it says. `sources`: as many as its JSON has."""

    number: int
    kind: str
    sources: tuple[str, ...]
    metadata: dict[str, Any] = field(default_factory=dict[str, Any])
    outputs: tuple[dict[str, Any], ...] = ()
    attachments: Any = None
    is_odd: bool = False


@dataclass(frozen=True, slots=True)
class Notebook:
    """A notebook. `language`: of its code, in lower case, by the kernel that would be started.

    `is_ambiguous`: an object in it has a key twice. `others`: languages that it names besides.
    """

    cells: tuple[Cell, ...]
    metadata: dict[str, Any]
    language: str
    is_ambiguous: bool = False
    count: int = 0
    others: tuple[str, ...] = ()


def read(data: bytes) -> Notebook:
    """Return the notebook that bytes are. Raises `NoNotebook`."""
    twice: list[Twice] = []
    found = _parsed(data, twice)
    listed = [
        cell for one in (found, *({key: value} for key, value in _others(found))) for cell in _listed(one)
    ]
    metadata: Any = found.get("metadata")
    metadata = metadata if is_object(metadata) else {}
    cells = tuple(_cell(one, number) for number, one in enumerate(listed[:MOST_CELLS], 1))
    language, *others = languages_of(metadata)
    return Notebook(
        cells, metadata, language, is_ambiguous=bool(twice), count=len(listed), others=tuple(others)
    )


def _parsed(data: bytes, twice: list[Twice]) -> dict[str, Any]:
    """Return the object of JSON that bytes are; objects with a key twice go into `twice`."""
    text = (text_of(data) or "").lstrip("\ufeff")
    try:
        found: Any = json.loads(text, object_pairs_hook=partial(object_of, twice))
    except RecursionError as error:
        raise NoNotebook("is nested too deeply to be a notebook") from error
    except ValueError as error:
        raise NoNotebook("is no notebook: it is broken JSON") from error
    if not is_object(found) or not any(is_list(found.get(key)) for key in ("cells", "worksheets")):
        raise NoNotebook("is no notebook: it has no list of cells")
    return found


def _listed(found: dict[str, Any]) -> list[Any]:
    """Return the cells of a notebook of either format."""
    sheets: Any = found.get("worksheets")
    lists: list[Any] = [found.get("cells")]
    lists += [sheet.get("cells") for sheet in sheets if is_object(sheet)] if is_list(sheets) else []
    return [cell for one in lists if is_list(one) for cell in one]


def _others(value: dict[str, Any]) -> list[tuple[str, Any]]:
    return value.others if isinstance(value, Twice) else []


def _all_of(value: dict[str, Any], *keys: str) -> list[Any]:
    """Return what an object has under these keys, all that is written there."""
    return [value[key] for key in keys if key in value] + [
        other for key, other in _others(value) if key in keys
    ]


def _cell(value: Any, number: int) -> Cell:
    if not is_object(value):
        return Cell(number, "odd", (), is_odd=True)
    kinds = [one for one in _all_of(value, "cell_type") if isinstance(one, str)] or ["code"]
    sources = tuple(text for one in _all_of(value, "source", "input") if (text := joined(one)) is not None)
    outputs = tuple(
        output for one in _all_of(value, "outputs") if is_list(one) for output in one if is_object(output)
    )
    metadata: Any = value.get("metadata")
    # One that is code to any reader is looked at as code.
    kind = "code" if "code" in kinds else kinds[0][:20]
    return Cell(
        number,
        kind,
        sources,
        metadata if is_object(metadata) else {},
        outputs,
        value.get("attachments"),
        is_odd=not sources,
    )


def languages_of(metadata: dict[str, Any]) -> list[str]:
    """Return the languages that a notebook names for its code, the kernel's first: that one is started.

    Python where it names none.
    """
    found: list[str] = []
    for key, name in (("kernelspec", "name"), ("kernelspec", "language"), ("language_info", "name")):
        one: Any = metadata.get(key)
        said: Any = one.get(name) if is_object(one) else None
        if isinstance(said, str) and said.strip():
            word = said.strip().lower()[:30]
            if name == "name" and key == "kernelspec" and not word.startswith((*_PYTHONS, *_NAMED)):
                continue
            found.append(_language(word))
    return list(dict.fromkeys(found)) or ["python"]


def _language(word: str) -> str:
    if word.startswith(_PYTHONS):
        return "python"
    word = word.partition("-")[0] if word.startswith("julia") else word
    return "c++" if word.startswith(("c++", "xcpp")) else _SAME.get(word, word)


def shown(output: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the texts of an output by what they are (MIME types)."""
    made: list[tuple[str, str]] = []
    data: Any = output.get("data")
    # Format 3 has them in the output itself.
    bundle: dict[str, Any] = data if is_object(data) else {}
    for mime, old in (
        ("text/html", "html"),
        ("image/svg+xml", "svg"),
        ("application/javascript", "javascript"),
        ("text/markdown", "markdown"),
    ):
        if old in output:
            bundle = {**bundle, mime: output[old]}
    for mime, value in [*bundle.items(), *_others(bundle)]:
        text = joined(value)
        if text is None and is_object(value):
            text = json.dumps(value)[: 4 * 2**20]
        if text:
            made.append((mime[:100], text))
    return made
