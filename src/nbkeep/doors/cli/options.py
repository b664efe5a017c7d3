"""Options that many verbs share, and the names that the shell completes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from nbkeep.model.grantee import GRANTEE_WORDS

from .connect import office

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_MOST_COMPLETIONS = 200


def _completer(path: str, key: str, **params: Any) -> Callable[[str], list[str]]:
    def complete(incomplete: str) -> list[str]:
        return [name for name in _names(path, key, **params) if name.startswith(incomplete)]

    return complete


def _names(path: str, key: str, **params: Any) -> Iterator[str]:
    try:
        with office() as api:
            for item in api.items(path, limit=_MOST_COMPLETIONS, **params):
                yield str(item[key])
    except Exception:  # noqa: BLE001  a shell that completes must never show an error in the middle of a line
        return


complete_user = _completer("users", "name")
complete_flavor = _completer("flavors", "name")
complete_profile = _completer("profiles", "name")
complete_image = _completer("images", "name")
complete_session = _completer("sessions", "session_id", state="live")
complete_secret = _completer("secrets", "name")
complete_grant = _completer("grants", "id")
complete_provider = _completer("model-providers", "name")
complete_connection = _completer("connections", "name")
complete_project = _completer("projects", "name")
complete_release = _completer("releases", "id")
complete_push = _completer("pushes", "id")
complete_token = _completer("tokens", "id")
complete_alarm = _completer("alarms", "id")


def complete_role(incomplete: str) -> list[str]:
    """Return the roles that start so."""
    return [
        name for name in ("user", "admin", "reviewer", "auditor", "officer") if name.startswith(incomplete)
    ]


Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]
Whom = Annotated[str, typer.Argument(metavar="WHOM", help=f"{GRANTEE_WORDS}.")]
Grants = Annotated[
    list[str] | None, typer.Option("--grant", metavar="WHOM", help=f"{GRANTEE_WORDS}; repeat.")
]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, help="Show at most this many.")]
UserName = Annotated[str, typer.Argument(metavar="USER", autocompletion=complete_user, help="A user's name.")]
FlavorName = Annotated[
    str, typer.Argument(metavar="FLAVOR", autocompletion=complete_flavor, help="A flavor's name.")
]
ProfileName = Annotated[
    str, typer.Argument(metavar="PROFILE", autocompletion=complete_profile, help="A profile's name.")
]


def given(**fields: Any) -> dict[str, Any]:
    """Return the fields that the user gave: None means "not given"."""
    return {key: value for key, value in fields.items() if value is not None}


def require_some(fields: dict[str, Any], options: str) -> None:
    """End with a usage error when nothing was asked to change."""
    if not fields:
        raise typer.BadParameter(f"Say what to change: {options}.")
