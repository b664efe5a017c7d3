"""Has a push looked through by a child in a jail, whose every word is taken for hostile."""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbkeep.model.jsontypes import is_list, is_object
from nbkeep.rendering import jail, wire
from nbkeep.rendering.interface import Made

from .values import Examined, Page

if TYPE_CHECKING:
    from .receive import Pushed

TIMEOUT_S = 120.0
_MOST_RESULT = 96 << 20
_SHA256 = re.compile(r"[0-9a-f]{64}")
_MOST_LETTERS = 12_000_000


def examine_push(
    source: Path,
    pushed: Pushed,
    repository: str,
    work: Path,
    *,
    page: bool,
    rules: str = "",
    timeout_s: float = TIMEOUT_S,
) -> Examined:
    """Return what is in a push that lies in a file. Raises nothing for any content; OSError for a full disk.

    `work`: a folder that exists, for this alone. Whatever goes wrong is in `Examined.made.problem`, and
    counts as unread. `page`: also what a reviewer is shown. `rules`: the organisation's own, "" for none.
    """
    refs = [repository, *(one.ref.encode("utf-8", "replace").decode() for one in pushed.commands)]
    order = {"pack_at": pushed.pack_at, "refs": refs, "options": list(pushed.options), "page": page,
             "rules": bool(rules)}  # fmt: skip
    with tempfile.TemporaryDirectory(dir=work, prefix=".push-", ignore_cleanup_errors=True) as folder:
        out, held = Path(folder) / "out", Path(folder) / "rules.toml" if rules else None
        out.mkdir()
        if held is not None:  # beside what the program in the jail may write to
            held.write_text(rules, encoding="utf-8", newline="")
        said = json.dumps(order).encode()
        ended = jail.run(
            "nbkeep.pushes", [f"{timeout_s:.0f}"], source, out, said=said, timeout_s=timeout_s, rules=held
        )
        if ended.problem:
            return _unread(ended.problem)
        if ended.status is None:
            return _unread(f"It was not examined within {timeout_s:.0f} seconds.")
        if ended.status:
            return _unread("It made the program that examines it fail.")
        try:
            return _read(json.loads(_bytes(out / "result.json")), page=page)
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return _unread("What was told of it is not as it should be.")


def _read(told: Any, *, page: bool) -> Examined:
    if not is_object(told):
        raise ValueError("no answer")
    if problem := wire.sentence_of(told["problem"]):
        return _unread(f"It was not read: {problem}.")
    if not _SHA256.fullmatch(told["objects"]):
        raise ValueError("no objects")
    made = Made(findings=wire.findings_of(told["findings"]), not_read=wire.not_read_of(told["not_read"]))
    shown: Page = {"commits": [], "files": []}
    if page:
        shown = {
            "commits": [_commit(one) for one in told["commits"]],
            "files": [_file(one) for one in told["files"]],
        }
    counts = int(told["more"]), int(told["commit_count"]), int(told["file_count"])
    if min(counts) < 0 or max(counts) > 1 << 40:
        raise ValueError("no counts")
    return Examined(made, told["objects"], wire.sentences_of(told["refs"]), *counts, shown, has_page=page)


def _commit(one: Any) -> dict[str, Any]:
    words = {name: wire.sentence_of(one[name][:500]) for name in ("id", "kind", "name", "author", "at")}
    return {**words, "message": _pieces(one["message"])}


def _file(one: Any) -> dict[str, Any]:
    return {
        **{name: wire.sentence_of(one[name]) for name in ("path", "commit", "id", "hidden")},
        "places": wire.sentences_of(one["places"]),
        "more_places": _number(one["more_places"]),
        "size_bytes": _number(one["size_bytes"]),
        "parts": [
            {
                "cell": _number(part["cell"]),
                "part": wire.sentence_of(part["part"]),
                "line": _number(part["line"]),
                "pieces": _pieces(part["pieces"]),
            }
            for part in one["parts"]
        ],
    }


def _pieces(value: Any) -> list[list[str]]:
    """Return texts with the titles of what was found in them; both are shown as text, and never as a page."""
    found: list[list[str]] = []
    for one in value:
        if not is_list(one) or len(one) != 2 or not all(isinstance(word, str) for word in one):
            raise ValueError("no pieces")
        found.append([str(one[0])[:_MOST_LETTERS], wire.sentence_of(one[1])])
    return found


def _number(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 1 << 50:
        raise ValueError("no number")
    return value


def _unread(problem: str) -> Examined:
    return Examined(Made(problem=problem))


def _bytes(file: Path) -> bytes:
    if file.is_symlink() or not file.is_file() or file.stat().st_size > _MOST_RESULT:
        raise ValueError("no result")
    return file.read_bytes()
