"""`nbkeep scan`: secrets and personal data in files, folders and git histories. Works without a server."""

from __future__ import annotations

import os
import sys
import time
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nbkeep.model.errors import NbkeepError, invalid

from . import panels
from .options import Json
from .output import clean, print_error, print_json, print_note

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from nbkeep.scanning.baseline import Baseline
    from nbkeep.scanning.interface import Detector
    from nbkeep.scanning.scan import Look
    from nbkeep.scanning.values import Result

FOUND, NOT_KNOWN = 1, 2
_SHOWN_EVERY_S = 0.2


def register(app: typer.Typer) -> None:
    """Add `nbkeep scan`."""
    app.command("scan", rich_help_panel=panels.RECORD)(scan)


def scan(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH…", help="Files, folders, git repositories or whole homes.")
    ],
    history: Annotated[
        bool, typer.Option("--history", help="Also all that git has ever kept, each version once.")
    ] = False,
    as_json: Json = False,
    as_sarif: Annotated[
        bool, typer.Option("--sarif", help="Print SARIF 2.1.0, for GitHub, GitLab and editors.")
    ] = False,
    baseline: Annotated[
        Path | None, typer.Option("--baseline", metavar="FILE", help="What is known: it counts no more.")
    ] = None,
    write_baseline: Annotated[
        Path | None,
        typer.Option(
            "--write-baseline",
            metavar="FILE",
            help="Take all findings for known, and keep the reasons there.",
        ),
    ] = None,
    rules: Annotated[
        Path | None,
        typer.Option("--rules", metavar="FILE", help="Rules of your own (TOML), beside the built-in ones."),
    ] = None,
    no_personal: Annotated[
        bool, typer.Option("--no-personal", help="Secrets only, no personal data.")
    ] = False,
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="RULE", help="This rule only; repeat for more.")
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option(
            "--exclude", metavar="PATTERN", help="Leave out such names or paths, e.g. '.venv'; repeat."
        ),
    ] = None,
    allow_unread: Annotated[
        bool, typer.Option("--allow-unread", help="End with 0 even if something could not be read.")
    ] = False,
    no_marks: Annotated[
        bool, typer.Option("--no-marks", help="Take no `nbkeep:allow` in a file for an answer.")
    ] = False,
    jobs: Annotated[
        int, typer.Option("--jobs", "-j", min=0, help="Processes at once; 0: one for each processor.")
    ] = 0,
) -> None:
    """Find secrets and personal data in notebooks, code, documents, tables, archives and git history.

    Nothing is sent anywhere, and no value is printed. Ends with 0 when nothing was found, 1 when something
    was that is not in the baseline, and 2 when something could not be read or the command itself is wrong.

    Example: nbkeep scan . --history --baseline .nbkeep-baseline.json
    """
    if as_json and as_sarif:
        raise typer.BadParameter("Choose one of --json and --sarif.")
    try:
        code = _scan(paths, history, _Form(as_json, as_sarif), baseline, write_baseline, rules,
                     frozenset({"secret"}) if no_personal else frozenset({"secret", "personal"}),
                     frozenset(only or ()), exclude or [],
                     allow_unread=allow_unread, heed_marks=not no_marks, jobs=jobs)  # fmt: skip
    except NbkeepError as error:
        # Not 1, which says that the content is to blame.
        print_error(error.message, error.remedy)
        code = NOT_KNOWN
    raise typer.Exit(code)


class _Form:
    def __init__(self, as_json: bool, as_sarif: bool) -> None:
        self.as_json, self.as_sarif = as_json, as_sarif


def _scan(
    paths: list[Path],
    history: bool,
    form: _Form,
    baseline: Path | None,
    write_baseline: Path | None,
    rules: Path | None,
    kinds: frozenset[str],
    only: frozenset[str],
    exclude: list[str],
    *,
    allow_unread: bool,
    heed_marks: bool,
    jobs: int,
) -> int:
    from nbkeep.scanning import baseline as baselines
    from nbkeep.scanning.scan import Look

    known = _known(baseline, write_baseline)
    look = Look(detector(rules), kinds=kinds, salt=known.salt, heed_marks=heed_marks, rules=only)
    _refuse_unknown(only, look.detector)
    result = examined(paths, look, exclude, history=history, jobs=jobs or os.cpu_count() or 1)
    if exclude and not result.files and not result.not_read:
        # A slip in a pattern must not make a pipeline green.
        raise invalid(
            "exclude", "--exclude leaves nothing to read.", "Leave out less, or name another folder."
        )
    if write_baseline:
        count = baselines.write(write_baseline, known, [one for one in result.findings if not one.allowed])
        print_note(
            f"{count} findings are in {write_baseline} now. Write the reason of each there, and commit it."
        )
    if baseline or write_baseline:
        known = baselines.load(write_baseline) if write_baseline else known
        result.findings = known.heed(result.findings)
    return _print(result, form, history=history, allow_unread=allow_unread)


def _refuse_unknown(only: frozenset[str], detector: Detector) -> None:
    for rule in sorted(only - detector.rules):
        near = ", ".join(get_close_matches(rule, sorted(detector.rules), 3, 0.4))
        remedy = f"Name one that is there: {near}." if near else "See docs/reference/rules.md."
        raise invalid("only", f"There is no rule {clean(rule)[:80]}.", remedy)


def _known(baseline: Path | None, write_baseline: Path | None) -> Baseline:
    from nbkeep.scanning import baseline as baselines

    if baseline and write_baseline and baseline != write_baseline:
        raise invalid(
            "baseline", "--baseline and --write-baseline name two files.", "Name one: reasons in it are kept."
        )
    if write_baseline:
        return baselines.load(write_baseline) if write_baseline.exists() else baselines.new(write_baseline)
    return baselines.load(baseline) if baseline else baselines.new(Path("none"))


def detector(rules: Path | None) -> Detector:
    """Return what finds: by the built-in rules, and those in a file. Raises `Invalid`."""
    from nbkeep.scanning import detect

    return detect.with_rules(rules) if rules else detect.standard()


def examined(paths: list[Path], look: Look, exclude: list[str], *, history: bool, jobs: int) -> Result:
    """Return what is in these files, telling on a terminal how far it is. Raises `Refused` for none."""
    from nbkeep.scanning import files, many
    from nbkeep.scanning import history as histories
    from nbkeep.scanning.values import NotRead, Place

    listing = files.listed(paths, exclude)
    repositories = _repositories(paths, listing.repositories) if history else []
    with _progress(len(listing.entries)) as told:
        result = many.examine_files(listing.entries, look, jobs, told)
    result.not_read += [NotRead(path, Place(), f"cannot be opened: {why}") for path, why in listing.errors]
    for repository in repositories:
        try:
            listed = histories.kept(repository, look.limits)
            with _progress(len(listed.wanted)) as told:
                result.add(many.examine_history(repository, listed.wanted, look, jobs, told))
        except NbkeepError as error:
            # What was found elsewhere is told all the same.
            why = f"has a history that was not read: {error.message}"
            result.not_read.append(NotRead(str(repository), Place(), why))
            continue
        limit = look.limits.file_bytes // 2**20
        result.not_read += [
            NotRead(one.path, Place(), f"is larger than {limit:,} MiB", commit=one.commit)
            for one in listed.large
        ]
        if listed.cut:
            most = f"{histories.MOST_CHANGES:,}"
            why = f"has a history of more than {most} changes: what is behind has no name here"
            result.not_read.append(NotRead(str(repository), Place(), why, partly=True))
    return result


def _repositories(paths: list[Path], below: list[str]) -> list[Path]:
    from nbkeep.scanning import history as histories

    found: dict[Path, None] = {}
    for path in [*paths, *map(Path, below)]:
        one = histories.repository_of(path)
        if one is not None:
            near = os.path.relpath(one)
            found[one.absolute() if near.startswith("..") else Path(near)] = None
    if not found:
        raise invalid(
            "path", f"There is no git repository at {paths[0]}.", "Leave out --history, or name one."
        )
    return list(found)


@contextmanager
def _progress(total: int) -> Generator[Callable[[Result], None]]:
    """Show on a terminal how far it is, on one line that is gone in the end."""
    read = found = 0
    shown = time.monotonic()

    def told(one: Result) -> None:
        nonlocal read, found, shown
        read += one.files
        found += len(one.findings)
        if sys.stderr.isatty() and time.monotonic() - shown > _SHOWN_EVERY_S:
            shown = time.monotonic()
            print(
                f"\r\033[K{read:,} of {total:,} files read, {found:,} found",
                end="",
                file=sys.stderr,
                flush=True,
            )

    try:
        yield told
    finally:
        if sys.stderr.isatty():
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def _print(result: Result, form: _Form, *, history: bool, allow_unread: bool) -> int:
    from nbkeep.scanning import report

    if form.as_json:
        print_json(report.as_json(result))
    elif form.as_sarif:
        from nbkeep.scanning.sarif import as_sarif

        print_json(as_sarif(result))
    else:
        for line in report.as_text(result, clean, colours=sys.stdout.isatty(), history=history):
            print(line)
    if report.counting(result.findings):
        return FOUND
    if any(not one.partly for one in result.not_read) and not allow_unread:
        print_note("Something could not be read, so this ends with 2; --allow-unread takes it for clean.")
        return NOT_KNOWN
    return 0
