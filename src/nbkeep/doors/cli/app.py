"""The one list of verbs, and the one place where an error becomes a sentence and an exit code."""

from __future__ import annotations

import importlib
import inspect
import sys
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
    from collections.abc import Callable

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


def build_app() -> typer.Typer:
    """Return the command line with every verb registered."""
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
    for verb in VERBS:
        importlib.import_module(f"nbkeep.doors.cli.{verb}").register(app)
    _keep_examples(app)
    return app


@cache
def _command() -> Callable[..., object]:
    """Return the command line made once in this process: that takes longer than most commands do."""
    return get_command(build_app())


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
        _command()(args, prog_name="nbkeep")
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
