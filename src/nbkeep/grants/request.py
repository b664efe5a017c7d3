"""Ask for access for a while."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select

from nbkeep.audit import events, journal
from nbkeep.model.errors import Refused, invalid, not_found
from nbkeep.model.ids import new_id
from nbkeep.model.verdict import Refuse
from nbkeep.profiles.profiles import get_profile
from nbkeep.store.tables import GrantRow, SessionRow, UserRow

from . import rules
from .kinds import HOST, kind_named
from .records import owner_of, situation_now
from .tell import tell_deciders
from .values import State

if TYPE_CHECKING:
    from nbkeep.model.actor import Actor
    from nbkeep.model.clock import Clock
    from nbkeep.settings import Settings
    from nbkeep.store.database import Tx


def request_grant(
    tx: Tx,
    clock: Clock,
    settings: Settings,
    actor: Actor,
    what: str,
    *,
    reason: str,
    duration: str | float,
    session_id: str = "",
    profile: str = "",
    kind: str = HOST.name,
) -> GrantRow:
    """Ask for something in all the actor's sessions of a profile: that of one of their sessions, or named.

    The same again while nobody has decided returns the open request, as it was. Raises `Refused`: 400 for
    malformed values, 403 for what cannot be asked for, 404 for somebody else's session, 409 for too many.
    """
    actor.require(rules.ASK)
    user = tx.get(UserRow, actor.id)
    if user is None:
        raise Refused("not-a-person", "Access is granted to people, and the operator is none.",
                      "Sign in as yourself: `nbkeep login`.")  # fmt: skip
    profile_name = profile_name_of(tx, actor, session_id, profile)
    subject = kind_named(kind).read(what)
    said, wanted_s = rules.read_reason(reason), rules.read_duration_s(duration, settings.grants_max_s)
    situation = situation_now(tx, settings, profile_name, user)
    if situation is None:
        raise not_found("profile", profile_name)
    verdict = kind_named(kind).may_be_asked(situation, subject)
    if isinstance(verdict, Refuse):
        raise verdict.as_error()
    is_open = (GrantRow.user_id == user.id, GrantRow.state == State.REQUESTED)
    same = (GrantRow.profile_name == profile_name, GrantRow.kind == kind, GrantRow.subject == subject)
    there = tx.scalar(select(GrantRow).where(*is_open, *same))
    if there is not None:
        return there
    verdict = rules.may_open_another(
        tx.scalar(select(func.count()).select_from(GrantRow).where(*is_open)) or 0
    )
    if isinstance(verdict, Refuse):
        raise verdict.as_error(409)
    now = clock.now()
    row = GrantRow(
        id=new_id("gra", now),
        kind=kind,
        subject=subject,
        user_id=user.id,
        profile_name=profile_name,
        session_id=session_id or None,
        reason=said,
        wanted_s=wanted_s,
        state=State.REQUESTED.value,
        requested_at=now,
        answer="",
    )
    tx.add(row)
    tx.flush()
    event = events.GrantRequested(
        session_id=row.session_id,
        grant_id=row.id,
        kind=kind,
        subject=subject,
        user=user.name,
        profile=profile_name,
        wanted_s=wanted_s,
        reason=said,
    )
    journal.append(tx, clock, actor, event)
    tell_deciders(tx, clock, row, user, owner_of(tx, row))
    return row


def profile_name_of(tx: Tx, actor: Actor, session_id: str, profile: str = "") -> str:
    """Return the profile of a session of the actor's own, or the one of that name; raise `Refused`."""
    if bool(session_id) == bool(profile):
        raise invalid("session", "For which sessions?", "Give either one of your sessions or a profile.")
    if profile:
        return get_profile(tx, actor, profile)[0].name
    session = tx.get(SessionRow, session_id)
    if session is None or session.user_id != actor.id:  # an admin does not ask in somebody else's name either
        raise not_found("session", session_id[:60])
    if session.quarantine:  # whatever its profile has become: what runs in it asks for nothing
        raise Refused("in-quarantine", "Nothing can be asked for in a session in quarantine.",
                      "Ask in another session, or for a profile by its name.")  # fmt: skip
    return session.profile_name
