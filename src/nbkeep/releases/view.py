"""Releases as the doors show them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nbkeep.model.gates import Found
from nbkeep.model.verdict import Allow

from . import rules
from .look import may_look
from .records import previous_of, reach_of
from .values import OPEN, PLAIN, REDACTED, State

if TYPE_CHECKING:
    from datetime import datetime

    from nbkeep.model.actor import Actor
    from nbkeep.store.database import Tx
    from nbkeep.store.release_tables import ReleaseRow
    from nbkeep.store.tables import UserRow

_TEXTS = ("ipynb", "script", "original")


def release_view(
    tx: Tx, actor: Actor, now: datetime, row: ReleaseRow, user: UserRow, *, whole: bool = True
) -> dict[str, Any]:
    """Return a release for somebody who may see it, with what they may do with it now.

    `whole`: with each finding and comment, for one release; without them for lists. No value is in it.
    """
    state = state_of(row, now)
    reach = reach_of(tx, actor, row)
    decides = state is State.WAITING and isinstance(rules.may_review(actor, reach), Allow)
    is_shown = row.forgotten_at is None and isinstance(may_look(actor, reach, state), Allow)
    seen = {
        "id": row.id,
        "user": user.name,
        "path": row.path,
        "gate": row.gate,
        "form": row.form,
        "project": row.project,
        "profile": row.profile_name,
        "session_id": row.session_id,
        "reason": row.reason,
        "audience": row.audience,
        "lasts_s": row.lasts_s,
        "title": row.title,
        "state": state.value,
        "found": row.found,
        "finding_counts": row.finding_counts,
        "classification": row.classification,
        "decision": row.decision,
        "problem": row.problem,
        "variant": row.variant,
        "sha256": row.approved_sha256,
        "share_id": row.share_id,
        "decided_by": row.decided_by,
        "answer": row.answer,
        "requested_at": row.requested_at.isoformat(),
        "examined_at": _iso(row.examined_at),
        "decided_at": _iso(row.decided_at),
        "lapses_at": _iso(row.lapses_at) if state is State.READY else None,
        "taken_at": _iso(row.taken_at),
        "ended_at": _iso(row.ended_at),
        "may": {
            "approve": decides and bool(row.plain_sha256),
            "approve_redacted": decides and bool(row.redacted_sha256),
            "deny": decides,
            "send_back": decides,
            "withdraw": state in OPEN and (reach.is_author or actor.may(rules.ADMIN)),
            "take": state is State.READY and reach.is_author,
            "preview": is_shown and bool(row.preview_sha256),
            "compare": is_shown and comparable(tx, actor, now, row) is not None,
        },
    }
    if not whole:
        return seen
    before = previous_of(tx, actor, row)
    return seen | {
        "keep": row.keep,
        "description": row.description,
        "tags": row.tags,
        "findings": _findings(row, is_author=reach.is_author),
        "not_read": row.not_read,
        "left_out": row.left_out,
        "not_redacted": row.not_redacted,
        "because": row.because,
        "comments": row.comments,
        "source": {"sha256": row.source_sha256, "size_bytes": row.source_bytes},
        "plain": _page(row, PLAIN, row.plain_sha256),
        "redacted": _page(row, REDACTED, row.redacted_sha256),
        "previous_id": before.id if before is not None else None,
    }


def state_of(row: ReleaseRow, now: datetime) -> State:
    """Return the state of a release; what was not taken is over at its moment, even if not yet on record."""
    if row.state == State.READY and row.lapses_at is not None and row.lapses_at <= now:
        return State.LAPSED
    return State(row.state)


def comparable(tx: Tx, actor: Actor, now: datetime, row: ReleaseRow) -> tuple[str, str] | None:
    """Return what `compared` says of a release and the one before it, None where that one is not for them.

    Whether they may look at the release itself was asked before.
    """
    before = previous_of(tx, actor, row)
    if before is None:
        return None
    verdict = may_look(actor, reach_of(tx, actor, before), state_of(before, now))
    return compared(before, row) if isinstance(verdict, Allow) else None


def compared(before: ReleaseRow, row: ReleaseRow) -> tuple[str, str] | None:
    """Return the hashes of two documents that show what changed, None where none may be shown.

    What would leave without what was found, and what did leave; of pages that people cannot compare the
    files themselves. Nothing in which something was found is shown in clear, but what was let out so.
    """
    if row.forgotten_at is not None or before.forgotten_at is not None:
        return None
    if row.form == before.form and row.form in _TEXTS:
        new = row.plain_sha256 if _is_clean(row) else row.redacted_sha256
        return (before.approved_sha256, new) if before.approved_sha256 and new else None
    if _is_clean(row) and _is_clean(before) and row.source_sha256 and before.source_sha256:
        return before.source_sha256, row.source_sha256
    return None


def _findings(row: ReleaseRow, *, is_author: bool) -> list[dict[str, Any]]:
    """Return what was found; not to its author whether it works, who may have it from anybody."""
    if not is_author:
        return row.findings
    return [{key: value for key, value in one.items() if key != "alive"} for one in row.findings]


def _is_clean(row: ReleaseRow) -> bool:
    return not {Found.SECRET.value, Found.PERSONAL.value, Found.UNREAD.value} & set(row.found)


def _page(row: ReleaseRow, variant: str, sha256: str) -> dict[str, Any] | None:
    """Return what a document is: `sha256`, `media_type`, `name`, `size_bytes`; None where there is none."""
    return {"sha256": sha256, **row.pages.get(variant, {})} if sha256 else None


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
