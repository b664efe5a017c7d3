"""`nbkeep doctor`: what this machine guarantees, whether or not anything runs."""

from __future__ import annotations

import shutil
import sys
import textwrap
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from nbkeep.settings import Settings

from . import panels
from .options import Json
from .output import clean, print_json, print_note

if TYPE_CHECKING:
    from pathlib import Path

    from nbkeep.backends.interface import HostFact

_MARKS = {"holds": ("✓", "32"), "weaker": ("!", "33"), "missing": ("✗", "31"), "info": ("·", "0")}


def register(app: typer.Typer) -> None:
    """Add `nbkeep doctor`."""
    app.command(rich_help_panel=panels.MACHINE)(doctor)


def doctor(as_json: Json = False) -> None:
    """Tell, line by line, which guarantees hold on this machine.

    Each line holds (✓), is weaker here (!), or is missing (✗), with what to do about it. Works before
    anything was started. Ends with code 1 when something is missing or a service is down.
    """
    from nbkeep.backends.local.cgroups import find_cgroups  # slow to import, and only needed here
    from nbkeep.backends.local.host_facts import host_facts

    from .platform_facts import platform_facts

    settings = Settings.load()
    folder = _nearest(settings.data_dir)
    facts = [
        *host_facts(folder, find_cgroups(), settings.gpus),
        *platform_facts(settings),
    ]
    if folder != settings.data_dir:  # `Settings` has checked the length of the one to come
        facts = [fact for fact in facts if fact.id != "path-length"]
    if as_json:
        print_json([asdict(fact) for fact in facts])
    else:
        for fact in facts:
            _print(fact)
    missing = [fact for fact in facts if fact.status == "missing"]
    if missing:
        if not as_json:
            print_note(f"Missing: {', '.join(fact.title for fact in missing)}.")
        raise typer.Exit(1)


def _nearest(folder: Path) -> Path:
    """Return the folder, or the one in which it would be made: before the first start there is none."""
    return next(path for path in (folder, *folder.parents) if path.is_dir())


def _print(fact: HostFact) -> None:
    mark, colour = _MARKS[fact.status]
    if sys.stdout.isatty():
        mark = f"\033[{colour}m{mark}\033[0m"
    print(f"{mark} {_folded(f'{clean(fact.title)}: {clean(fact.detail)}', 2)}")
    if fact.remedy and fact.status != "holds":
        print(f"    → {_folded(clean(fact.remedy), 6)}")


def _folded(text: str, indent: int) -> str:
    """Return text folded for a terminal; whole for a pipe, where others search in it."""
    if not sys.stdout.isatty():
        return text
    width = max(40, shutil.get_terminal_size().columns - indent)
    lines = textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
    return f"\n{' ' * indent}".join(lines)
