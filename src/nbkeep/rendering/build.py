"""The child's part: look through a document, make it anew in a form, redact that, and look through all of it.

Runs in the jail alone (job.py starts it): a document can do no more than make this process fail.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from nbkeep.model.errors import Refused
from nbkeep.scanning import detect, scan
from nbkeep.scanning.clean import Clean
from nbkeep.scanning.documents import notebook, strings
from nbkeep.scanning.interface import TooLong
from nbkeep.scanning.scan import Look
from nbkeep.scanning.values import Place, mask

from . import book, page, rebuild, script, slides
from .notes import Notes
from .preview import preview
from .redact import redact
from .takeout import CannotBe, holds, values_of
from .wire import as_json, clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nbkeep.scanning.spans import Span
    from nbkeep.scanning.values import Finding, NotRead, Result

    from .book import Book
    from .interface import Order

_MOST_VALUES, _MOST_UNTOLD, _LONGEST_VALUE = 100, 5000, 500
_SEEN_AS = {
    "html": "page.html",
    "pdf": "page.html",
    "slides": "page.html",
    "script": "script",
    "ipynb": "book.ipynb",
}


@dataclass(slots=True)
class _Said:
    """What the parent is told, besides the files."""

    findings: list[Finding] = field(default_factory=list["Finding"])
    not_read: list[NotRead] = field(default_factory=list["NotRead"])
    _known: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    _missed: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])

    def add(self, result: Result, *, is_final: bool = False) -> None:
        """Take in what a look found; a value that is known already is not told again.

        `is_final`: of the finished file, whose pictures were looked at before they were put into it.
        """
        known = set(self._known)
        for one in result.findings:
            if (one.rule, one.same) not in known:
                self.findings.append(one)
                self._known.add((one.rule, one.same))
        for missed in result.not_read:
            if not (is_final and missed.partly) and (missed.reason, missed.place.part) not in self._missed:
                self._missed.add((missed.reason, missed.place.part))
                self.not_read.append(missed)


def build(source: Path, order: Order, out: Path) -> None:
    """Make what was ordered: `plain`, `redacted`, `preview` where they can be made, `result.json` at last."""
    answer: dict[str, Any] = {"problem": "", "not_redacted": "", "suffix": "", "unnamed": False, "values": []}
    said, notes = _Said(), Notes()
    try:
        # Most texts are met in the source, in what is made, and again.
        look = Look(detect.with_text(order.rules), clean=Clean())
    except Refused as refusal:
        answer["problem"] = (
            f"The organisation's own rules cannot be read, so nothing is examined: {refusal.message}"
        )
        _tell(answer, said, notes, out)
        return
    data = source.read_bytes()
    named = _look_at_name(order.path, look)
    said.add(named)
    if named.findings:
        order = replace(order, path=_unnamed(order.path, look))
        answer["unnamed"] = True
    said.add(scan.examine(data, order.path, look))
    try:
        if order.form == "original" or not _is_notebook(data, order.path):
            _as_it_is(data, order, look, notes, said, out, answer)
        else:
            _anew(data, order, look, notes, said, out, answer)
    except book.NotMade as error:
        answer["problem"] = f"The document {error}."
    except TooLong as error:  # of some part of it; then all of it is unread
        answer["problem"] = f"The document {error}."
    _tell(answer, said, notes, out)


def _tell(answer: dict[str, Any], said: _Said, notes: Notes, out: Path) -> None:
    answer = clean(answer) | {"left_out": notes.sentences(), **as_json(said.findings, said.not_read)}
    (out / "result.json").write_bytes(json.dumps(answer).encode())


def _look_at_name(path: str, look: Look) -> Result:
    """Return what is in the name by which a document leaves."""
    name = PurePosixPath(path)
    ways = "\n".join(dict.fromkeys(("", name.name, name.stem, name.stem.replace("_", " "))))
    result = scan.examine(ways.encode("utf-8", "replace"), "name.txt", look)
    place = Place(part="file name")
    once = {(one.rule, one.same): one for one in result.findings}
    result.findings = [replace(one, place=place, line=0, file_line=0) for one in once.values()]
    return result


def _unnamed(path: str, look: Look) -> str:
    """Return a name that tells what kind of file it is, and nothing else."""
    name = f"document{_suffix(path)}"
    return "document" if _look_at_name(name, look).findings else name


def _is_notebook(data: bytes, path: str) -> bool:
    return path.lower().endswith(".ipynb") or notebook.looks_like_one(
        data[:400_000].decode("utf-8", "replace")
    )


def _anew(
    data: bytes, order: Order, look: Look, notes: Notes, said: _Said, out: Path, answer: dict[str, Any]
) -> None:
    """Make a notebook anew, and what leaves of it."""
    strict = replace(look, heed_marks=False)  # what its author allowed is taken out, too
    # What tells that a value is a secret may be left out, while an output still prints the value.
    known, why = _values(data, order.path, strict)
    answer["values"] = wanted_values(known, order)
    made = rebuild.rebuild(data, order.keep, notes)
    leaving = book.as_json(made)
    said.add(scan.examine(leaving, order.path, look))
    final = _rendered(made, order, notes)
    looked = scan.examine(final, _name(order, made), look)
    said.add(looked, is_final=True)
    (out / "plain").write_bytes(final)
    answer["suffix"] = script.suffix(made.language) if order.form == "script" else ""
    (out / "preview").write_bytes(preview(leaving, order.path, look, known))
    cut = redact(leaving, order.path, strict, known)
    if why or cut.data is None:
        answer["not_redacted"] = why or cut.why
        return
    shown = final
    if cut.data != leaving or looked.findings:
        # Made anew once more: nothing gets into a document by being redacted.
        without = rebuild.rebuild(cut.data, order.keep, Notes())
        shown = _rendered(without, order, Notes())
    _keep_clean(shown, _name(order, made), strict, known, out, answer)


def _values(data: bytes, path: str, strict: Look) -> tuple[Sequence[Span], str]:
    """Return the values that are in a document, and why they cannot all be known, or ""."""
    try:
        return values_of(data, path, strict), ""
    except CannotBe as error:
        return (), f"The document cannot be redacted: it {error}."
    except Exception as error:  # noqa: BLE001  a document that makes its reader fail is not read, and never clean
        return (), f"The document made the redaction fail ({type(error).__name__})."


def wanted_values(known: Sequence[Span], order: Order) -> list[dict[str, str]]:
    """Return the values that somebody asks their providers about, each once.

    Of those that are too many or too long the value is "": what is said of others that look like them must
    not be taken for an answer about them.
    """
    once = {(one.hit.rule, one.value) for one in known if one.hit.rule in order.values_of}
    told = [(rule, value) for rule, value in sorted(once) if len(value) <= _LONGEST_VALUE][:_MOST_VALUES]
    untold = {(rule, mask(value)) for rule, value in once.difference(told)}
    if len(untold) > _MOST_UNTOLD:
        told = []  # nobody can say which of them look like the others
    return [
        *({"rule": rule, "masked": mask(value), "value": value} for rule, value in told),
        *({"rule": rule, "masked": masked, "value": ""} for rule, masked in sorted(untold)[:_MOST_UNTOLD]),
    ]


def _keep_clean(
    data: bytes, name: str, strict: Look, known: Sequence[Span], out: Path, answer: dict[str, Any]
) -> None:
    """Keep what was redacted, if neither the rules nor a search for what is known find anything in it."""
    left = scan.examine(data, name, strict)
    if left.findings:
        count = len(left.findings)
        answer["not_redacted"] = (
            f"Something was still found in what was redacted ({count} finding{'s'[: count != 1]})."
        )
    elif unread := [one for one in left.not_read if not one.partly]:
        answer["not_redacted"] = f"What was redacted {unread[0].reason}."
    elif holds(data, name, known, strict):
        answer["not_redacted"] = "A value that was found in the document still stands in what was redacted."
    else:
        (out / "redacted").write_bytes(data)


def _rendered(made: Book, order: Order, notes: Notes) -> bytes:
    match order.form:
        case "html" | "pdf":
            return page.of_book(made, order.path, notes)
        case "slides":
            return slides.of_book(made, order.path, notes)
        case "script":
            return script.of_book(made)
        case _:
            return book.as_json(made)


def _name(order: Order, made: Book) -> str:
    """Return a name by which the scan reads what was made as what it is."""
    seen_as = _SEEN_AS[order.form]
    return seen_as + script.suffix(made.language) if order.form == "script" else seen_as


def _as_it_is(
    data: bytes, order: Order, look: Look, notes: Notes, said: _Said, out: Path, answer: dict[str, Any]
) -> None:
    """Let a file leave as it is, or a text as a page."""
    text = strings.text_of(data)
    if order.form not in {"original", "html"} or (order.form == "html" and text is None):
        forms = "as it is, or as HTML" if text is not None else "as it is"
        raise book.NotMade(f"is no notebook: it can leave {forms}")
    strict = replace(look, heed_marks=False)
    known, why = _values(data, order.path, strict)
    answer["values"] = wanted_values(known, order)
    (out / "preview").write_bytes(preview(data, order.path, look))
    cut = redact(data, order.path, strict)
    if order.form == "original":
        (out / "plain").write_bytes(data)
        answer["suffix"] = _suffix(order.path)
    else:
        shown = page.of_text(text or "", order.path, notes)
        said.add(scan.examine(shown, "page.html", look), is_final=True)
        (out / "plain").write_bytes(shown)
    if why or cut.data is None:
        answer["not_redacted"] = why or cut.why
    elif order.form == "original":
        _keep_clean(cut.data, order.path, strict, known, out, answer)
    else:
        shown = page.of_text(strings.text_of(cut.data) or "", order.path, Notes())
        _keep_clean(shown, "page.html", strict, known, out, answer)


def _suffix(path: str) -> str:
    suffix = PurePosixPath(path).suffix
    return suffix if suffix[1:].replace("_", "").replace("-", "").isalnum() and len(suffix) < 20 else ""
