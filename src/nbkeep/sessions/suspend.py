"""Suspend a session: a stop that promises to keep its variables; and look at what a session has kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nbkeep.backends.interface import KeptState
from nbkeep.model.session import SessionState
from nbkeep.model.verdict import Refuse

from .held import require_free
from .kept import as_row, ask_kept
from .records import is_live, visible_session
from .rules import may_suspend
from .stop import stop_session

if TYPE_CHECKING:
    from nbkeep.model.actor import Actor

    from .interface import Parts


def suspend_session(parts: Parts, actor: Actor, session_id: str, *, detail: str = "") -> None:
    """Suspend a session that the actor may see; `detail` is the reason that an admin gives.

    Raises `Refused` where its profile keeps no state or it is not running. Returns when the hub has taken the
    request. One that is suspended, or about to end, is left as it is.
    """
    with parts.store.read() as tx:
        row = visible_session(tx, actor, session_id)
    require_free(row, "Not suspended")
    verdict = may_suspend(SessionState(row.state), row.profile)
    if isinstance(verdict, Refuse):
        raise verdict.as_error(409)
    stop_session(parts, actor, session_id, detail=detail)


def saved_state(parts: Parts, actor: Actor, session_id: str) -> dict[str, Any]:
    """Return what a session that the actor may see has saved: its view's `kept`, with all kernels, or {}.

    A running session saves between cells, too: the node is asked, and where it does not answer the last word
    about it counts. Raises `Refused` (404) for others' sessions.
    """
    with parts.store.read() as tx:
        row = visible_session(tx, actor, session_id)
    kept = row.kept
    if is_live(row) and not row.discard_state:
        now = ask_kept(parts, session_id)
        kept = as_row(now) if isinstance(now, KeptState) else kept
    if kept is None:
        return {}
    return {**kept, "until": row.kept_until.isoformat() if row.kept_until and not is_live(row) else None}
