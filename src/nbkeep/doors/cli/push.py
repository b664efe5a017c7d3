"""`nbkeep push`: commits that wait for a review before git sends them to a forge."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from nbkeep.model.errors import invalid

from . import panels, words
from .connect import office, part
from .options import Json, Limit, complete_push
from .output import Column, print_fields, print_json, print_note, print_table

_HELP = """Commits that wait for a review before git sends them to a forge.

Push with git, as ever. What waits is told by git itself; once somebody else has approved it, push exactly the
same again.
"""
_SIGNS = {"same": " ", "added": "+", "removed": "-", "part": "@", "gap": "…"}
push = typer.Typer(help=_HELP, no_args_is_help=True)
Which = Annotated[str, typer.Argument(metavar="PUSH", autocompletion=complete_push, help="Its id, `psh_…`.")]


def register(app: typer.Typer) -> None:
    """Add `nbkeep push`."""
    app.add_typer(push, name="push", rich_help_panel=panels.WORK)


@push.command("list")
def list_pushes(
    mine: Annotated[bool, typer.Option("--mine", help="Only your own.")] = False,
    to_review: Annotated[
        bool, typer.Option("--to-review", help="Only those that wait for your decision.")
    ] = False,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """List pushes that need a review, newest first: yours, and as a reviewer everybody's.

    Example: nbkeep push list --to-review
    """
    if mine and to_review:
        raise invalid("show", "Nobody reviews their own.", "Give either --mine or --to-review.")
    show_ = "mine" if mine else "to-review" if to_review else "all"
    with office() as api:
        found = list(api.items("pushes", limit=limit, show=show_))
    if as_json:
        print_json(found)
        return
    columns = [
        Column("push", keep=True),
        Column("user"),
        Column("repository", keep=True),
        Column("commits", right=True),
        Column("found"),
        Column("state", keep=True),
        Column("asked (UTC)"),
    ]
    rows = [
        (one["id"], one["user"], one["repository"], one["commits"], ", ".join(one["found"]), one["state"],
         words.moment(one["requested_at"]))
        for one in found
    ]  # fmt: skip
    print_table(columns, rows, "Nothing here. Pushes that need a review are listed once git has sent them.")


@push.command()
def show(
    which: Which,
    contents: Annotated[
        bool, typer.Option("--contents", help="Also the commits and files, with what was found masked.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show what would be pushed where, what was found in it, and what was decided.

    Example: nbkeep push show psh_… --contents
    """
    with office() as api:
        found = api.get(f"pushes/{part(which)}")
        page: dict[str, Any] | None = api.get(f"pushes/{part(which)}/contents") if contents else None
    if as_json:
        print_json(found | {"contents": page} if page else found)
        return
    _print(found)
    if page:
        _print_contents(page)


@push.command()
def approve(
    which: Which,
    fingerprint: Annotated[
        str, typer.Option("--fingerprint", metavar="HASH", help="Of what you looked at; `show` prints it.")
    ],
    reason: Annotated[str, typer.Option("--reason", help="Its author is told.")] = "",
) -> None:
    """Let somebody else's push pass, once, when they push exactly the same again.

    Example: nbkeep push approve psh_… --fingerprint 0b5e…
    """
    with office() as api:
        found = api.post(f"pushes/{part(which)}/approve", {"fingerprint": fingerprint, "reason": reason})
    print_note(
        f"{found['id']} of {found['user']} may be pushed once, until {words.moment(found['lapses_at'])}."
    )


@push.command()
def deny(
    which: Which, reason: Annotated[str, typer.Option("--reason", help="Why; its author is told.")]
) -> None:
    """Turn a push down."""
    with office() as api:
        found = api.post(f"pushes/{part(which)}/deny", {"reason": reason})
    print_note(f"{found['id']} of {found['user']} is denied.")


@push.command("send-back")
def send_back(
    which: Which,
    reason: Annotated[str, typer.Option("--reason", help="What is to be changed; its author is told.")],
) -> None:
    """Have its author change the commits first.

    Example: nbkeep push send-back psh_… --reason 'take the customer list out of the first commit'
    """
    with office() as api:
        found = api.post(f"pushes/{part(which)}/send-back", {"reason": reason})
    print_note(f"{found['id']} of {found['user']} was sent back.")


@push.command()
def withdraw(which: Which) -> None:
    """End a request of yours before anything was sent; admins may end anybody's."""
    with office() as api:
        found = api.post(f"pushes/{part(which)}/withdraw")
    print_note(f"{found['id']} is withdrawn.")


def _print(found: dict[str, Any]) -> None:
    print_fields(
        [
            ("push", found["id"]),
            ("state", found["state"]),
            ("who", found["user"]),
            ("to", found["repository"]),
            ("refs", ", ".join(_ref(one) for one in found["refs"])),
            ("commits", str(found["commits"])),
            ("files", str(found["files"])),
            ("found", ", ".join(found["found"])),
            ("fingerprint", found["fingerprint"]),
            ("decided by", found["decided_by"]),
            ("answer", found["answer"]),
            ("asked", words.moment(found["requested_at"])),
            ("decided", words.moment(found["decided_at"])),
            ("push again until", words.moment(found["lapses_at"])),
        ]
    )
    rows = [
        (one["path"], one["line"] or "", one["commit"][:10], one["title"], one["masked"])
        for one in found["findings"]
    ]
    if rows:
        columns = [Column("file", keep=True), Column("line", right=True), Column("commit"),
                   Column("what", keep=True), Column("value")]  # fmt: skip
        print_table(columns, rows, "")
    for one in found["not_read"]:
        print_note(f"Not read: {one['path']} {one['reason']}")


def _ref(one: dict[str, str]) -> str:
    return one["ref"] if one["new"].strip("0") else f"{one['ref']} (deleted)"


def _print_contents(page: dict[str, Any]) -> None:
    for one in page["commits"]:
        print_note(f"{one['kind']} {one['id'][:10]} by {one['author']}")
        print_note("".join(text for text, _ in one["message"]))
    for one in page["files"]:
        print_note(f"{one['path']} ({one['commit'][:10]}) {one['hidden']}")
        if places := one.get("places"):
            more = f" and {one['more_places']:,} more" if one["more_places"] else ""
            print_note(f"  also as {', '.join(places)}{more}")
        if changes := one.get("changes"):
            since = changes["push_id"] or f"commit {changes['commit'][:10]} of this push"
            print_note(f"  changed since {since}{', compared in part' if changes['partly'] else ''}:")
            for what, line in changes["rows"]:
                print_note(f"  {_SIGNS[what]} {''.join(text for text, _ in line)}")
            print_note("  all of it:")
        for shown in one["parts"]:
            print_note("".join(text for text, _ in shown["pieces"]))
