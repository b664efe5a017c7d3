"""An index's page of one project: read (PEP 503, 691, 700), and written anew. Pure.

What is passed on is made anew from what was understood, so that no client can read anything else in it.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import orjson
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import Version

from nbkeep.egress.parse import parse_host
from nbkeep.model.errors import Refused

from .values import IndexFile

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_BYTES = 24 << 20
JSON_TYPE = "application/vnd.pypi.simple.v1+json"
HTML_TYPE = "application/vnd.pypi.simple.v1+html"
ACCEPT = f"{JSON_TYPE}, {HTML_TYPE};q=0.2, text/html;q=0.1"
_HTML_TYPES = frozenset({HTML_TYPE, "text/html"})
_SHA256 = re.compile(r"[0-9a-f]{64}")
_NOT_IN_A_SPECIFIER = re.compile(r"[^A-Za-z0-9._<>=!~*+-]+")
_MOST_SHOWN = 20  # refused files whose reasons are passed on: clients list them all
_LONGEST = 2000
_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True)
class RefusedFile:
    """A file that may not be fetched, and why."""

    file: IndexFile
    why: str


def parse_filename(filename: str) -> tuple[str, Version] | None:
    """Return project and version of a wheel's or sdist's name; None for anything else."""
    try:
        if filename.endswith(".whl"):
            name, version, _, _ = parse_wheel_filename(filename)
        else:
            name, version = parse_sdist_filename(filename)
    except (InvalidWheelFilename, InvalidSdistFilename):
        return None
    return str(name), version


def read_page(data: bytes, content_type: str, url: str, name: str) -> list[IndexFile]:
    """Return the files of a project that a page names; raises ValueError for what is no such page.

    A file whose name is not its address's, or another project's, or no wheel's or sdist's, is left out.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind == JSON_TYPE:
        found = _read_json(data)
    elif kind in _HTML_TYPES:
        found = _read_html(data)
    else:
        raise ValueError(f"the index answered with {kind[:80] or 'no content type'}")
    files = (_file(one, url, name) for one in found)
    return [one for one in files if one is not None]


def write_page(
    name: str, kept: Iterable[IndexFile], refused: Iterable[RefusedFile], *, as_json: bool, for_pip: bool
) -> bytes:
    """Return the page that a client gets.

    Of the refused the newest are shown as yanked, with why: clients pick them by themselves for no range, and
    uv tells the reason. pip tells it of no yanked file, but of one that needs another Python: `for_pip`.
    """
    newest = sorted(refused, key=lambda one: one.file.version, reverse=True)
    once = {one.file.version: one for one in reversed(newest)}
    shown = list(reversed(once.values()))[:_MOST_SHOWN]
    entries = [_entry(one) for one in kept]
    entries += [_refused_entry(one, for_pip=for_pip) for one in shown]
    if as_json:
        return orjson.dumps({"meta": {"api-version": "1.0"}, "name": name, "files": entries})
    lines = "\n".join(_anchor(one) for one in entries)
    said = html.escape(name)
    return (
        '<!DOCTYPE html>\n<html><head><meta name="pypi:repository-version" content="1.0">'
        f"<title>{said}</title></head><body>\n{lines}\n</body></html>\n"
    ).encode()


def write_refusal(name: str, why: str, *, as_json: bool, for_pip: bool) -> bytes:
    """Return a page that says of a whole project why nothing of it may be fetched, in the same way."""
    filename = f"{name.replace('-', '_')}-0-py3-none-any.whl"
    # Its address leads nowhere: who asks for it has not read why it is there.
    file = IndexFile(name, Version("0"), filename, f"refused/{filename}", "")
    return write_page(name, [], [RefusedFile(file, why)], as_json=as_json, for_pip=for_pip)


def _entry(file: IndexFile) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "filename": file.filename,
        "url": file.url,
        "hashes": {"sha256": file.sha256} if file.sha256 else {},
    }
    if file.requires_python:
        entry["requires-python"] = file.requires_python
    if file.yanked is not False:
        entry["yanked"] = file.yanked
    if file.has_metadata:
        said = {"sha256": file.metadata_sha256} if file.metadata_sha256 else True
        entry["core-metadata"] = entry["data-dist-info-metadata"] = said
    if file.size is not None:
        entry["size"] = file.size
    if file.uploaded_at is not None:
        entry["upload-time"] = file.uploaded_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return entry


def _refused_entry(one: RefusedFile, *, for_pip: bool) -> dict[str, Any]:
    entry = _entry(one.file)
    entry.pop("core-metadata", None)
    entry.pop("data-dist-info-metadata", None)
    entry["yanked"] = f"nbkeep: {one.why}"
    entry.pop("requires-python", None)
    if for_pip:
        # PEP 440's `===` takes any text without blanks.
        entry["requires-python"] = f"===nbkeep:{_NOT_IN_A_SPECIFIER.sub('-', one.why).strip('-')}"
    return entry


def _anchor(entry: dict[str, Any]) -> str:
    hashes = entry["hashes"]
    fragment = f"#sha256={hashes['sha256']}" if hashes else ""
    attributes = {"href": entry["url"] + fragment, "data-requires-python": entry.get("requires-python")}
    if "yanked" in entry:
        attributes["data-yanked"] = entry["yanked"] if isinstance(entry["yanked"], str) else ""
    if "core-metadata" in entry:
        told = entry["core-metadata"]
        said = "true" if told is True else f"sha256={told['sha256']}"
        attributes["data-core-metadata"] = attributes["data-dist-info-metadata"] = said
    told = "".join(f' {key}="{html.escape(value)}"' for key, value in attributes.items() if value is not None)
    return f"<a{told}>{html.escape(entry['filename'])}</a><br>"


def _read_json(data: bytes) -> list[dict[str, Any]]:
    page: Any = orjson.loads(data)
    files = cast("dict[str, Any]", page).get("files") if isinstance(page, dict) else None
    version = cast("dict[str, Any]", page).get("meta") if isinstance(page, dict) else None
    if not isinstance(files, list) or not isinstance(version, dict):
        raise ValueError("the index's answer is no page of a project")
    if not str(cast("dict[str, Any]", version).get("api-version", "")).startswith("1."):
        raise ValueError("the index speaks another version of its protocol")
    return [one for one in cast("list[Any]", files) if isinstance(one, dict)]


class _Anchors(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[dict[str, Any]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag != "a":
            return
        said = dict(reversed(attrs))  # of what is there twice, browsers read the first
        if (href := said.get("href")) is None:
            return
        url, fragment = urldefrag(href)
        algorithm, _, value = fragment.partition("=")
        metadata = said.get("data-core-metadata", said.get("data-dist-info-metadata"))
        self.found.append({
            "filename": unquote(urlsplit(url).path.rpartition("/")[2]),
            "url": url,
            "hashes": {algorithm: value},
            "requires-python": said.get("data-requires-python"),
            "yanked": (said["data-yanked"] or True) if "data-yanked" in said else False,
            "core-metadata": _html_metadata(metadata),
            "upload-time": said.get("data-upload-time"),  # of some indexes; no PEP names it
        })  # fmt: skip


def _html_metadata(said: str | None) -> dict[str, str] | bool:
    algorithm, _, value = (said or "").partition("=")
    return {algorithm: value} if value else said is not None


def _read_html(data: bytes) -> list[dict[str, Any]]:
    reader = _Anchors()
    reader.feed(data.decode("utf-8"))
    reader.close()
    return reader.found


def _file(told: dict[str, Any], page: str, name: str) -> IndexFile | None:
    filename, url, hashes = told.get("filename"), told.get("url"), told.get("hashes")
    if not isinstance(filename, str) or not isinstance(url, str) or len(filename) > _LONGEST:
        return None
    parsed = parse_filename(filename)
    if parsed is None or parsed[0] != name:
        return None
    if len(url) > _LONGEST or not url.isascii() or not url.isprintable() or " " in url:
        return None
    url = urldefrag(urljoin(page, url))[0]
    place = place_of(url)
    if not place or unquote(urlsplit(url).path.rpartition("/")[2]) != filename:
        return None
    requires, size = told.get("requires-python"), told.get("size")
    yanked: Any = told.get("yanked", False)
    metadata: Any = told.get(
        "core-metadata", told.get("data-dist-info-metadata", told.get("dist-info-metadata"))
    )
    return IndexFile(
        name=name,
        version=parsed[1],
        filename=filename,
        url=url,
        place=place,
        sha256=_sha256(hashes),
        uploaded_at=_moment(told.get("upload-time")),
        yanked=yanked[:_LONGEST] if isinstance(yanked, str) else bool(yanked),
        requires_python=requires[:_LONGEST] if isinstance(requires, str) else "",
        size=size if isinstance(size, int) and not isinstance(size, bool) and size >= 0 else None,
        metadata_sha256=_sha256(metadata),
        has_metadata=bool(metadata),
    )


def _sha256(hashes: object) -> str:
    value = cast("dict[str, Any]", hashes).get("sha256") if isinstance(hashes, dict) else None
    return value.lower() if isinstance(value, str) and _SHA256.fullmatch(value.lower()) else ""


def _moment(value: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return at if at is None or at.tzinfo is not None else at.replace(tzinfo=UTC)


def place_of(url: str) -> str:
    """Return an address as host:port/path?query, in which two ways to write it are the same; "" for none."""
    try:
        parts = urlsplit(url)
        host, port = parse_host(parts.hostname or ""), parts.port or _PORTS[parts.scheme]
    except (Refused, ValueError, KeyError):
        return ""
    if parts.username is not None:
        return ""
    return f"{host}:{port}{parts.path or '/'}" + (f"?{parts.query}" if parts.query else "")


def normalised(name: str) -> str:
    """Return a project's name in the form of PEP 503; "" for what is none."""
    made = str(canonicalize_name(name))
    return made if re.fullmatch(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?", made) and name.isascii() else ""
