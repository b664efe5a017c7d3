"""What all questions for access share: for which sessions, for how long, and what is told afterwards."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from nbkeep.model.errors import invalid

from .connect import office
from .options import complete_profile, complete_session, given
from .output import print_json, print_note

ForSession = Annotated[
    str | None,
    typer.Option("--session", metavar="ID", autocompletion=complete_session, help="Who needs it."),
]
ForProfile = Annotated[
    str | None,
    typer.Option("--profile", autocompletion=complete_profile, help="Or for sessions of this profile."),
]
ForDuration = Annotated[
    str, typer.Option("--for", metavar="DURATION", help="For how long, from the approval on.")
]


def ask_for(
    what: dict[str, Any],
    *,
    who: str,
    session: str | None,
    profile: str | None,
    reason: str,
    duration: str,
    as_json: bool,
) -> None:
    """Ask for one thing, such as `{"dataset": "sales"}`, and tell that `who` decides. Raises `Refused`."""
    if (session is None) == (profile is None):
        raise invalid("session", "For which sessions?", "Give either --session ID or --profile NAME.")
    wanted = what | given(session=session, profile=profile, reason=reason, duration=duration)
    with office() as api:
        found = api.post("grants", wanted)
    if as_json:
        print_json(found)
        return
    print_note(f"{found['id']} asks for {found['subject']} in your sessions of {found['profile']}.")
    print_note(f"{who} decides; `nbkeep grant show {found['id']}` tells what became of it.")
