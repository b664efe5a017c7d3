"""`nbkeep leftovers`: what tools left behind that still holds what was removed. Works without a server."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nbkeep.model.errors import NbkeepError

from . import panels, scan
from .options import Json
from .output import clean, confirm, print_error, print_json, print_note

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nbkeep.scanning.leftovers import Leftover
    from nbkeep.scanning.values import Finding, Result

_MOST_SHOWN = 5  # values of one file
_WORDS = {"checkpoint": "checkpoint", "export": "old export", "backup": "backup", "cache": "cache",
          "trash": "in the trash", "quarantine": "copy of what was not saved",
          "history": "in git's history"}  # fmt: skip


def register(app: typer.Typer) -> None:
    """Add `nbkeep leftovers`."""
    app.command("leftovers", rich_help_panel=panels.RECORD)(leftovers)


def leftovers(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH…", help="Folders: a project, a repository, a whole home.")
    ],
    history: Annotated[
        bool, typer.Option("--history", help="Also all that git has ever kept; it is never changed.")
    ] = False,
    delete: Annotated[
        bool, typer.Option("--clean", help="Delete the files whose values were removed elsewhere.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Delete without asking.")] = False,
    as_json: Json = False,
    rules: Annotated[
        Path | None,
        typer.Option("--rules", metavar="FILE", help="Rules of your own (TOML), beside the built-in ones."),
    ] = None,
    no_personal: Annotated[
        bool, typer.Option("--no-personal", help="Secrets only, no personal data.")
    ] = False,
    jobs: Annotated[
        int, typer.Option("--jobs", "-j", min=0, help="Processes at once; 0: one for each processor.")
    ] = 0,
) -> None:
    """Find what tools left behind: copies that still hold a secret that was removed from the file itself.

    Looks at checkpoints, exports beside their notebook, backups of editors, caches, the trash and the
    quarantine. A copy whose value is still in a file that people work with is told, and not deleted: remove
    it there first. Ends with 0 when nothing is left, 1 when something is, and 2 when something could not be
    read.

    Example: nbkeep leftovers ~/work --history --clean
    """
    try:
        code = _leftovers(paths, rules, jobs, history=history, delete=delete, yes=yes, as_json=as_json,
                          kinds=frozenset({"secret"} if no_personal else {"secret", "personal"}))  # fmt: skip
    except NbkeepError as error:
        print_error(error.message, error.remedy)
        code = scan.NOT_KNOWN
    raise typer.Exit(code)


def _leftovers(
    paths: list[Path],
    rules: Path | None,
    jobs: int,
    *,
    history: bool,
    delete: bool,
    yes: bool,
    as_json: bool,
    kinds: frozenset[str],
) -> int:
    from nbkeep.scanning import files
    from nbkeep.scanning.leftovers import leftovers as among
    from nbkeep.scanning.scan import Look

    look = Look(scan.detector(rules), kinds=kinds)
    jobs = jobs or os.cpu_count() or 1
    result = scan.examined(paths, look, [], history=history, jobs=jobs)
    entries = {one.path: one for one in files.listed(paths).entries}
    found = among(entries, result.findings)
    may_go = [one for one in found if one.may_go]
    if not as_json:
        for line in _told(found):
            print(line)
    gone: list[str] = []
    kept: dict[str, str] = {}
    if delete and may_go:
        confirm(f"Delete {_files(len(may_go))}?", yes=yes)
        for one in may_go:
            why = files.remove(entries[one.path])
            if why:
                kept[one.path] = why
            else:
                gone.append(one.path)
    left = [one for one in found if one.path not in gone or one.commit]
    if as_json:
        print_json(_as_json(left, gone, kept, result))
    else:
        for line in _ending(found, gone, kept, result, delete=delete):
            print_note(line)
    if any(not one.partly for one in result.not_read):
        return scan.NOT_KNOWN
    return scan.FOUND if left else 0


def _told(found: Iterable[Leftover]) -> Iterator[str]:
    from nbkeep.scanning.report import where

    for one in found:
        of = f" of {clean(one.of)}" if one.of and one.of != one.path else ""
        at = f", commit {one.commit[:12]}" if one.commit else ""
        yield f"{clean(one.path)}: {_WORDS[one.kind]}{of}{at}"
        values = [(each, "") for each in one.removed]
        values += [(each, "  still in a file that is worked with") for each in one.present]
        for each, note in values[:_MOST_SHOWN]:
            place = where(each.place, each.line)
            yield f"    {clean(each.title)}  {clean(each.masked)}  {clean(place)}{note}".rstrip()
        if len(values) > _MOST_SHOWN:
            yield f"    and {len(values) - _MOST_SHOWN:,} more"


def _ending(
    found: list[Leftover], gone: list[str], kept: dict[str, str], result: Result, *, delete: bool
) -> Iterator[str]:
    for path, why in kept.items():
        yield f"{clean(path)} was not deleted: {why}."
    if gone:
        yield f"{_files(len(gone))} deleted."
    whole = sum(not one.partly for one in result.not_read)
    if whole:
        yield f"{_files(whole)} could not be read: `nbkeep scan` names them."
    if not found:
        yield f"Nothing is left behind: {result.files:,} files read."
        return
    may_go = sum(one.may_go for one in found)
    if may_go and not delete:
        yield f"{_files(may_go)} may go: add --clean."
    if any(one.present for one in found):
        yield "What is still in a file that is worked with: remove it there first, then look again."
    if any(one.kind == "history" for one in found):
        yield ("Git's history stays as it is: it is in every clone. To rewrite it see `git filter-repo "
               "--replace-text`; all who have a clone must then clone anew.")  # fmt: skip
    for each in _to_rotate(found):
        yield f"Rotate this secret: {clean(each.title)} {clean(each.masked)}. It may have left."
    if _to_rotate(found):
        yield "Have a new one issued where it came from, then keep that in the vault (`nbkeep secret set`)."


def _to_rotate(found: Iterable[Leftover]) -> list[Finding]:
    """Return one finding of each secret that may have left: in git, or in something made to be given away."""
    left = [
        each for one in found if one.kind in {"history", "export"} for each in (*one.removed, *one.present)
    ]
    return list({each.same: each for each in left if each.kind == "secret"}.values())


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count:,} files"


def _as_json(left: list[Leftover], gone: list[str], kept: dict[str, str], result: Result) -> dict[str, Any]:
    def told(each: Finding, *, is_removed: bool) -> dict[str, Any]:
        return {
            "rule": each.rule,
            "kind": each.kind,
            "title": each.title,
            "severity": each.severity,
            "masked": each.masked,
            "cell": each.place.cell,
            "line": each.line,
            "removed": is_removed,
        }

    return {
        "leftovers": [
            {"path": one.path, "kind": one.kind, "of": one.of, "commit": one.commit, "may_go": one.may_go,
             "values": [*(told(each, is_removed=True) for each in one.removed),
                        *(told(each, is_removed=False) for each in one.present)]}
            for one in left
        ],
        "deleted": gone,
        "not_deleted": kept,
        "rotate": [told(each, is_removed=True) for each in _to_rotate(left)],
        "not_read": [{"path": one.path, "reason": one.reason} for one in result.not_read if not one.partly],
    }  # fmt: skip
