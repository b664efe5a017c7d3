"""Notebooks of formats 3 and 4: every text in them, as it is shown, with its cell and part."""

from __future__ import annotations

import json
import re
from functools import partial
from typing import TYPE_CHECKING, Any

from nbkeep.model.jsontypes import is_list, is_object
from nbkeep.scanning.interface import Hint
from nbkeep.scanning.values import Limits, Part, Place, Unread

from . import image, markup, pdf

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
_ONE_LINE = frozenset({str, int, float, bool, type(None)})
_LONG_NUMBER = 10**7  # shorter ones are no card, no account and no telephone
_HEAD = re.compile(r'\s*\{\s*"(?:cells|nbformat|metadata|worksheets|nbformat_minor|orig_nbformat)"')
# What format 3 calls the kinds of an output that format 4 names by MIME type.
OLD_KINDS = {
    "png": "image/png", "jpeg": "image/jpeg", "svg": "image/svg+xml", "html": "text/html",
    "text": "text/plain", "latex": "text/latex", "json": "application/json",
    "javascript": "application/javascript",
}  # fmt: skip
_OUTPUT_WORDS = frozenset({"output_type", "name", "execution_count"})
_ERROR_WORDS = frozenset({"traceback", "ename", "evalue"})
_CELL_WORDS = frozenset({"cell_type", "execution_count", "prompt_number", "language", "collapsed"})
_LONGEST_WORD = 16
_KIND = re.compile(r"[a-z]+/[a-z0-9.+-]+")
_LONGEST_KIND = 40  # "application/vnd.jupyter.widget-view+json"
_LONGEST_NAME = 2000  # far more than is shown: a value in a name must be whole to be masked
_SHORT_OUTPUT = 200
AMBIGUOUS = "is ambiguous"
"""How the reason begins for a notebook that two readers can take for two things."""


class Twice(dict[str, Any]):
    """An object of JSON that has a key twice. Jupyter takes the last; `others` has those before."""

    others: list[tuple[str, Any]]


def object_of(noted: list[Twice], pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of JSON by its keys and values; one that has a key twice is noted."""
    made = dict(pairs)
    if len(made) == len(pairs):
        return made
    twice = Twice(made)
    last = {key: at for at, (key, _) in enumerate(pairs)}
    twice.others = [pair for at, pair in enumerate(pairs) if last[pair[0]] != at]
    noted.append(twice)
    return twice


def looks_like_one(text: str) -> bool:
    """Return whether a text begins as a notebook does, whatever the file is called."""
    return _HEAD.match(text[:400]) is not None and ('"cells"' in text or '"worksheets"' in text)


def read_notebook(text: str, name: str, limits: Limits) -> Iterator[Part | Unread]:
    """Yield the texts of a notebook; one that cannot be parsed is read as plain text, and said to be."""
    twice: list[Twice] = []
    try:
        found: Any = json.loads(text, object_pairs_hook=partial(object_of, twice))
        cells = _cells(found)
    except (ValueError, RecursionError) as error:
        why = "is nested too deeply" if isinstance(error, RecursionError) else f"is no JSON ({error})"
        yield Unread(f"is unreadable as a notebook: it {why}; read as plain text", partly=True)
        yield Part(text, Hint("config", name=name), marks=False)
        return
    if cells is None:
        yield Unread("is unreadable as a notebook: it has no list of cells; read as plain text", partly=True)
        yield Part(text, Hint("config", name=name), marks=False)
        return
    if twice:
        count = sum(len(one.others) for one in twice)
        keys = "a key" if count == 1 else f"{count:,} keys"
        # All values are looked through, and still nobody knows what a reader of it will see.
        yield Unread(
            f"{AMBIGUOUS}: {keys} written twice, and readers disagree about which one counts", partly=True
        )
    for number, cell in enumerate(cells, 1):
        if is_object(cell):
            yield from _cell(cell, number, limits)
        else:
            yield from _flat(cell, Place(cell=number, part="metadata"), limits)
    rest: dict[str, Any] = {key: value for key, value in found.items() if key not in {"cells", "worksheets"}}
    rest |= {f"worksheet {at}": {key: value for key, value in one.items() if key != "cells"}
             for at, one in enumerate(found.get("worksheets") or (), 1) if is_object(one)}  # fmt: skip
    if isinstance(found, Twice):
        rest["(written twice)"] = [{key: value} for key, value in found.others]
    yield from _flat(rest, Place(part="metadata"), limits)


def _cells(found: Any) -> list[Any] | None:
    if not is_object(found):
        return None
    if is_list(found.get("cells")):
        return found["cells"]
    sheets: Any = found.get("worksheets")
    if is_list(sheets):
        cells: list[Any] = []
        for one in sheets:
            if is_object(one) and is_list(one.get("cells")):
                cells += one["cells"]
        return cells
    return None


def _cell(cell: dict[str, Any], number: int, limits: Limits) -> Iterator[Part | Unread]:
    cell_id = cell.get("id")
    cell_id = cell_id[:_LONGEST_NAME] if isinstance(cell_id, str) else ""

    def place(part: str) -> Place:
        return Place(cell=number, cell_id=cell_id, part=part)

    is_code = cell.get("cell_type", "code") == "code"
    rest: dict[str, Any] = {}
    for key, value in cell.items():
        source = _text(value) if key in {"source", "input"} else None
        if source is not None:
            yield from _source(source, place("source"), limits, is_code=is_code)
        elif key == "outputs" and is_list(value):
            yield from _outputs(value, place, limits)
        elif key == "attachments" and is_object(value):
            for name, bundle in value.items():
                part = f"attachment {name[:_LONGEST_NAME]}"
                yield from _bundle(bundle, lambda mime, part=part: place(f"{part} {mime}"), limits)
                rest[name] = ""  # the name itself is a text, too
        elif key not in _CELL_WORDS or _is_long(value):
            rest[key] = value
    if isinstance(cell, Twice):
        rest["(written twice)"] = [{key: value} for key, value in cell.others]
    yield from _flat(rest, place("metadata"), limits)


def _source(source: str, place: Place, limits: Limits, *, is_code: bool) -> Iterator[Part | Unread]:
    if not is_code and ("<" in source or markup.PICTURE.search(source)):
        yield from markup.read_markup(source, place, limits)
    elif source:
        yield Part(source, Hint("code" if is_code else "text"), place)


def _is_long(value: Any) -> bool:
    """Return whether what should be a word or a number is more than that."""
    return not isinstance(value, (int, type(None))) and len(str(value)) > _LONGEST_WORD


def _outputs(outputs: list[Any], place: Callable[[str], Place], limits: Limits) -> Iterator[Part | Unread]:
    streams: dict[str, tuple[int, list[str]]] = {}
    for number, output in enumerate([*outputs, None], 1):
        text = _streamed(output)
        if text is not None and is_object(output):
            name = str(output.get("name", "stdout"))[:_LONGEST_NAME]
            streams.setdefault(name, (number, []))[1].append(text)
        else:
            # What a program wrote at once may have come in several messages.
            for name, (first, texts) in streams.items():
                yield Part(plain("".join(texts)), Hint("output"), place(f"output {first} {name}"))
            streams = {}
        if is_object(output):
            yield from _output(output, number, place, limits)
        elif output is not None:
            yield from _flat(output, place(f"output {number}"), limits)
    shown = [text.strip("'\"\n") for one in outputs if (text := _short(one))]
    if len(shown) > 1:  # what was displayed piece by piece
        yield Part("".join(shown), Hint("output"), place("outputs (joined)"), line=0, lines=(0,), joined=True)


def _short(output: Any) -> str:
    """Return what an output shows, where it is so short that it may be a piece of something."""
    data = output.get("data") if is_object(output) else None
    text = _text(data.get("text/plain")) if is_object(data) else None
    return text if text and len(text) < _SHORT_OUTPUT else ""


def _streamed(output: Any) -> str | None:
    if is_object(output) and output.get("output_type") == "stream":
        return _text(output.get("text"))
    return None


def _output(
    output: dict[str, Any], number: int, place: Callable[[str], Place], limits: Limits
) -> Iterator[Part | Unread]:
    # Whatever no reader below takes is read as metadata: an output may hold keys that its kind has not.
    rest = {key: one for key, one in output.items() if key not in _OUTPUT_WORDS or _is_long(one)}
    if output.get("output_type") in ("error", "pyerr"):
        yield from _error(output, place(f"output {number} traceback"))
        rest = {key: one for key, one in rest.items() if key not in _ERROR_WORDS or _text(one) is None}
    elif _streamed(output) is not None:
        del rest["text"]
    if is_object(output.get("data")):
        yield from _bundle(rest.pop("data"), lambda mime: place(f"output {number} {mime}"), limits)
    old = {mime: rest.pop(key) for key, mime in OLD_KINDS.items() if key in rest}
    yield from _bundle(old, lambda mime: place(f"output {number} {mime}"), limits)
    rest = {key: value for key, value in rest.items() if value or len(key) > _LONGEST_WORD}
    if isinstance(output, Twice):
        rest["(written twice)"] = [{key: value} for key, value in output.others]
    if rest:
        yield from _flat(rest, place(f"output {number} metadata"), limits)


def _error(output: dict[str, Any], place: Place) -> Iterator[Part]:
    yield Part(_traceback(output), Hint("output"), place)
    if len(pieces := _lines(output)) > 1:  # of one line, maybe
        yield Part(plain("".join(pieces)), Hint("output"), place, line=0, lines=(0,), joined=True)


def _traceback(output: dict[str, Any]) -> str:
    text = plain("\n".join(_lines(output)))
    said = ": ".join(one for key in ("ename", "evalue") if (one := _text(output.get(key))))
    return text if said in text else f"{text}\n{said}"


def _lines(output: dict[str, Any]) -> list[str]:
    trace = output.get("traceback")
    return [str(one) for one in trace] if is_list(trace) else [_text(trace) or ""]


def _bundle(bundle: Any, place: Callable[[str], Place], limits: Limits) -> Iterator[Part | Unread]:
    """Yield the texts of one thing in several formats."""
    if not is_object(bundle):
        if bundle is not None:
            yield from _flat(bundle, place(""), limits)
        return
    yield from _unusual(bundle, place("(names)"))
    for key, value in bundle.items():
        mime = key[:_LONGEST_NAME]
        text = _text(value)
        if text is None:
            yield from _flat(value, place(mime), limits)
        elif mime in {"text/html", "image/svg+xml", "text/markdown", "application/xml", "text/xml"}:
            yield from markup.read_markup(plain(text), place(mime), limits, kind="output")
        elif mime.startswith("image/") or image.is_base64_of_one(text):
            yield from image.read_base64(text, place(mime), limits)
        elif mime == "application/pdf":
            yield from pdf.read_base64(text, place(mime), limits)
        elif text:
            yield Part(plain(text), Hint("output"), place(mime))
    if isinstance(bundle, Twice):
        yield from _flat(dict(_named(bundle.others)), place("(written twice)"), limits)


def _unusual(bundle: dict[str, Any], place: Place) -> Iterator[Part]:
    # What it calls its formats is a text, too, where it is none of the usual names.
    named = "\n".join(key for key in bundle if len(key) > _LONGEST_KIND or not _KIND.fullmatch(key))
    if named:
        yield Part(named, Hint("config"), place, line=0, lines=(0,) * (named.count("\n") + 1))


def _named(pairs: list[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    for at, (key, value) in enumerate(pairs):
        yield f"{key} {at}", value


def _text(value: Any) -> str | None:
    """Return the text that a string or a list of strings is, or None."""
    if isinstance(value, str):
        return value
    if is_list(value):
        try:
            return "".join(value)
        except TypeError:
            return None
    return None


def plain(text: str) -> str:
    """Return a text without colour codes."""
    return _ANSI.sub("", text) if "\x1b" in text else text


def _flat(value: Any, place: Place, limits: Limits) -> Iterator[Part | Unread]:
    """Yield nested values as lines of `key: value`, and pictures among them as pictures."""
    lines: list[str] = []
    stack: list[tuple[str, Any]] = [("", value)]
    while stack:
        key, one = stack.pop()
        if is_object(one):
            if key:
                lines.append(f"{key}:")
            stack += reversed(one.items())
            stack += one.others if isinstance(one, Twice) else ()
        elif is_list(one):
            lines += _texts(key, one) or [f"{key}:"]
            stack += [(key, item) for item in reversed(one) if item.__class__ not in _ONE_LINE]
        elif isinstance(one, str) and image.is_base64_of_one(one):
            lines.append(key)
            yield from image.read_base64(one, place, limits)
        elif line := _line(key, one):
            lines.append(line)
    if lines:
        text = "\n".join(lines)
        yield Part(text, Hint("config"), place, line=0, lines=(0,) * (text.count("\n") + 1))


def _texts(key: str, items: Iterable[Any]) -> list[str]:
    """Return the lines of a list: its texts joined, for they may be the pieces of one, and each by itself."""
    texts = [item for item in items if item.__class__ is str]
    if not texts:
        return [f"{key}: {item}" for item in items if item.__class__ is int and abs(item) > _LONG_NUMBER]
    lines = [f"{key}: {''.join(texts)}"]
    if len(texts) > 1 and not all(text.endswith("\n") for text in texts[:-1]):
        lines += texts
    return lines + [f"{key}: {item}" for item in items if item.__class__ is int and abs(item) > _LONG_NUMBER]


def _line(key: str, value: Any) -> str:
    if isinstance(value, str):
        return f"{key}: {value}"
    if isinstance(value, int) and abs(value) > _LONG_NUMBER:
        return f"{key}: {value}"
    return key
