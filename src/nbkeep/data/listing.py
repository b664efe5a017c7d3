"""A listing: what S3 is asked for, what it answers, and the page or JSON that a program gets of it. Pure."""

from __future__ import annotations

import html
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal
from urllib.parse import parse_qsl, quote, unquote, urlencode
from xml.parsers import expat

from . import keys

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .values import Level, Source

PAGE = 1000  # keys, the most that S3 gives at once
_MOST_BYTES = 2000
_WANTED = frozenset({"prefix", "after", "page", "format"})
_LEAVES = frozenset({"Key", "Size", "LastModified", "IsTruncated"})


@dataclass(frozen=True)
class Wanted:
    """What to list: keys that begin with `prefix`, those after `after`. `page`: where to go on, sealed."""

    prefix: str = ""
    after: str = ""
    page: str = ""
    form: Literal["json", "html"] = "html"


@dataclass(frozen=True)
class Item:
    """One object. `modified`: as the server writes it (ISO 8601)."""

    key: str
    size_bytes: int
    modified: str


@dataclass
class Page:
    """A part of a listing; `is_cut`: there are more keys after the last one."""

    items: list[Item] = field(default_factory=list[Item])
    is_cut: bool = False
    last: str = ""  # the last key, also if it is none that may be read


def wanted(query: bytes, accept: bytes) -> Wanted:
    """Return what a request's query asks for; raise ValueError saying what is wrong with it."""
    if len(query) > _MOST_BYTES:
        raise ValueError("the query is too long")
    pairs = parse_qsl(query.decode("ascii", "replace"), keep_blank_values=True, errors="strict")
    found = dict(pairs)
    if len(found) != len(pairs) or not found.keys() <= _WANTED:
        raise ValueError("a listing takes prefix=, after=, page= and format=, each once")
    prefix, after, page = (found.get(name, "") for name in ("prefix", "after", "page"))
    if after and page:
        raise ValueError("a listing goes on after a key or with a page, not with both")
    keys.check(prefix)
    keys.check(after)
    form = found.get("format", "json" if b"application/json" in accept else "html")
    if form not in {"json", "html"}:
        raise ValueError("the format is json or html")
    return Wanted(prefix, after, page, "json" if form == "json" else "html")


def question(source: Source, level: Level, asked: Wanted) -> bytes | None:
    """Return what S3 is asked: never for keys that do not begin with the dataset's own prefix.

    None where nothing can be there. Who reads the sample alone does not choose the question: that an answer
    is cut would tell which other keys there are.
    """
    prefix = asked.prefix if level == "whole" else keys.beginning(source.samples, asked.prefix)
    if prefix is None:
        return None
    pairs = {"encoding-type": "url", "list-type": "2", "max-keys": str(PAGE)}
    pairs["prefix"] = source.prefix + prefix
    if asked.after:
        pairs["start-after"] = source.prefix + asked.after
    return f"/{source.bucket}?{urlencode(pairs, quote_via=quote)}".encode()


def read(data: bytes, prefix: str) -> Page:
    """Return what S3's XML says; raise ValueError for what is none.

    Keys outside of the prefix, and those that no address can name, are left out.
    """
    page, path, text = Page(), list[str](), list[str]()
    found: dict[str, str] = {}

    def start(name: str, _: object) -> None:
        path.append(name)
        text.clear()
        if name == "Contents":
            found.clear()

    def end(name: str) -> None:
        path.pop()
        if name in _LEAVES:
            found[name] = "".join(text)
        if name == "Contents":
            _take(page, found, prefix)
        elif name == "IsTruncated" and len(path) == 1:
            page.is_cut = found[name] == "true"

    def doctype(*_: object) -> None:
        raise ValueError("the listing declares a document type")

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler, parser.StartDoctypeDeclHandler = text.append, doctype
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise ValueError("the listing is not XML") from error
    return page


def _take(page: Page, found: dict[str, str], prefix: str) -> None:
    key = unquote(found.get("Key", "").replace("+", " "))
    if not key.startswith(prefix):
        return
    key = key[len(prefix) :]
    page.last = key
    try:
        keys.check(key)
        size = int(found.get("Size", "0"))
    except ValueError:
        return
    if key and not key.endswith("/"):
        page.items.append(Item(key, size, found.get("LastModified", "")))


def told(source: Source, level: Level, asked: Wanted, page: Page, more: str) -> tuple[str, bytes]:
    """Return the content type and body of a listing, of keys that may be read; `more`: the page after it."""
    items = [one for one in page.items if one.key.startswith(asked.prefix)]
    if level != "whole":
        items = [one for one in items if keys.in_sample(source.samples, one.key)]
    if asked.form == "json":
        return "application/json", _json(source, level, asked, items, more)
    return "text/html; charset=utf-8", _html(source, level, asked, items, more)


def _json(source: Source, level: Level, asked: Wanted, items: Iterable[Item], more: str) -> bytes:
    objects = [
        {"key": one.key, "url": _url(source, one.key), "size_bytes": one.size_bytes, "modified": one.modified}
        for one in items
    ]
    body = {
        "dataset": source.name,
        "classification": source.classification,
        "access": level,
        "prefix": asked.prefix,
        "objects": objects,
        "next": f"{source.address}?{_more(asked, more)}" if more else None,
    }
    return (json.dumps(body) + "\n").encode()


def _html(source: Source, level: Level, asked: Wanted, items: Iterable[Item], more: str) -> bytes:
    lines = [
        f'<tr><td><a href="/{html.escape(quote(one.key))}">{html.escape(one.key)}</a></td>'
        f"<td>{one.size_bytes}</td><td>{html.escape(one.modified)}</td></tr>"
        for one in items
    ]
    title = f"{source.name}: {source.classification}, {'all of it' if level == 'whole' else 'its sample'}"
    link = f'<p><a href="/?{html.escape(_more(asked, more))}">More</a></p>' if more else ""
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{html.escape(title)}</title>"
        f"<h1>{html.escape(title)}</h1><table><tr><th>Key<th>Bytes<th>Modified</tr>\n"
        + "\n".join(lines)
        + f"</table>{link}</html>\n"
    ).encode()


def _url(source: Source, key: str) -> str:
    return source.address + quote(key)


def _more(asked: Wanted, page: str) -> str:
    return urlencode({"prefix": asked.prefix, "page": page, "format": asked.form}, quote_via=quote)
