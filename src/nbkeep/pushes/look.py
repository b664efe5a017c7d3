"""Looks through all that a push would send, and writes down what of it a reviewer sees."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nbkeep.scanning.scan import examine
from nbkeep.scanning.spans import Spotted, spotted
from nbkeep.scanning.values import Finding, NotRead, Place, Result, mask

from .people import told_by
from .walk import walk

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nbkeep.scanning.spans import Look

    from .objects import Objects
    from .walk import Commit, File

MOST_SHOWN = 200  # commits, and files
_SHOWN_LETTERS, _ALL_LETTERS = 100_000, 4_000_000
_MESSAGE_LETTERS = 4_000
_MOST_FINDINGS = 2_000
_NAMES, _REFS = "(names of files)", "(names of branches and tags)"


def look_through(
    objects: Objects, refs: list[str], options: list[str], look: Look, *, page: bool
) -> dict[str, Any]:
    """Return, for JSON, what was found in a push and what it is. Raises `UnreadableError`.

    `refs`: the address that is pushed to, then each ref; `options`: what git passes on to the forge's hooks.
    `page`: also what of it a reviewer is shown, with what was found masked.
    """
    walked = walk(objects)
    only_secrets = replace(look, kinds=frozenset({"secret"}))
    found = Result()
    found.add(examine("\n".join([*refs, *options]).encode(errors="replace"), _REFS, look))
    found.add(examine("\n".join(walked.names).encode(errors="replace"), _NAMES, look))
    hiding = _Hiding(look, is_needed=bool(found.findings))
    for commit in walked.commits:
        where, said = f"({commit.kind} {commit.sha[:12]})", told_by(commit)
        found.add(examine(said.rest, where, look, commit=commit.sha))
        found.add(examine(said.names, where, only_secrets, commit=commit.sha))
    pages, left = list[dict[str, Any]](), _ALL_LETTERS
    for file in walked.files:
        if file.size > look.limits.file_bytes:
            found.not_read.append(NotRead(file.paths[0], Place(), "is too large", commit=file.commit))
            continue
        data = objects.read(file.sha)
        if file.more_paths:
            found.not_read.append(NotRead(file.paths[0], Place(), "has too many names", commit=file.commit))
        for path in file.paths:
            found.add(examine(data, path, look, commit=file.commit))
        if page and len(pages) < MOST_SHOWN:
            shown = _shown(data, file, look, hiding, left)
            left -= sum(len(text) for part in shown["parts"] for text, _ in part["pieces"])
            pages.append(shown)
    findings, more = _few(found.findings)
    return {
        "objects": hashlib.sha256("\n".join(sorted(objects.kinds)).encode()).hexdigest(),
        "findings": [replace(one, path=hiding.text(one.path)) for one in findings],
        "more": more,
        "not_read": [replace(one, path=hiding.text(one.path)) for one in found.not_read],
        "commits": [_told(one, look, hiding) for one in walked.commits[-MOST_SHOWN:]] if page else [],
        "commit_count": sum(one.kind == "commit" for one in walked.commits),
        "file_count": len(walked.files),
        "files": pages,
        "refs": [hiding.text(one) for one in refs],
    }


class _Hiding:
    """Masks values in names; looks only where any name has one."""

    def __init__(self, look: Look, *, is_needed: bool) -> None:
        self._look, self._is_needed = look, is_needed
        self._known: dict[str, str] = {}

    def text(self, name: str) -> str:
        """Return a name without a value in it."""
        if not self._is_needed:
            return name
        if name not in self._known:
            pieces = [text for text, _ in _pieces(name.encode(errors="replace"), "name.txt", self._look)]
            self._known[name] = "".join(pieces)
        return self._known[name]


def _told(commit: Commit, look: Look, hiding: _Hiding) -> dict[str, Any]:
    by, _, when = (commit.told("author") or commit.told("tagger")).rpartition("> ")
    committer = commit.told("committer").rpartition("> ")[0]
    who = f"{by}>, committed by {committer}>" if committer not in {"", by} else f"{by}>"
    only_secrets = replace(look, kinds=frozenset({"secret"}))
    message = [*_begun(told_by(commit).other_lines, look), *_begun(commit.message, look)]
    return {
        "id": commit.sha,
        "kind": commit.kind,
        "name": hiding.text(commit.told("tag")),
        "author": "".join(one for one, _ in _pieces(who.encode(), "author.txt", only_secrets)),
        "at": when.partition(" ")[0] if when.partition(" ")[0].isdigit() else "",
        "message": message,
    }


def _begun(text: bytes, look: Look) -> list[tuple[str, str]]:
    """Return the beginning of a text, with a mark where there is more of it."""
    few = text[: _MESSAGE_LETTERS * 4]
    pieces = _pieces(few, "message.txt", look)
    is_cut = len(few) < len(text) or sum(len(one) for one, _ in pieces) > _MESSAGE_LETTERS
    more = [(f"\n[not all is shown: it has {len(text):,} bytes]\n", "not all is shown")] if is_cut else []
    return [*_cut(pieces, _MESSAGE_LETTERS)[0], *more]


def _shown(data: bytes, file: File, look: Look, hiding: _Hiding, left: int) -> dict[str, Any]:
    """Return a file as a reviewer sees it: its texts with what was found masked, or why there is none."""
    told: dict[str, Any] = {
        "path": hiding.text(file.paths[0]),
        "places": [hiding.text(one) for one in file.places if one != file.paths[0]],
        "more_places": file.place_count - len(file.places),
        "commit": file.commit,
        "id": file.sha,
        "size_bytes": file.size,
        "parts": [],
        "hidden": "",
    }
    most = min(_SHOWN_LETTERS, left)
    for one in spotted(data, file.paths[0], look):
        if not isinstance(one, Spotted):
            continue
        spans = [*one.spans, *one.allowed]
        if one.part.joined:
            if spans:  # it is in several pieces, which stand in the others as they are
                return told | {"parts": [], "hidden": "What was found in it is split over several places."}
            continue
        pieces, most = _cut(_marked(one), most)
        place = one.part.place
        told["parts"].append(
            {"cell": place.cell, "part": hiding.text(place.part), "line": one.part.line, "pieces": pieces}
        )
        if most <= 0:
            told["hidden"] = "It is longer than what is shown here."
            break
    if not told["parts"]:
        told["hidden"] = told["hidden"] or "It has no text that could be shown."
    return told


def _pieces(data: bytes, name: str, look: Look) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for one in spotted(data, name, look):
        if isinstance(one, Spotted) and not one.part.joined:
            found += _marked(one)
    return found


def _marked(one: Spotted) -> list[tuple[str, str]]:
    """Return a text in pieces: as it is (""), or masked, with the title of what was found."""
    text, at, found = one.part.text, 0, list[tuple[str, str]]()
    for span in sorted([*one.spans, *one.allowed], key=lambda span: (span.begin, -span.end)):
        if span.end <= at:
            continue
        begin = max(span.begin, at)
        found += [(text[at:begin], ""), (mask(span.value), span.hit.title)]
        at = span.end
    return [*found, (text[at:], "")]


def _cut(pieces: list[tuple[str, str]], most: int) -> tuple[list[tuple[str, str]], int]:
    found: list[tuple[str, str]] = []
    for text, title in pieces:
        if most <= 0:
            break
        if text:
            found.append((_visible(text[:most]) if not title else text, title))
        most -= len(text)
    return found, most


def _visible(text: str) -> str:
    """Return a text in which signs stand out that are not seen, or turn the others round."""
    return "".join(one if one.isprintable() or one in "\n\t" else "\ufffd" for one in text)


def _few(findings: Iterable[Finding]) -> tuple[list[Finding], int]:
    every = sorted(findings, key=lambda one: one.kind != "secret")
    return every[:_MOST_FINDINGS], max(0, len(every) - _MOST_FINDINGS)
