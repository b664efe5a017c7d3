"""`nbkeep release`: let documents leave your home, and review what others want to let leave."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from nbkeep.model.errors import Refused, invalid
from nbkeep.model.units import format_duration, format_size

from . import panels, words
from .connect import office, part
from .files import write_whole_bytes
from .options import Json, Limit, complete_project, complete_release, complete_session
from .output import Column, print_fields, print_json, print_note, print_table

_HELP = """Let documents leave your home, and review what others want to let leave.

A copy of the file is examined outside of your session. Policies say what becomes of it: it may leave, without
what was found in it, once somebody else has looked at it, or not at all.
"""
release = typer.Typer(help=_HELP, no_args_is_help=True)

_POLL_S = 0.5
_IN_WORK = ("copying", "examining")
_KEEP = ("code", "outputs", "markdown", "raw_cells", "hidden_cells", "attachments", "tags")
_COMMENT = re.compile(r"(?:cell\s*)?(\d{1,7})\s*[:=]\s*(.+)", re.DOTALL)
Which = Annotated[
    str, typer.Argument(metavar="RELEASE", autocompletion=complete_release, help="Its id, `rel_…`.")
]
Out = Annotated[Path | None, typer.Option("--out", "-o", help="Write to this file (0600).")]


def register(app: typer.Typer) -> None:
    """Add `nbkeep release`."""
    app.add_typer(release, name="release", rich_help_panel=panels.WORK)


@release.command()
def request(
    file: Annotated[str, typer.Argument(metavar="FILE", help="Its path from your home on.")],
    gate: Annotated[str, typer.Option("--gate", metavar="download|export|share|publish", help="Which way.")],
    form: Annotated[
        str, typer.Option("--form", metavar="ipynb|html|pdf|script|slides|original", help="As what.")
    ] = "",
    reason: Annotated[str, typer.Option("--reason", help="What for; a reviewer reads it.")] = "",
    to: Annotated[
        list[str] | None,
        typer.Option("--to", metavar="WHOM", help="Of a share: user:NAME, project:NAME, everyone; repeat."),
    ] = None,
    until: Annotated[str, typer.Option("--until", metavar="DURATION", help="How long a share lasts.")] = "",
    title: Annotated[str, typer.Option("--title", help="Of a share or publication.")] = "",
    description: Annotated[str, typer.Option("--description", help="The same, in some sentences.")] = "",
    tag: Annotated[list[str] | None, typer.Option("--tag", help="To find it by; repeat.")] = None,
    project: Annotated[
        str, typer.Option("--project", autocompletion=complete_project, help="For which of your projects.")
    ] = "",
    session: Annotated[
        str,
        typer.Option(
            "--session", metavar="ID", autocompletion=complete_session, help="Whose profile's rules hold."
        ),
    ] = "",
    keep: Annotated[
        list[str] | None,
        typer.Option("--keep", metavar="PART", help="Also raw_cells, hidden_cells, tags; repeat."),
    ] = None,
    without: Annotated[
        list[str] | None,
        typer.Option("--without", metavar="PART", help="Not code, outputs, markdown, attachments; repeat."),
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it is examined.")] = False,
    as_json: Json = False,
) -> None:
    """Ask to let a file of your home leave: it is copied, examined, and judged by the policies.

    Example: nbkeep release request work/churn.ipynb --gate export --form html --reason 'for the board' --wait

    Example: nbkeep release request churn.ipynb --gate share --to user:bob --until 7d --reason 'to compare'
    """
    wanted = {
        "path": file,
        "gate": gate,
        "form": form,
        "reason": reason,
        "to": to or [],
        "until": until,
        "title": title,
        "description": description,
        "tags": tag or [],
        "project": project,
        "session": session,
        "keep": _kept(keep or [], without or []),
    }
    with office() as api:
        found = api.post("releases", wanted)
        while wait and found["state"] in _IN_WORK:
            time.sleep(_POLL_S)
            found = api.get(f"releases/{found['id']}")
    if as_json:
        print_json(found)
        return
    print(found["id"])
    print_note(_news(found))


@release.command("list")
def list_releases(
    mine: Annotated[bool, typer.Option("--mine", help="Only your own.")] = False,
    to_review: Annotated[
        bool, typer.Option("--to-review", help="Only those that wait for your decision.")
    ] = False,
    state: Annotated[str | None, typer.Option("--state", help="Such as waiting, ready or denied.")] = None,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """List releases, newest first: yours, and as a reviewer those that needed a review.

    Example: nbkeep release list --to-review
    """
    if mine and to_review:
        raise invalid("show", "Nobody reviews their own.", "Give either --mine or --to-review.")
    show_ = "mine" if mine else "to-review" if to_review else "all"
    with office() as api:
        found = list(api.items("releases", limit=limit, show=show_, state=state))
    if as_json:
        print_json(found)
        return
    columns = [
        Column("release", keep=True),
        Column("user"),
        Column("file", keep=True),
        Column("gate"),
        Column("form"),
        Column("found"),
        Column("state", keep=True),
        Column("asked (UTC)"),
    ]
    rows = [
        (one["id"], one["user"], one["path"], one["gate"], one["form"], ", ".join(one["found"]), one["state"],
         words.moment(one["requested_at"]))
        for one in found
    ]  # fmt: skip
    print_table(columns, rows, "Nothing here. `nbkeep release request FILE --gate export --reason …` asks.")


@release.command()
def show(which: Which, as_json: Json = False) -> None:
    """Show what was asked for, what was found, what was decided, and by whom."""
    with office() as api:
        found = api.get(f"releases/{part(which)}")
    if as_json:
        print_json(found)
        return
    _print(found)


@release.command()
def get(which: Which, out: Out = None) -> None:
    """Take a document of yours that may leave. It is given once.

    Example: nbkeep release get rel_… -o churn.html
    """
    with office() as api:
        found = api.get(f"releases/{part(which)}")
        if not found["may"]["take"] and found["state"] == "ready":
            raise Refused("not-yours", f"{found['id']} is a document of {found['user']}.", "They take it.")
        page: dict[str, Any] = found[found["variant"]] if found["variant"] else {}
        path = out or Path(Path(str(page.get("name", "document"))).name)
        if out is None and path.exists():
            raise Refused("file-exists", f"{path} is there already.", "Choose another file with -o.")
        size = write_whole_bytes(path, api.chunks(f"releases/{part(which)}/document"))
    print_note(f"{path}: {format_size(size)}, SHA-256 {found['sha256']}.")


@release.command()
def preview(which: Which, out: Out = None) -> None:
    """Write a page that shows what would leave, with what was found marked. It runs no scripts.

    For its reviewers, and for its author once it may leave.
    """
    _page(which, "preview", out)


@release.command()
def compare(which: Which, out: Out = None) -> None:
    """Write a page that shows what changed since the same file left before."""
    _page(which, "compare", out)


@release.command()
def withdraw(which: Which) -> None:
    """End a request of yours before the document has left; admins may end anybody's."""
    with office() as api:
        found = api.post(f"releases/{part(which)}/withdraw")
    print_note(f"{found['id']} is withdrawn.")


@release.command()
def approve(
    which: Which,
    sha256: Annotated[
        str, typer.Option("--sha256", metavar="HASH", help="Of what you looked at; `show` prints it.")
    ],
    redacted: Annotated[bool, typer.Option("--redacted", help="Without what was found in it.")] = False,
    reason: Annotated[str, typer.Option("--reason", help="Its author is told.")] = "",
) -> None:
    """Let out what somebody else asked for: exactly the bytes with that hash.

    Example: nbkeep release approve rel_… --redacted --sha256 0b5e…
    """
    body = {"sha256": sha256, "redacted": redacted, "reason": reason}
    with office() as api:
        found = api.post(f"releases/{part(which)}/approve", body)
    print_note(f"{found['id']} of {found['user']} is {found['state']} ({found['variant']}).")


@release.command()
def deny(
    which: Which, reason: Annotated[str, typer.Option("--reason", help="Why; its author is told.")]
) -> None:
    """Turn a request down."""
    with office() as api:
        found = api.post(f"releases/{part(which)}/deny", {"reason": reason})
    print_note(f"{found['id']} of {found['user']} is denied.")


@release.command("send-back")
def send_back(
    which: Which,
    cell: Annotated[
        list[str] | None,
        typer.Option("--cell", metavar="N:WORDS", help="What is to be changed in cell N; repeat."),
    ] = None,
    reason: Annotated[str, typer.Option("--reason", help="Words for all of it.")] = "",
) -> None:
    """Have its author change the document first.

    Example: nbkeep release send-back rel_… --cell '3: leave out the names' --cell '5: clear this output'
    """
    body = {"reason": reason, "comments": [_comment(one) for one in cell or []]}
    with office() as api:
        found = api.post(f"releases/{part(which)}/send-back", body)
    print_note(f"{found['id']} of {found['user']} was sent back.")


def _kept(keep: list[str], without: list[str]) -> dict[str, bool]:
    for one in (*keep, *without):
        if one.replace("-", "_") not in _KEEP:
            raise invalid("keep", f"{one[:40]!r} is no part of a notebook.", f"One of: {', '.join(_KEEP)}.")
    said = {one.replace("-", "_"): True for one in keep}
    return said | {one.replace("-", "_"): False for one in without}


def _comment(text: str) -> dict[str, Any]:
    found = _COMMENT.fullmatch(text.strip())
    if found is None:
        raise invalid("comment", f"{text[:40]!r} is no comment.", "Write it like '3: leave out the names'.")
    return {"cell": int(found[1]), "text": found[2]}


def _page(which: str, what: str, out: Path | None) -> None:
    path = out or Path(f"{which}-{what}.html")
    with office() as api:
        write_whole_bytes(path, api.chunks(f"releases/{part(which)}/{what}"))
    print_note(f"{path}: open it in a browser.")


def _news(found: dict[str, Any]) -> str:
    """Return what to do next."""
    which = found["id"]
    if found["state"] in _IN_WORK:
        return f"It is being examined; `nbkeep release show {which}` tells what became of it."
    if found["state"] == "ready":
        return f"It may leave ({found['variant']}): `nbkeep release get {which}`, once."
    if found["state"] == "waiting":
        return f"It waits for a reviewer: {', '.join(found['found'])} found. `nbkeep release show {which}`"
    if found["state"] == "released":
        return f"It is out ({found['variant']}): {found['share_id'] or 'taken'}."
    return f"It is {found['state']}. {found['answer'] or found['problem']}".strip()


def _print(found: dict[str, Any]) -> None:
    plain, redacted = found["plain"], found["redacted"]
    print_fields(
        [
            ("release", found["id"]),
            ("state", found["state"]),
            ("file", found["path"]),
            ("who", found["user"]),
            ("way", f"{found['gate']}, {found['form']}"),
            ("project", found["project"]),
            ("why", found["reason"]),
            ("for", ", ".join(found["audience"])),
            ("lasts", format_duration(found["lasts_s"]) if found["lasts_s"] else ""),
            ("found", ", ".join(found["found"])),
            ("class", found["classification"]),
            ("policies say", found["decision"]),
            ("problem", found["problem"]),
            ("plain", f"{plain['sha256']}, {format_size(plain['size_bytes'])}" if plain else ""),
            ("redacted", f"{redacted['sha256']}, {format_size(redacted['size_bytes'])}" if redacted
             else found["not_redacted"]),
            ("left out", "; ".join(found["left_out"])),
            ("let out", found["variant"]),
            ("decided by", found["decided_by"]),
            ("answer", found["answer"]),
            ("asked", words.moment(found["requested_at"])),
            ("decided", words.moment(found["decided_at"])),
            ("take it until", words.moment(found["lapses_at"])),
            ("taken", words.moment(found["taken_at"])),
            ("share", found["share_id"]),
        ]
    )  # fmt: skip
    rows = [
        (one["cell"] or "", one["part"], " ".join([one["title"], *_alive(one)]), one["masked"])
        for one in found["findings"]
    ]
    if rows:
        columns = [Column("cell", right=True), Column("where"), Column("what", keep=True), Column("value")]
        print_table(columns, rows, "")
    for one in found["not_read"]:
        print_note(f"Not read: {one['part'] or one['inside'] or 'the file'} {one['reason']}")
    for one in found["comments"]:
        print_note(f"Cell {one['cell']}: {one['text']}" if one["cell"] else one["text"])


def _alive(one: dict[str, Any]) -> list[str]:
    return [f"({one['alive']})"] if one.get("alive") else []
