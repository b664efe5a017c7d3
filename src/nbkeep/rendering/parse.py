"""Reads the JSON of a notebook strictly: what two readers could take for two things is refused."""

from __future__ import annotations

import json
from typing import Any

from nbkeep.model.jsontypes import is_list, is_object
from nbkeep.scanning.documents.strings import without_surrogates

from .book import NotMade

_DEEPEST = 100


class _TwiceError(ValueError):
    """An object has a key twice."""


def read_notebook(data: bytes) -> dict[str, Any]:
    """Return the notebook of format 4 that these bytes are. Raises `NotMade`."""
    try:
        text = data.decode("utf-8-sig")
        found: Any = json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
    except UnicodeDecodeError as error:
        raise NotMade("is no notebook: it is not UTF-8") from error
    except _TwiceError as error:
        raise NotMade(f"is ambiguous: {error}, and readers disagree about which one counts") from error
    except RecursionError as error:
        raise NotMade("is nested too deeply to be a notebook") from error
    except ValueError as error:  # json's own, and numbers too long for Python
        where = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        raise NotMade(f"is no notebook: it is broken JSON{where}") from error
    if not is_object(found) or not is_list(found.get("cells")):
        if is_object(found) and is_list(found.get("worksheets")):
            raise NotMade(
                "is a notebook of format 3: open it in JupyterLab and save it, that makes it format 4"
            )
        raise NotMade("is no notebook: it has no list of cells")
    if found.get("nbformat") != 4:
        raise NotMade("is a notebook of a format other than 4: open it in JupyterLab and save it")
    if _depth(found) > _DEEPEST:
        raise NotMade(f"is nested too deeply to be a notebook: more than {_DEEPEST} levels")
    return found


def text_of(value: Any) -> str | None:
    """Return the text that a string or a list of strings is, or None."""
    if is_list(value) and all(isinstance(one, str) for one in value):
        value = "".join(value)
    return without_surrogates(value) if isinstance(value, str) else None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise _TwiceError("an object in it has the same key twice")
    return made


def _no_number(word: str) -> Any:
    raise ValueError(word)


def _depth(value: Any) -> int:
    deepest, level = 0, [value]
    while level:
        deepest += 1
        if deepest > _DEEPEST:
            break
        below: list[Any] = []
        for one in level:
            inner: Any = one.values() if is_object(one) else one
            below += [item for item in inner if isinstance(item, (dict, list))]
        level = below
    return deepest
