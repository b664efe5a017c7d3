"""Ask to let a document leave. It is copied, examined and judged afterwards, by `examine.py`."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from nbkeep.audit import events, journal
from nbkeep.grants.rules import read_reason
from nbkeep.guard.records import OVER
from nbkeep.model.errors import Refused, invalid, not_found
from nbkeep.model.gates import Gate
from nbkeep.model.ids import new_id
from nbkeep.model.verdict import Refuse
from nbkeep.shares import rules as share_rules
from nbkeep.shares.make import find_audience
from nbkeep.shares.values import Released, limits_of
from nbkeep.store.release_tables import ReleaseRow
from nbkeep.store.tables import SessionRow, UserRow

from . import rules
from .records import check_room, projects_of
from .values import OPEN, State

if TYPE_CHECKING:
    from nbkeep.model.actor import Actor
    from nbkeep.model.clock import Clock
    from nbkeep.settings import Settings
    from nbkeep.store.database import Tx

    from .values import Wanted

_NO_HASH = "0" * 64  # stands in for the document's own while there is none


def request_release(tx: Tx, clock: Clock, settings: Settings, actor: Actor, wanted: Wanted) -> ReleaseRow:
    """Ask to let a file of the actor's own home leave. The same again while it is not copied returns that.

    Raises `Refused`: 400 for malformed values, 403 for what the settings do not allow, 404 for a session or
    project of others, 409 for too many.
    """
    actor.require(rules.ASK)
    user = tx.get(UserRow, actor.id)
    if user is None:
        raise Refused("not-a-person", "Documents leave homes of people, and the operator is none.",
                      "Sign in as yourself: `nbkeep login`.")  # fmt: skip
    now = clock.now()
    row = _read(wanted, settings)
    row.id, row.user_id, row.state, row.requested_at = new_id("rel", now), user.id, State.COPYING.value, now
    _set_place(tx, row, wanted)
    _check_share(tx, clock, settings, row, user)
    there = _same(tx, row)
    if there is not None:
        return there
    is_open = (ReleaseRow.user_id == user.id, ReleaseRow.state.in_(OPEN))
    verdict = rules.may_open_another(
        tx.scalar(select(func.count()).select_from(ReleaseRow).where(*is_open)) or 0
    )
    if isinstance(verdict, Refuse):
        raise verdict.as_error(409)
    check_room(tx, settings, user.id)
    tx.add(row)
    tx.flush()
    event = events.ReleaseRequested(
        session_id=row.session_id,
        release_id=row.id,
        user=user.name,
        path=row.path,
        gate=row.gate,
        form=row.form,
        project=row.project,
        audience=row.audience,
        reason=row.reason,
    )
    journal.append(tx, clock, actor, event)
    return row


def _read(wanted: Wanted, settings: Settings) -> ReleaseRow:
    """Return what was asked for as a row, without whose it is; raise `Refused` (400)."""
    gate, path = rules.read_gate(wanted.gate), rules.read_path(wanted.path)
    shares = gate in rules.SHARING
    audience = wanted.audience or (("everyone",) if gate is Gate.PUBLISH else ())
    if wanted.audience and not shares:
        raise invalid("to", f"A {gate} is for yourself alone.", "To give it to others, ask for a share.")
    if (wanted.title or wanted.description or wanted.tags) and not shares:
        raise invalid("title", f"A {gate} has no title, description or tags.", "Leave them out.")
    most_s = settings.share_max_s if gate is Gate.SHARE else settings.gallery_max_s
    title = wanted.title or path.rpartition("/")[2]
    return ReleaseRow(
        path=path,
        gate=gate.value,
        form=rules.read_form(wanted.form, path, gate),
        keep=asdict(wanted.keep),
        reason=read_reason(wanted.reason) if wanted.reason.strip() or gate is not Gate.DOWNLOAD else "",
        audience=list(share_rules.check_audience(audience)) if shares else [],
        lasts_s=rules.read_lasts_s(gate, wanted.until, most_s),
        title=share_rules.check_title(title) if shares else "",
        description=share_rules.check_description(wanted.description) if shares else "",
        tags=list(share_rules.check_tags(wanted.tags)) if shares else [],
    )


def _set_place(tx: Tx, row: ReleaseRow, wanted: Wanted) -> None:
    """Say whose rules hold: of which session, of which projects, and for which one it is."""
    session = _session(tx, row.user_id, wanted.session_id)
    if session is not None and session.quarantine:
        raise Refused("in-quarantine", "Nothing leaves a session in quarantine: its files are in no home.",
                      "Open what it is about in a session of your own, then ask from there.")  # fmt: skip
    if session is not None:
        row.session_id, row.profile_name = session.id, session.profile_name
    else:
        row.session_id, row.profile_name = None, ""
    own = projects_of(tx, row.user_id)
    row.projects = list(own)
    if wanted.project:
        if wanted.project not in own:
            raise not_found("project", wanted.project[:60])
        row.project = wanted.project
    elif len(own) == 1:
        [row.project] = own
    elif own:  # at every gate: without one, reviewers of all projects would see it
        raise invalid("project", f"You are in {len(own)} projects: {', '.join(own)}.",
                      "Say for which one it is: its reviewers decide.")  # fmt: skip
    else:
        row.project = ""
    row.project_id = own.get(row.project)
    before = (
        select(ReleaseRow.id)
        .where(ReleaseRow.user_id == row.user_id, ReleaseRow.path == row.path)
        .where(ReleaseRow.state == State.RELEASED)
        .order_by(ReleaseRow.requested_at.desc(), ReleaseRow.id.desc())
    )
    row.previous_id = tx.scalar(before.limit(1))


def _session(tx: Tx, user_id: str, session_id: str) -> SessionRow | None:
    """Return the session that asks: the one that is named, or the latest. Others have a say, too: `judge.py`.

    One that is over may have had a milder profile years ago; only where it is the latest, it is taken.
    """
    # One in quarantine has no part in the home.
    own = select(SessionRow).where(SessionRow.user_id == user_id, SessionRow.quarantine.is_(False))
    latest = tx.scalar(own.order_by(SessionRow.requested_at.desc(), SessionRow.id.desc()).limit(1))
    if not session_id:
        return latest
    row = tx.get(SessionRow, session_id)
    if row is None or row.user_id != user_id:
        raise not_found("session", session_id[:60])
    if row.state in OVER and row is not latest and not row.quarantine:
        raise invalid("session", f"Session {row.name} is over, and is not your latest one.",
                      "Leave the session out, or name one of `nbkeep session list`.")  # fmt: skip
    return row


def _check_share(tx: Tx, clock: Clock, settings: Settings, row: ReleaseRow, user: UserRow) -> None:
    """Refuse now what could not be shared once it was examined and reviewed."""
    if row.gate not in rules.SHARING:
        return
    now = clock.now()
    meant = Released(
        release_id=row.id,
        owner_id=user.id,
        owner=user.name,
        title=row.title,
        sha256=_NO_HASH,
        media_type="",
        form=row.form,
        classification="",
        gate=row.gate,
        audience=tuple(row.audience),
        expires_at=now + timedelta(seconds=row.lasts_s),
        description=row.description,
        tags=tuple(row.tags),
    )
    share_rules.check(meant, limits_of(settings), now)
    if user.id in find_audience(tx, user.id, meant.audience).values():
        raise invalid("to", "A share is for others: this one would be for yourself.",
                      "Share it with somebody else; for yourself, ask for a download.")  # fmt: skip


def _same(tx: Tx, row: ReleaseRow) -> ReleaseRow | None:
    """Return the same request, where it has not been copied yet: somebody clicked twice."""
    query = select(ReleaseRow).where(
        ReleaseRow.user_id == row.user_id,
        ReleaseRow.state == State.COPYING,
        ReleaseRow.path == row.path,
        ReleaseRow.gate == row.gate,
        ReleaseRow.form == row.form,
        ReleaseRow.reason == row.reason,
        ReleaseRow.project == row.project,
    )
    alike = (one for one in tx.scalars(query) if _terms(one) == _terms(row))
    return next(alike, None)


def _terms(row: ReleaseRow) -> tuple[object, ...]:
    return row.keep, row.audience, row.lasts_s, row.title
