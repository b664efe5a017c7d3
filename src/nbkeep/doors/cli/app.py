"""The one list of verbs, and the one place where an error becomes a sentence and an exit code."""

from __future__ import annotations

import importlib
import inspect
import os
import sys
from copy import copy
from functools import cache
from typing import TYPE_CHECKING, Annotated

import typer
from typer.main import get_command

from nbkeep import version
from nbkeep.model.errors import NbkeepError

from .faults import report_fault
from .help import Headings
from .output import print_error

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# Every verb, in the order of `nbkeep --help`. A new one is one file with `register(app)` and one line here.
VERBS = (
    "up",
    "down",
    "status",
    "logs",
    "doctor",
    "state_key",
    "image",
    "user",
    "project",
    "mail",
    "profile",
    "flavor",
    "session",
    "volume",
    "secret",
    "grant",
    "connection",
    "dataset",
    "classification",
    "policy",
    "rules",
    "upload",
    "liveness",
    "network",
    "dashboard",
    "report",
    "price",
    "quota",
    "model",
    "packages",
    "alarm",
    "audit",
    "inventory",
    "incident",
    "evidence",
    "scan",
    "inspect",
    "release",
    "push",
    "share",
    "gallery",
    "leftovers",
    "export",
    "apply",
    "login",
    "token",
)
_NAMES = tuple(verb.replace("_", "-") for verb in VERBS)
# login.py has three verbs, report.py two
_ORDER = (
    *_NAMES[: (_LATER := _NAMES.index("session"))], "usage", *_NAMES[_LATER:-1], "logout", "whoami", "token",
)  # fmt: skip

_HELP = """A governed notebook environment: private JupyterLab workspaces, and control over their reach.

Run it with `nbkeep up`, invite people with `nbkeep user invite`, look around with `nbkeep session list`.
"""


def _print_version(wanted: bool) -> None:
    if wanted:
        print(version())
        raise typer.Exit


class _Verbs(Headings):
    order = _ORDER


def build_app(verbs: Sequence[str] = VERBS) -> typer.Typer:
    """Return the command line with these verbs registered."""
    app = typer.Typer(
        name="nbkeep",
        help=_HELP,
        cls=_Verbs,
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,  # `run` reports errors; a traceback is never shown
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_first)
    for verb in verbs:
        importlib.import_module(f"nbkeep.doors.cli.{verb}").register(app)
    _keep_examples(app)
    return app


@cache
def _command(verb: str) -> Callable[..., object]:
    """Return the command line with one verb, or with all; once, for that takes longer than most commands.

    `verb`: "" for all, "--help" for all without what is below them, which their list does not show.
    """
    if verb == "--help":
        app = build_app()
        for group in app.registered_groups:
            group.typer_instance = _without_commands(group.typer_instance)
        return get_command(app)
    return get_command(build_app((verb,) if verb else VERBS))


def _without_commands(app: typer.Typer | None) -> typer.Typer | None:
    bare = copy(app)
    if bare is not None:
        bare.registered_commands, bare.registered_groups = [], []
    return bare


def _needed(args: list[str]) -> str:
    """Return what of the command line is needed for these arguments: to make all of it takes a while."""
    first = args[0] if args else "--help"
    if "_NBKEEP_COMPLETE" in os.environ:
        return ""  # a shell asks; what for is not in the arguments
    if first in {"--help", "-h"}:
        return "--help" if len(args) < 2 else ""
    verb = first.replace("-", "_")
    return verb if verb in VERBS else ""


def _first(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Take what stands before the verb; `show_version` has ended the command by then."""
    del show_version


def _keep_examples(app: typer.Typer) -> None:
    """Keep lines that begin with "Example:" whole in help; click's mark for it is a backspace character."""
    for group in app.registered_groups:
        if group.typer_instance:
            _keep_examples(group.typer_instance)
    for command in app.registered_commands:
        text = inspect.getdoc(command.callback) or ""
        command.help = text.replace("\n\nExample:", "\n\n\b\nExample:")


def run(args: list[str]) -> int:
    """Run one command line and return its exit code; prints errors to stderr and raises nothing."""
    try:
        _command(_needed(args))(args, prog_name="nbkeep")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except NbkeepError as error:
        print_error(error.message, error.remedy)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of our output, such as `head`, went away
        sys.stderr.close()
        return 1
    except Exception as error:  # noqa: BLE001  the last net: a bug is reported, not thrown at the user
        print_error(*report_fault(error))
        return 1
    return 0
