"""A notebook as a page: one file, no script, nothing loaded; the same bytes for the same notebook."""

from __future__ import annotations

from functools import cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from . import highlight, markdown, mathml, svg, terminal
from .pages import attribute, words
from .sanitise import cleaned

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .book import Book, Cell, Output
    from .notes import Notes

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""What a browser may do with a page of this room; who serves it says so in a header, too."""


def of_book(book: Book, path: str, notes: Notes) -> bytes:
    """Return a notebook as a page. `path`: what it is called, for the title where it has no heading."""
    body = "\n".join(cell(one, book.language, notes) for one in book.cells)
    return whole(title_of(book, path), f"<main>\n{body}\n</main>", ("page.css",))


def of_text(text: str, path: str, notes: Notes) -> bytes:
    """Return a text that is no notebook as a page: markdown and HTML as they show, all else as code."""
    kind = PurePosixPath(path).suffix.lower()
    text = terminal.without_controls(text)
    if kind in {".md", ".markdown"}:
        shown = f'<div class="text">{markdown.as_html(text, {}, notes)}</div>'
    elif kind in {".html", ".htm", ".xhtml"}:
        shown = f'<div class="text">{cleaned(text, notes)}</div>'
    else:
        code = highlight.block(text, highlight.language_of(path))
        shown = f'<section class="cell raw">{code}</section>'
    return whole(words(PurePosixPath(path).name), f"<main>\n{shown}\n</main>", ("page.css",))


def whole(title: str, body: str, sheets: Iterable[str]) -> bytes:
    """Return a page around a body. `title`: escaped."""
    styles = "".join(_sheet(one) for one in sheets)
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="referrer" content="no-referrer">\n<title>{title}</title>\n'
        f"<style>\n{styles}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    ).encode()


def title_of(book: Book, path: str) -> str:
    """Return the first heading, or the name of the file; escaped."""
    for one in book.cells:
        if one.kind == "markdown" and (found := markdown.plain_title(one.source)):
            return found
    return words(PurePosixPath(path).stem or "Notebook")


def cell(one: Cell, language: str, notes: Notes) -> str:
    """Return one cell as HTML."""
    if one.kind == "markdown":
        return f'<section class="cell text">{markdown.as_html(one.source, one.attachments, notes)}</section>'
    if one.kind == "raw":
        return f'<section class="cell raw"><pre>{terminal.safe(one.source)}</pre></section>'
    count = f'<div class="count">{one.count if one.count is not None else ""}</div>'
    code = f'<div class="code">{count}{highlight.block(one.source, language)}</div>\n' if one.source else ""
    outputs = "\n".join(_output(output, notes) for output in one.outputs)
    return f'<section class="cell">{code}{outputs}</section>'


def _output(one: Output, notes: Notes) -> str:
    if one.kind == "stream":
        kind = " stderr" if one.name == "stderr" else ""
        return f'<div class="out{kind}"><pre>{terminal.as_html(one.text.removesuffix(chr(10)))}</pre></div>'
    if one.kind == "error":
        return f'<div class="out error"><pre>{terminal.as_html(one.text)}</pre></div>'
    return f'<div class="out">{_shown(one, notes)}</div>'


def _shown(one: Output, notes: Notes) -> str:
    match one.mime:
        case "text/html":
            return one.text  # cleaned by `rebuild`
        case "text/markdown":
            return f'<div class="text">{markdown.as_html(one.text, {}, notes)}</div>'
        case "text/latex":
            return mathml.of_output(one.text)
        case "image/svg+xml":
            return f'<img class="drawing" alt="" src="{svg.as_address(one.text)}">'
        case "image/png" | "image/jpeg":
            size = "".join(
                f' {name}="{value}"'
                for name, value in (("width", one.width), ("height", one.height))
                if value
            )
            return (
                f'<img class="drawing" alt=""{size} src="{attribute(f"data:{one.mime};base64,{one.text}")}">'
            )
        case "application/json":
            return highlight.block(one.text, "json")
        case _:
            return f"<pre>{terminal.as_html(one.text)}</pre>"


@cache
def _sheet(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")
