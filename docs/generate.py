"""Write the reference pages that are made from the program itself: `python docs/generate.py [--check]`."""  # noqa: INP001

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer.main

from nbkeep.app import Office
from nbkeep.doors.api import create_app
from nbkeep.doors.cli.app import build_app
from nbkeep.model.clock import SystemClock
from nbkeep.settings import Settings
from nbkeep.store.database import Store

if TYPE_CHECKING:
    from collections.abc import Iterator

REFERENCE = Path(__file__).parent / "reference"
_CLI_HEAD = """# Command line

<!-- Made by docs/generate.py from the program; do not edit. -->

Every verb goes through the [REST API](rest.md), so the command line, the portal and your own programs
can do the same things. [Which nbkeep it talks to](../howto/use-from-elsewhere.md), and as whom, is said
by the environment, by `nbkeep login`, or by the data directory of this machine.

**Exit codes.** 0: done. 1: refused, or something does not answer; one message and what to do are on
standard error. 2: the command was written wrongly. 130: interrupted.

**Output.** Every list has `--json`. Tables fit a terminal; piped, they are plain and nothing is cut.

**Shell completion.** `nbkeep --install-completion` sets it up for bash, zsh or fish, with the names of
your profiles, users and sessions.
"""
_REST_HEAD = """# REST API

<!-- Made by docs/generate.py from the program; do not edit. -->

Everything is below `/api/v1`. Send an API token as `Authorization: Bearer nbk_…`; make one on the portal
or with `nbkeep token create`. A running nbkeep describes itself at `/api/v1/openapi.json`, and shows
that at `/api/v1/docs`.

- **Errors** have the shape `{"code", "message", "remedy"}`; see [statuses and errors](statuses.md).
- **Lists** answer `{"items": […], "next": …}`; send `next` back as `cursor` for the next page, `limit`
  for its size.
- **Durations and sizes** may be written for people (`15min`, `8GiB`) or as numbers (seconds, bytes).
  Answers always have   numbers, in fields whose names end in `_s` and `_bytes`.
- **Times** are UTC, in ISO 8601.
"""


def cli_page() -> str:
    """Return the page of all verbs."""
    root: Any = typer.main.get_command(build_app())
    return _CLI_HEAD + "".join(_verb(("nbkeep",), root))


def rest_page() -> str:
    """Return the page of all paths."""
    out = [_REST_HEAD]
    seen = ""
    nowhere: Any = None  # describing the paths calls neither node nor hub
    settings = Settings(data_dir=Path("/var/lib/nbkeep"))
    office = Office(settings, Store("sqlite://"), SystemClock(), nowhere, nowhere)
    described = create_app(office).openapi()
    for path, calls in sorted(described["paths"].items()):
        for method, call in calls.items():
            tag = (call.get("tags") or ["other"])[0]
            if tag != seen:
                out.append(f"\n## {tag}\n")
                seen = tag
            words = call.get("description") or call["summary"]
            out.append(f"\n### `{method.upper()} {path.removeprefix('/api/v1')}`\n\n{words}\n")
            out += _parameters(call, described["components"]["schemas"])
    return "".join(out)


def _verb(path: tuple[str, ...], command: Any) -> Iterator[str]:
    if not hasattr(command, "commands"):
        yield f"\n{'#' * min(len(path), 3)} `{' '.join(path)}`\n\n{_help(command)}\n"
        yield from _options(path, command)
        return
    if len(path) > 1:
        yield f"\n## `{' '.join(path)}`\n\n{_help(command)}\n"
    context = typer.Context(command, info_name="nbkeep")
    for name in command.list_commands(context):
        child = command.get_command(context, name)
        if not child.hidden:
            yield from _verb((*path, name), child)


def _help(command: Any) -> str:
    text = inspect.cleandoc(command.help or "").replace("\b\n", "")
    before, found, example = text.partition("\n\nExample: ")
    return f"{before}\n\n```sh\n{example}\n```" if found else before


def _options(path: tuple[str, ...], command: Any) -> Iterator[str]:
    shown = [one for one in command.params if not getattr(one, "hidden", False) and one.name != "help"]
    arguments = [one for one in shown if one.param_type_name == "argument"]
    usage = " ".join([*path, *(_name(one) if one.required else f"[{_name(one)}]" for one in arguments)])
    yield f"\n`{usage}{' [OPTIONS]' if len(shown) > len(arguments) else ''}`\n"
    if shown:
        yield "\n| | |\n|---|---|\n"
    for one in shown:
        name = _name(one) if one in arguments else ", ".join([*one.opts, *one.secondary_opts])
        needed = " Required." if one.required else ""
        default = (
            "" if one.default in (None, False) or callable(one.default) else f" Default: `{one.default}`."
        )
        words = (one.help or "").replace("|", "\\|")
        yield f"| `{name}` | {words}{needed}{default} |\n"


def _name(argument: Any) -> str:
    return str(argument.metavar or argument.name.upper()).strip("[]")


def _parameters(call: dict[str, Any], schemas: dict[str, Any]) -> Iterator[str]:
    rows = [
        (one["name"], "in the path" if one["in"] == "path" else "query", one.get("description", ""))
        for one in call.get("parameters", [])
        if one["in"] in {"path", "query"}
    ]
    for content in call.get("requestBody", {}).get("content", {}).values():
        schema = _resolved(content["schema"], schemas)
        needed = schema.get("required", [])
        rows += [
            (name, "body, required" if name in needed else "body", field.get("description", ""))
            for name, field in schema.get("properties", {}).items()
        ]
    if rows:
        yield "\n| name | where | |\n|---|---|---|\n"
        yield from (f"| `{name}` | {where} | {words} |\n" for name, where, words in rows)


def _resolved(schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    for one in (schema, *schema.get("anyOf", [])):
        if "$ref" in one:
            return schemas[one["$ref"].rpartition("/")[2]]
    return schema


PAGES = {"cli.md": cli_page, "rest.md": rest_page}


def main() -> int:
    """Write the pages, or with --check tell which of them are out of date."""
    stale = 0
    for name, make in PAGES.items():
        file, text = REFERENCE / name, make()
        if not file.exists() or file.read_text() != text:
            stale += 1
            print(f"{file}: out of date" if "--check" in sys.argv else f"{file}: written")  # noqa: T201
            if "--check" not in sys.argv:
                file.write_text(text)
    return int("--check" in sys.argv and stale > 0)


if __name__ == "__main__":
    sys.exit(main())
