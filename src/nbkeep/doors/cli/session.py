"""`nbkeep session`: see, start, suspend, resume, stop, extend and explain sessions."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nbkeep.model.errors import Refused, Unavailable
from nbkeep.model.money import money_words
from nbkeep.model.session import fate_words

from . import panels, words
from .connect import office, part
from .options import Json, Limit, Yes, complete_profile, complete_session, complete_user, given
from .output import Column, clean, confirm, print_fields, print_json, print_note, print_table

if TYPE_CHECKING:
    from .client import Api

_POLL_S = 0.3
_LONGEST_S = 900.0  # the office ends a start or a stop that hangs long before
_OVER = frozenset({"suspended", "stopped", "failed"})
_LIVE_STATES = frozenset({"requested", "starting", "ready", "frozen", "stopping"})

Positional = Annotated[
    str | None,
    typer.Argument(metavar="ID", autocompletion=complete_session, help="The session, e.g. ses_06f3…."),
]
Named = Annotated[
    str | None,
    typer.Option("--session", metavar="ID", autocompletion=complete_session, help="The same, by name."),
]

session = typer.Typer(
    help="See, start, suspend, resume, stop, extend and explain sessions.", no_args_is_help=True
)


def register(app: typer.Typer) -> None:
    """Add `nbkeep session`."""
    app.add_typer(session, name="session", rich_help_panel=panels.WORK)


@session.command("list")
def list_sessions(
    user: Annotated[
        str | None, typer.Option("--user", autocompletion=complete_user, help="Only this user's.")
    ] = None,
    state: Annotated[
        str | None, typer.Option("--state", help="Only in this state, e.g. ready or failed.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Ended ones too.")] = False,
    limit: Limit = 200,
    as_json: Json = False,
) -> None:
    """List sessions, newest first: yours, or everybody's for an admin."""
    state = state or (None if everything else "open")
    with office() as api:
        found = list(api.items("sessions", limit=limit, user=user, state=state))
    if as_json:
        print_json(found)
        return
    columns = [
        Column("id", keep=True),
        Column("user"),
        Column("profile"),
        Column("state"),
        Column("idle in"),
        Column("memory", right=True),
    ]
    rows = [
        (
            s["session_id"],
            s["user"],
            s["profile"]["name"],
            _state(s),
            words.until(s["idle_stop_at"], s["now"]),
            words.size(s["memory_used_bytes"]),
        )
        for s in found
    ]
    print_table(
        columns,
        rows,
        "No sessions. Start one: `nbkeep session start --profile notebook-cpu-small`; "
        "`--all` lists ended ones.",
    )


@session.command()
def show(positional: Positional = None, named: Named = None, as_json: Json = False) -> None:
    """Show one session."""
    with office() as api:
        _print(api.get(_path(positional, named)), as_json=as_json)


@session.command()
def start(
    profile: Annotated[
        str, typer.Option("--profile", autocompletion=complete_profile, help="What to start.")
    ],
    name: Annotated[str | None, typer.Option("--name", help="Its name, part of its address.")] = None,
    user: Annotated[
        str | None,
        typer.Option("--user", autocompletion=complete_user, help="For whom (admins; default: yourself)."),
    ] = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until it is ready.")] = True,
    as_json: Json = False,
) -> None:
    """Start a session and tell each step until it is ready.

    Example: nbkeep session start --profile notebook-cpu-small --user jane
    """
    with office() as api:
        begun = api.post("sessions", given(profile=profile, name=name, user=user))
        if wait:
            begun = _wait_until(api, begun["session_id"], {"ready"}, quiet=as_json)
    _print(begun, as_json=as_json)


@session.command()
def quarantine(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A document, such as a notebook.")],
    profile: Annotated[
        str | None,
        typer.Option("--profile", autocompletion=complete_profile, help="One in quarantine."),
    ] = None,
    user: Annotated[
        str | None,
        typer.Option("--user", autocompletion=complete_user, help="For whom (admins; default: yourself)."),
    ] = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until it is ready.")] = True,
    as_json: Json = False,
) -> None:
    """Open a document in a session that has nothing of yours, and that keeps nothing.

    Example: nbkeep session quarantine found-on-the-web.ipynb
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        raise Refused(
            "unreadable", f"{file} cannot be read: {error.strerror}.", "Is the path right?"
        ) from error
    with office() as api:
        begun = api.post_bytes("sessions/quarantined", data, name=file.name, profile=profile, user=user)
        if wait:
            begun = _wait_until(api, begun["session_id"], {"ready"}, quiet=as_json)
    _print(begun, as_json=as_json)


@session.command()
def stop(
    positional: Positional = None,
    named: Named = None,
    reason: Annotated[
        str | None, typer.Option("--reason", help="Why; the user and the audit read it.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until it has stopped.")] = True,
    discard_state: Annotated[
        bool,
        typer.Option("--discard-state", help="Keep no variables; those of a suspended session go, too."),
    ] = False,
    yes: Yes = False,
) -> None:
    """Stop a session. Variables are kept where its profile keeps state: then it can be resumed.

    Files are kept, but for those of a session in quarantine: they go with it.

    Example: nbkeep session stop ses_06f3k2m9q1x8d4ztw7ha --discard-state
    """
    path = _path(positional, named)
    with office() as api:
        now = api.get(path)
        keeps = now.get("keeps_state") and not discard_state
        loss = "Its variables are saved first." if keeps else "What is only in its memory is lost."
        if now.get("quarantine"):
            loss = fate_words(keeps_state=False, quarantine=True)
        confirm(f"Stop {path.rpartition('/')[2]}? {loss}", yes=yes)
        stopping = api.post(f"{path}/stop", given(reason=reason, discard_state=discard_state or None))
        if wait:
            stopping = _wait_until(api, stopping["session_id"], set(_OVER), quiet=True)
    print_note(_ended_words(stopping))


@session.command()
def suspend(
    positional: Positional = None,
    named: Named = None,
    reason: Annotated[
        str | None, typer.Option("--reason", help="Why; the user and the audit read it.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until it is saved.")] = True,
    as_json: Json = False,
) -> None:
    """Save a session's variables and end its compute, until it is resumed.

    Example: nbkeep session suspend ses_06f3k2m9q1x8d4ztw7ha
    """
    with office() as api:
        ending = api.post(f"{_path(positional, named)}/suspend", given(reason=reason))
        if wait:
            known = len(ending.get("progress") or []) - 1  # how it once started is no news
            ending = _wait_until(api, ending["session_id"], set(_OVER), quiet=as_json, known=max(0, known))
    if wait and ending["state"] != "suspended":
        raise Refused(
            "state-not-saved",
            f"{ending['session_id']} is {ending['state']}: its variables could not be saved.",
            "Files are kept. Its log tells more: an admin looks at `nbkeep logs`.",
        )
    if as_json:
        print_json(ending)
        return
    print_note(_ended_words(ending))


@session.command()
def resume(
    positional: Positional = None,
    named: Named = None,
    profile: Annotated[
        str | None,
        typer.Option(
            "--profile", autocompletion=complete_profile, help="On another profile with the same image."
        ),
    ] = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until it is ready.")] = True,
    as_json: Json = False,
) -> None:
    """Resume a suspended session, or one that is paused: same address, same notebooks, same variables.

    Example: nbkeep session resume ses_06f3k2m9q1x8d4ztw7ha --profile notebook-cpu-large
    """
    with office() as api:
        why = str(api.get(_path(positional, named)).get("hindrance") or "")
        begun = api.post(f"{_path(positional, named)}/resume", given(profile=profile))
        if why and not as_json:
            print_note(why)
        if wait:
            begun = _wait_until(api, begun["session_id"], {"ready"}, quiet=as_json)
    _print(begun, as_json=as_json)


@session.command()
def checkpoints(positional: Positional = None, named: Named = None, as_json: Json = False) -> None:
    """Tell what is saved of a session, and which variables could not be kept."""
    with office() as api:
        found = api.get(f"{_path(positional, named)}/checkpoints")["items"]
    if as_json:
        print_json(found)
        return
    for one in found:
        until = f", kept until {words.moment(one['until'])} UTC" if one.get("until") else ""
        print_note(f"Saved {words.moment(one['saved_at'])} UTC, {words.size(one['bytes'])}{until}.")
    columns = [
        Column("notebook"),
        Column("kernel"),
        Column("kept", right=True),
        Column("size", right=True),
        Column("not kept", right=True),
    ]
    kernels = [kernel for one in found for kernel in one["kernels"]]
    rows = [
        (one["path"], one["name"], str(one["kept"]), words.size(one["bytes"]), str(len(one["lost"])))
        for one in kernels
    ]
    nothing = "It has no kernels." if found else "Nothing is saved of it."
    print_table(columns, rows, nothing)
    for one in kernels:
        if one.get("reason"):
            print(f"  {clean(one['path'])}: {clean(one['reason'])}")
        for lost in one["lost"]:
            print(f"  {clean(one['path'])}: {clean(lost['name'])}: {clean(lost['reason'])}")


@session.command()
def extend(positional: Positional = None, named: Named = None, as_json: Json = False) -> None:
    """Keep working: move the idle stop and the end, as far as the profile allows."""
    with office() as api:
        _print(api.post(f"{_path(positional, named)}/extend"), as_json=as_json)


@session.command()
def diagnose(positional: Positional = None, named: Named = None, as_json: Json = False) -> None:
    """Tell in one line why a session ended or does not start, and what to do.

    Example: nbkeep session diagnose --session ses_06f3k2m9q1x8d4ztw7ha
    """
    with office() as api:
        found = api.get(f"{_path(positional, named)}/diagnose")
    if as_json:
        print_json(found)
        return
    print(clean(found["message"]))
    if found.get("remedy"):
        print(f"  {clean(found['remedy'])}")
    facts: list[str] = found.get("facts") or []
    for fact in facts:
        print(f"  - {clean(fact)}")


@session.command()
def access(
    reason: Annotated[str, typer.Option("--reason", help="Why you enter; the user and the audit read it.")],
    positional: Positional = None,
    named: Named = None,
    as_json: Json = False,
) -> None:
    """Enter somebody's session as an admin, for an hour: the user is told, with your reason."""
    with office() as api:
        leave = api.post(f"{_path(positional, named)}/access", {"reason": reason})
    if as_json:
        print_json(leave)
        return
    print_note(f"You may enter until {words.moment(leave.get('until'))} UTC; the user has been told why.")
    if leave.get("url"):
        print(leave["url"])


def _path(positional: str | None, named: str | None) -> str:
    if positional and named and positional != named:
        raise typer.BadParameter("Give one session, either as ID or as --session ID.")
    chosen = positional or named
    if not chosen:
        raise typer.BadParameter("Say which session: its ID, as `nbkeep session list` shows it.")
    return f"sessions/{part(chosen)}"


def _wait_until(
    api: Api, session_id: str, states: set[str], *, quiet: bool, known: int = 0
) -> dict[str, Any]:
    """Poll until a state is reached, telling each new step; raise `Refused` when it failed on the way.

    `known`: so many steps are not told.
    """
    told, deadline = known, time.monotonic() + _LONGEST_S
    while time.monotonic() < deadline:
        found: dict[str, Any] = api.get(f"sessions/{part(session_id)}")
        steps: list[dict[str, Any]] = found.get("progress") or []
        if not quiet:
            for step in steps[told:]:
                print_note(f"· {step['message']}")
        told = len(steps)
        if found["state"] in states:
            return found
        if found["state"] not in _LIVE_STATES:
            stop: dict[str, Any] = found.get("stop") or {}
            raise Refused(
                str(stop.get("reason") or "not-ready"),
                str(stop.get("message") or f"It is {found['state']}."),
                str(stop.get("remedy") or f"See `nbkeep session diagnose {session_id}`."),
            )
        time.sleep(_POLL_S)
    raise Unavailable(
        "still-waiting",
        f"{session_id} has not got there in {_LONGEST_S / 60:.0f} minutes.",
        f"See `nbkeep session diagnose {session_id}`.",
    )


def _ended_words(found: dict[str, Any]) -> str:
    """Return how a session ended, and until when it can be resumed."""
    kept = found.get("kept")
    if found["state"] != "suspended" or not kept:
        return f"{found['session_id']} is {found['state']}."
    text = f"{found['session_id']} is suspended: {kept['kept']} variables are kept"
    text += f" until {words.moment(kept['until'])} UTC."
    if kept["lost"]:
        text += (
            f" {kept['lost']} could not be: `nbkeep session checkpoints {found['session_id']}` lists them."
        )
    return text


def _state(found: dict[str, Any]) -> str:
    if found.get("frozen_until"):
        return f"frozen (until {words.moment(found['frozen_until'])})"
    return f"{found['state']} ({found['stop']['reason']})" if found.get("stop") else str(found["state"])


def _hourly(found: dict[str, Any]) -> str | None:
    cost: int | None = found.get("cost_per_hour_microcents")
    return money_words(cost, found["profile"]["currency"] or "") if cost else None


def _print(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    ended: dict[str, Any] = found.get("stop") or {}
    print_fields(
        [
            ("id", found["session_id"]),
            ("name", found["name"]),
            ("user", found["user"]),
            ("profile", found["profile"]["name"]),
            ("state", _state(found)),
            ("address", found.get("url")),
            ("busy", "yes" if found.get("is_busy") else None),
            ("memory", words.size(found["memory_used_bytes"]) if found.get("memory_used_bytes") else None),
            ("costs an hour", _hourly(found)),
            ("started", words.moment(found["started_at"])),
            ("frozen since", words.moment(found["frozen_at"]) if found.get("frozen_at") else None),
            ("put on disk", words.moment(found["frozen_until"]) if found.get("frozen_until") else None),
            ("idle stop", words.moment(found["idle_stop_at"]) if found.get("idle_stop_at") else None),
            ("ends", words.moment(found["ends_at"]) if found.get("ends_at") else None),
            (
                "approved until",
                words.moment(found["approved_until"]) if found.get("approved_until") else None,
            ),
            ("ended", words.moment(found["ended_at"]) if found.get("ended_at") else None),
            ("kept until", words.moment(found["kept"]["until"]) if found.get("is_resumable") else None),
            ("hindrance", found.get("hindrance") or None),
            ("why", ended.get("message")),
            ("what to do", ended.get("remedy")),
        ]
    )
