"""What the hub's spawner is given to launch: only a session admitted for that user and that name."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from nbkeep.audit import events, journal
from nbkeep.model.actor import ROLE_SCOPES, Actor, Role
from nbkeep.model.errors import Refused
from nbkeep.model.session import SessionState
from nbkeep.packages.values import index_variables
from nbkeep.store.tables import SessionRow, UserRow
from nbkeep.vault import leases
from nbkeep.vault.placeholders import placeholders_of

from .identity import issue_token
from .kept import grace_s, state_env
from .place import place_spec
from .records import live_session, note_progress, user_named
from .start import request_session
from .state_key_records import record_unknown
from .states import move

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from nbkeep.store.database import Tx

    from .interface import Parts

_LAUNCHABLE = frozenset({SessionState.REQUESTED, SessionState.STARTING})
_OFFICE_SOCKET_INSIDE = "/run/nbkeep/office/office.sock"


def launch(
    parts: Parts,
    *,
    user: str,
    server_name: str,
    session_id: str | None,
    profile: str | None,
    env: Mapping[str, str],
) -> dict[str, Any]:
    """Return {"session_id", "run", "grace_s", "launch"}: for the warden, with a fresh token.

    Without a session id somebody used JupyterHub's own way to start: then the same admission decides, for the
    profile that the options name. A session id that was not admitted for exactly this user and name is
    refused, whatever else is right about it. Twice for one session is safe: the newest token counts.
    """
    if session_id is None:
        session_id = _admit_by_hub(parts, user, server_name, profile)
    with parts.store.write() as tx:
        owner = user_named(tx, user)
        row = tx.get(SessionRow, session_id)
        if row is None or row.user_id != owner.id or row.name != server_name or row.state not in _LAUNCHABLE:
            raise Refused(
                "not-admitted",
                f"Not started: no session was admitted for {user} under {server_name!r}.",
                "Start it from the portal or with `nbkeep session start`.",
            )
        if owner.status != "active":
            raise Refused("user-disabled", f"Not started: the account {user} is not active.", "Ask an admin.")
        if row.state == SessionState.REQUESTED:
            move(row, SessionState.STARTING)
            row.started_at = parts.clock.now()
            note_progress(row, parts.clock.now(), "home", "Preparing your home folder.")
            journal.append(
                tx,
                parts.clock,
                _hub_actor(owner),
                events.SessionLaunched(
                    session_id=row.id,
                    image=row.profile["image"],
                    cpu_millis=row.profile["cpu_millis"],
                    memory_bytes=row.profile["memory_bytes"],
                    gpu_count=row.profile["gpu_count"],
                ),
            )
        spec = _spec(parts, tx, row, owner, env)
        if row.state_key_id is not None:
            record_unknown(tx, parts.clock, [row.state_key_id])
        return {
            "session_id": row.id,
            "run": row.run,
            "grace_s": grace_s(parts.settings, row.profile),
            "launch": spec,
        }


def _admit_by_hub(parts: Parts, user: str, server_name: str, profile: str | None) -> str:
    with parts.store.read() as tx:
        owner = user_named(tx, user)
        waiting = live_session(tx, owner.id, server_name)
    if waiting is not None and waiting.state == SessionState.REQUESTED:
        return waiting.id  # admitted for this user and name already: the hub only did not say so
    if not profile:
        raise Refused("no-profile", "Not started: no profile was chosen.", "Start a session from the portal.")
    return request_session(parts, _hub_actor(owner), profile, name=server_name or None)


def _hub_actor(owner: UserRow) -> Actor:
    return Actor(id=owner.id, name=owner.name, scopes=ROLE_SCOPES[Role(owner.role)], via="hub")


def _spec(parts: Parts, tx: Tx, row: SessionRow, owner: UserRow, env: Mapping[str, str]) -> dict[str, Any]:
    server_env = {
        **{key: value for key, value in env.items() if key.startswith("JUPYTERHUB_")},
        "NBKEEP_SESSION_ID": row.id,
        "NBKEEP_SESSION_TOKEN": issue_token(row),
        "NBKEEP_OFFICE_SOCK": _OFFICE_SOCKET_INSIDE,
        "NBKEEP_PLACEHOLDERS": json.dumps(_placeholders(tx, row, parts.clock.now())),
        **state_env(parts.settings, row),
        **({"NBKEEP_QUARANTINE": "1"} if row.quarantine else {}),
        "NBKEEP_PORTAL_URL": f"{parts.settings.public_url.rstrip('/')}/portal/",
    }
    return asdict(replace(place_spec(parts, tx, row, owner), server_env=server_env))


def _placeholders(tx: Tx, row: SessionRow, now: datetime) -> dict[str, str]:
    """Return {environment variable: what kernels and terminals have in it} where its policies set one."""
    return placeholders_of(leases.leases_of(tx, row, now)) | index_variables(row.profile.get("packages"))
