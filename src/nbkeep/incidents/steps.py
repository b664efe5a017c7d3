"""What is done outside of the database for an incident, one step after the other, until all are done.

A step looks itself what is still to be done: one that a killed office had half done is done again.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from sqlalchemy import select

from nbkeep.audit import events, journal
from nbkeep.model.actor import SYSTEM
from nbkeep.model.errors import NbkeepError, Refused, Unavailable
from nbkeep.model.session import SessionState, StopReason
from nbkeep.sessions.freeze import settle_freezer
from nbkeep.sessions.records import is_live
from nbkeep.sessions.stop import carry_out_stop, server_of, wish_stop
from nbkeep.store.incident_tables import IncidentStepRow
from nbkeep.store.tables import SessionRow

from .evidence import preserve
from .open import END, FREEZE, PRESERVE, THAW
from .rules import try_again_after
from .values import DONE, WAITING

if TYPE_CHECKING:
    from nbkeep.sessions.interface import Parts

_AT_ONCE = 100
_WIDTH = 400
_log = logging.getLogger("nbkeep.incidents")


def advance(parts: Parts, incident_id: str | None = None, *, quick: bool = False) -> int:
    """Try the steps that are due, of one incident or of all; return how many are done now. Twice is safe.

    `quick`: leave out what takes long. What fails says why and is tried again later; it holds up no other.
    """
    query = select(IncidentStepRow.incident_id, IncidentStepRow.name).where(
        IncidentStepRow.state == WAITING, IncidentStepRow.next_try_at <= parts.clock.now()
    )
    if incident_id is not None:
        query = query.where(IncidentStepRow.incident_id == incident_id)
    if quick:
        query = query.where(IncidentStepRow.name != PRESERVE)
    order = (IncidentStepRow.incident_id, IncidentStepRow.position)
    with parts.store.read() as tx:
        due = [(one[0], one[1]) for one in tx.execute(query.order_by(*order).limit(_AT_ONCE))]
    # What stops something comes before what writes something down.
    due.sort(key=lambda one: one[1] == PRESERVE)
    return sum(_try(parts, *one) for one in due)


def _try(parts: Parts, incident_id: str, name: str) -> bool:
    try:
        said = _do(parts, incident_id, name)
    except NbkeepError as error:
        _failed(parts, incident_id, name, str(error))
        return False
    except OSError as error:
        _failed(parts, incident_id, name, f"{error.strerror or error} (on the disk of the data directory)")
        return False
    except Exception as error:  # noqa: BLE001  a step that has a fault of ours is tried again, too, and said
        _log.exception("The step %s of %s failed", name, incident_id)
        _failed(parts, incident_id, name, f"a fault in nbkeep ({type(error).__name__}); see its log")
        return False
    with parts.store.write() as tx:
        row = tx.get_one(IncidentStepRow, (incident_id, name))
        if row.state == WAITING:
            row.state, row.said, row.problem = DONE, said[:_WIDTH], ""
            row.tries, row.done_at = row.tries + 1, parts.clock.now()
            event = events.IncidentStepDone(
                session_id=_session_of(name), incident_id=incident_id, step=name, said=row.said,
                tries=row.tries,
            )  # fmt: skip
            journal.append(tx, parts.clock, SYSTEM, event)
    return True


def _failed(parts: Parts, incident_id: str, name: str, problem: str) -> None:
    with parts.store.write() as tx:
        row = tx.get_one(IncidentStepRow, (incident_id, name))
        if row.state != WAITING:
            return
        is_news = row.problem != problem[:_WIDTH]
        row.tries, row.problem = row.tries + 1, problem[:_WIDTH]
        row.next_try_at = parts.clock.now() + try_again_after(row.tries)
        if is_news:
            event = events.IncidentStepFailed(
                session_id=_session_of(name), incident_id=incident_id, step=name, problem=row.problem
            )
            journal.append(tx, parts.clock, SYSTEM, event)


def _do(parts: Parts, incident_id: str, name: str) -> str:
    kind, _, session_id = name.partition(":")
    match kind:
        case "freeze":
            return _freeze(parts, incident_id, session_id)
        case "end":
            return _end(parts, session_id)
        case "thaw":
            return _thaw(parts, session_id)
        case _:
            with parts.store.read() as tx:
                tries = tx.get_one(IncidentStepRow, (incident_id, name)).tries
            return preserve(parts, incident_id, tries)


def _freeze(parts: Parts, incident_id: str, session_id: str) -> str:
    with parts.store.read() as tx:
        row = tx.get_one(SessionRow, session_id)
    if row.held_by is None:
        return "It was let go before."
    if row.state != SessionState.FROZEN:
        return f"It is {row.state}: nothing of it is to be frozen."
    try:
        settle_freezer(parts, session_id)
    except Refused as refusal:
        _log.warning("%s cannot be frozen for %s: %s", session_id, incident_id, refusal)
        return _end_instead(parts, incident_id, session_id)
    return "Frozen: it computes nothing, its memory stays as it is."


def _end_instead(parts: Parts, incident_id: str, session_id: str) -> str:
    """End a session that cannot be frozen here: what cannot be held still must not go on."""
    with parts.store.write() as tx:
        row = tx.get_one(SessionRow, session_id)
        holder, row.held_by = row.held_by, None
        wish_stop(tx, parts.clock, SYSTEM, row, StopReason.ADMIN, f"Security incident {incident_id}.")
        row.held_by = holder
    _end(parts, session_id)
    return "This host could not freeze it: it is ended. Variables are saved where its profile keeps them."


def _end(parts: Parts, session_id: str) -> str:
    with parts.store.read() as tx:
        row = tx.get_one(SessionRow, session_id)
        server = server_of(tx, row)
    if row.state != SessionState.STOPPING:
        return f"It is {row.state}."
    if not carry_out_stop(parts, session_id, *server):
        raise Unavailable("end-waits", "The hub or the node does not answer.", "It is asked again.")
    return "Its end was asked for."


def _thaw(parts: Parts, session_id: str) -> str:
    with parts.store.read() as tx:
        row = tx.get_one(SessionRow, session_id)
    if not is_live(row):
        return f"It is {row.state} by now."
    settle_freezer(parts, session_id)
    return "It goes on."


def _session_of(name: str) -> str | None:
    kind, _, session_id = name.partition(":")
    return session_id if kind in {FREEZE, END, THAW} else None
