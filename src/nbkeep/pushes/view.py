"""Pushes as the doors show them: their row, and for who decides what they would send, on record."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import select

from nbkeep.audit import events, journal
from nbkeep.model.errors import Refused, Unavailable
from nbkeep.model.verdict import Allow
from nbkeep.store.push_tables import PushRow
from nbkeep.store.tables import JournalRow

from . import rules
from .records import find_push
from .since import Earlier, add_changes
from .values import OPEN, State

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from nbkeep.model.actor import Actor
    from nbkeep.model.clock import Clock
    from nbkeep.rendering.kept import Documents
    from nbkeep.store.database import Store, Tx
    from nbkeep.store.tables import UserRow

    from .values import Page

_SAME_LOOK = timedelta(minutes=10)
_COMPARED = 10  # pushes that a file is sought in


def push_view(
    actor: Actor, now: datetime, row: PushRow, user: UserRow, *, whole: bool = True
) -> dict[str, Any]:
    """Return a push for somebody who may see it, with what they may do with it now. No value is in it.

    `whole`: with each finding, for one push; without for lists.
    """
    state = rules.state_now(row.state, now, row.requested_at, row.lapses_at)
    is_author = row.user_id == actor.id
    decides = state is State.WAITING and isinstance(rules.may_review(actor, is_author=is_author), Allow)
    seen: dict[str, Any] = {
        "id": row.id,
        "user": user.name,
        "repository": row.repository,
        "refs": row.commands,
        "commits": row.commit_count,
        "files": row.file_count,
        "profile": row.profile_name,
        "session_id": row.session_id,
        "state": state.value,
        "found": row.found,
        "finding_counts": row.finding_counts,
        "fingerprint": row.fingerprint,
        "decided_by": row.decided_by,
        "answer": row.answer,
        "requested_at": row.requested_at.isoformat(),
        "decided_at": _iso(row.decided_at),
        "lapses_at": _iso(row.lapses_at) if state is State.APPROVED else None,
        "ended_at": _iso(row.ended_at),
        "may": {
            "approve": decides,
            "deny": decides,
            "send_back": decides,
            "withdraw": state in OPEN and (is_author or actor.may(rules.ADMIN)),
            "look": _may_look(actor, row),
        },
    }
    if whole:
        seen |= {"findings": row.findings, "not_read": row.not_read, "because": row.because}
    return seen


def page_of(store: Store, clock: Clock, documents: Documents, actor: Actor, push_id: str) -> Page:
    """Return commits and files of a push for who may look, values masked. That they looked is recorded.

    With what changed in each file since it was pushed before, as far as they may look at that; see `since`.
    Raises `Refused` (404) where there is none, and for what one may not see; `Unavailable` where it is gone.
    """
    with store.write() as tx:
        row, user = find_push(tx, actor, push_id)
        if not _may_look(actor, row):
            raise Refused("no-page", "What it would send is not shown to you, or not any more.",
                          "See `nbkeep push show`.", status=404)  # fmt: skip
        sha256, before = row.page_sha256, _passed_before(tx, actor, row)
        event = events.PushLooked(
            session_id=row.session_id, push_id=row.id, user=user.name, repository=row.repository
        )
        seen = select(JournalRow.record).where(
            JournalRow.type == event.type,
            JournalRow.at > clock.now() - _SAME_LOOK,
            JournalRow.actor == actor.name,
        )
        if row.id not in {json.loads(one)["data"]["push_id"] for one in tx.scalars(seen)}:
            journal.append(tx, clock, actor, event)
    page = cast("Page", json.loads(documents.read(sha256)))
    add_changes(page, list(_as_shown(documents, before)))
    return page


def _passed_before(tx: Tx, actor: Actor, row: PushRow) -> list[tuple[str, str, str]]:
    """Return id, moment and page of the last pushes that passed to the same repository, the newest first."""
    query = select(PushRow).where(
        PushRow.repository == row.repository,
        PushRow.state == State.PUSHED.value,
        PushRow.ended_at <= row.requested_at,
        PushRow.forgotten_at.is_(None),
        PushRow.id != row.id,
    )
    if not actor.may(rules.REVIEW):
        query = query.where(PushRow.user_id == actor.id)
    rows = tx.scalars(query.order_by(PushRow.ended_at.desc(), PushRow.id.desc()).limit(_COMPARED))
    return [(one.id, _iso(one.ended_at) or "", one.page_sha256) for one in rows if _may_look(actor, one)]


def _as_shown(documents: Documents, before: list[tuple[str, str, str]]) -> Iterator[Earlier]:
    for push_id, at, sha256 in before:
        with suppress(Unavailable):  # its page is gone: there is nothing to compare with
            yield Earlier(push_id, at, cast("Page", json.loads(documents.read(sha256))))


def _may_look(actor: Actor, row: PushRow) -> bool:
    """Tell whether somebody is shown what is in it: its author wrote it, and reviewers decide about it."""
    is_there = bool(row.page_sha256) and row.forgotten_at is None
    return is_there and (row.user_id == actor.id or actor.may(rules.REVIEW))


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
