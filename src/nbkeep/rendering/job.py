"""Makes what leaves of a document: in a child in a jail, whose every word and file is taken for hostile."""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import stat
import tempfile
import time
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from nbkeep.model.gates import FORMATS
from nbkeep.model.jsontypes import is_object

from . import jail, pdf, wire
from .interface import Made, Order, Page

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_SOURCE, _MOST_PAGE, _MOST_RESULT = 256 * 2**20, 512 * 2**20, 64 * 2**20
_CHUNK = 2**20
_SUFFIX = re.compile(r"(?:\.[\w+-]{1,20})?")
_FORMS = {
    "ipynb": (".ipynb", "application/x-ipynb+json"), "html": (".html", "text/html"),
    "pdf": (".pdf", "application/pdf"),
    "slides": (".slides.html", "text/html"), "script": ("", "text/plain"),
    "original": ("", "application/octet-stream"),
}  # fmt: skip
"""How the name ends, and the media type: what could be more than bytes to a browser is never called so."""


def make(
    source: Path, order: Order, into: Path, *, timeout_s: float = 120, press: pdf.Press | None = None
) -> Made:
    """Make what `order` says of a file, as new files in the folder `into`. Raises nothing for any content.

    Whatever goes wrong is in `Made.problem`; then nothing leaves. `into` exists, and nobody else writes to
    it; twice gives other files of other names. `timeout_s`: for all of it; a few seconds, PDFs some more.
    `press`: prints them; without one, each has a browser started for it.
    """
    if order.form not in FORMATS or set(_FORMS) != set(FORMATS):
        return Made(problem="There is no such form.")
    if order.form == "pdf" and (problem := pdf.missing()):
        return Made(problem=problem)
    if order.form == "pdf" and press is not None:
        press.begin()  # it starts while the page is made
    try:
        with tempfile.TemporaryDirectory(dir=into, prefix=".making-") as folder:
            return _make(source, order, into, Path(folder), timeout_s, press.make if press else pdf.make)
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        return Made(problem=_went_wrong(error))


def _went_wrong(error: Exception) -> str:
    if isinstance(error, OSError):
        return (
            f"The document could not be processed: {error.strerror or 'a file could not be read or written'}."
        )
    return "What the document was made into is not as it should be, so it was thrown away."


def _make(
    source: Path, order: Order, into: Path, folder: Path, timeout_s: float, printing: pdf.Printing
) -> Made:
    until = time.monotonic() + timeout_s
    copy, out = folder / "source", folder / "out"
    out.mkdir()
    _copied(source, copy, _MOST_SOURCE)  # what is looked at does not change meanwhile
    said = json.dumps(wire.order_as_json(order)).encode()
    rules = folder / "rules.toml" if order.rules else None
    if rules is not None:
        rules.write_text(order.rules, encoding="utf-8", newline="")
    ended = jail.run(
        "nbkeep.rendering", [f"{timeout_s:.0f}"], copy, out, said=said, timeout_s=timeout_s, rules=rules
    )
    if ended.problem:
        return Made(problem=ended.problem)
    if ended.status is None:
        return Made(
            problem=f"The document was not ready within {timeout_s:.0f} seconds. Leave out large outputs."
        )
    if ended.status:
        return Made(
            problem="The document made the program that reads it fail. Leave out what is unusual in it."
        )
    answer: Any = json.loads(read_out(out / "result.json", _MOST_RESULT))
    if not is_object(answer):
        raise ValueError("no answer")
    made = Made(
        findings=wire.findings_of(answer["findings"]),
        not_read=wire.not_read_of(answer["not_read"]),
        not_redacted=wire.sentence_of(answer["not_redacted"]),
        left_out=wire.sentences_of(answer["left_out"]),
        problem=wire.sentence_of(answer["problem"]),
        values=[one for one in wire.values_of(answer["values"]) if one.rule in order.values_of],
    )
    if made.problem:
        return made
    suffix = wire.sentence_of(answer["suffix"])
    name = "document" if wire.flag_of(answer["unnamed"]) else _name(order.path)
    return _with_pages(made, order, (name, suffix), into, folder, until, printing)


def _with_pages(
    made: Made,
    order: Order,
    called: tuple[str, str],
    into: Path,
    folder: Path,
    until: float,
    printing: pdf.Printing,
) -> Made:
    out = folder / "out"
    stem, suffix = called
    ending, media_type = _FORMS[order.form]
    if not _SUFFIX.fullmatch(suffix):
        raise ValueError("no suffix of a name")
    name = stem + (ending or suffix)
    files = {one: out / one for one in ("plain", "redacted") if one == "plain" or _is_there(out / one)}
    if order.form == "pdf":
        problem = _printed(files, folder, until, printing)
        if "plain" in problem:
            made.problem = problem["plain"]
            return made
        made.not_redacted = problem.get("redacted", made.not_redacted)
    made.plain = _taken(files["plain"], folder, "plain", name, media_type)
    if "redacted" in files:
        made.redacted = _taken(files["redacted"], folder, "redacted", name, media_type)
    elif not made.not_redacted:
        raise ValueError("neither redacted nor said why not")
    if _is_there(out / "preview"):
        made.preview = _taken(out / "preview", folder, "preview", "preview.html", "text/html")
    # All of them, or none.
    made.plain = _moved(made.plain, into)
    made.redacted = _moved(made.redacted, into) if made.redacted else None
    made.preview = _moved(made.preview, into) if made.preview else None
    return made


def _moved(page: Page, into: Path) -> Page:
    place = into / f"{page.file.name}-{secrets.token_hex(8)}"
    page.file.rename(place)
    return replace(page, file=place)


def _printed(files: dict[str, Path], folder: Path, until: float, printing: pdf.Printing) -> dict[str, str]:
    """Put PDFs in the place of pages; return why one could not be made, which is gone then.

    The browser's jail is another than that of who made the pages: it sees neither the source nor what was
    found in it.
    """
    problems: dict[str, str] = {}
    printed: dict[str, Path] = {}
    for one, file in list(files.items()):
        (folder / one).mkdir()
        page = folder / f"{one}.html"
        _, sha256 = _copied(file, page, _MOST_PAGE)
        if sha256 not in printed:  # where nothing was found both are the same
            problem = printing(page, folder / one, timeout_s=max(until - time.monotonic(), 1))
            if problem:
                problems[one] = problem
                del files[one]
                continue
            printed[sha256] = folder / one / "page.pdf"
        files[one] = printed[sha256]
    return problems


def _name(path: str) -> str:
    stem = "".join(
        letter for letter in PurePosixPath(path).stem if letter.isprintable() and letter not in '\\/"'
    )
    return stem.lstrip(".")[:120] or "document"


def _taken(file: Path, folder: Path, what: str, name: str, media_type: str) -> Page:
    """Copy a file that a child wrote out of its reach, and say what it is by what was copied."""
    (folder / "taken").mkdir(exist_ok=True)
    path = folder / "taken" / what
    size, sha256 = _copied(file, path, _MOST_PAGE)
    return Page(path, media_type, name, size, sha256)


def _copied(file: Path, to: Path, most: int) -> tuple[int, str]:
    """Copy a regular file; return its size and SHA-256, of what was written."""
    digest, size = hashlib.sha256(), 0
    with to.open("wb") as target:
        for chunk in _chunks(file, most):
            digest.update(chunk)
            size += len(chunk)
            target.write(chunk)
    return size, digest.hexdigest()


def read_out(file: Path, most: int) -> bytes:
    """Return what a child wrote: of a plain file, through no link, at most so many bytes. Raises OSError."""
    return b"".join(_chunks(file, most))


def _chunks(file: Path, most: int) -> Iterator[bytes]:
    # A link, a pipe or a device is no file; O_NONBLOCK: nobody waits for the other end of a pipe.
    descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as opened:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(0, "it is no regular file")
        if found.st_size > most:
            raise OSError(0, f"it is larger than {most >> 20} MiB")
        size = 0
        while chunk := opened.read(_CHUNK):
            size += len(chunk)
            if size > most:
                raise OSError(0, f"it is larger than {most >> 20} MiB")
            yield chunk


def _is_there(file: Path) -> bool:
    return file.is_file() and not file.is_symlink()
