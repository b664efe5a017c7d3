"""Packs by id: asked for, listed, taken. What makes them in the background is `doors/worker/evidence.py`.

A killed office leaves rows that are waiting or in hand; the next one takes them up again, a few times.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from nbkeep.audit import events, journal
from nbkeep.model.actor import SYSTEM
from nbkeep.model.days import Span
from nbkeep.model.errors import NbkeepError, Refused, Unavailable, invalid, not_found
from nbkeep.model.ids import new_id
from nbkeep.store.evidence_tables import EvidenceRow

from .build import build
from .frameworks import framework
from .values import Status

if TYPE_CHECKING:
    from pathlib import Path

    from nbkeep.model.actor import Actor
    from nbkeep.model.clock import Clock
    from nbkeep.settings import Settings
    from nbkeep.store.database import Store, Tx

LONGEST_DAYS = 800
MOST_WAITING = 10
_MOST_TRIES = 3
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_OPEN = ("waiting", "building")
SCOPE = "audit:read"


@dataclass(frozen=True)
class Taken:
    """A pack on its way to somebody."""

    path: Path
    filename: str


def parse_span(first: str, last: str, today: date) -> Span:
    """Return days written like 2026-10-01; raise `Refused` (400) for none, too many, or ones to come."""
    begin, end = _day("from", first), _day("to", last)
    if end < begin:
        raise invalid("to", f"The days end on {end} and begin on {begin}.", "Give the earlier day first.")
    if begin > today:
        raise invalid(
            "from", f"{begin} is not there yet: today is {today} (UTC).", "Evidence is of what was."
        )
    if (end - begin).days >= LONGEST_DAYS:
        raise invalid(
            "to",
            f"These are {(end - begin).days + 1} days; a pack has at most {LONGEST_DAYS}.",
            "Make several.",
        )
    return Span(begin, end)


def request(tx: Tx, clock: Clock, actor: Actor, *, name: str, first: str, last: str) -> EvidenceRow:
    """Ask for a pack, which is made in the background. Needs `audit:read`; twice makes two.

    Raises `Refused` (400) for a framework that is unknown and for days that cannot be, (429) when many wait.
    """
    actor.require(SCOPE)
    told = framework(name)
    span = parse_span(first, last, clock.now().date())
    waiting = (
        tx.scalar(select(func.count()).select_from(EvidenceRow).where(EvidenceRow.state.in_(_OPEN))) or 0
    )
    if waiting >= MOST_WAITING:
        raise Refused(
            "evidence-busy",
            f"{waiting} packs wait to be made, and no more than {MOST_WAITING} may.",
            "Try again when one is done.",
            status=429,
        )
    now = clock.now()
    row = EvidenceRow(
        id=new_id("evd", now),
        framework=told.id,
        first_day=span.first.isoformat(),
        last_day=span.last.isoformat(),
        state="waiting",
        asked_at=now,
        asked_by=actor.name[:60],
    )
    tx.add(row)
    journal.append(
        tx,
        clock,
        actor,
        events.EvidenceRequested(
            evidence_id=row.id, framework=told.id, first_day=row.first_day, last_day=row.last_day
        ),
    )
    tx.flush()
    return row


def packs(tx: Tx, actor: Actor, *, limit: int = 100, before: str = "") -> list[EvidenceRow]:
    """Return packs, newest first; `before`: only older ones than that id. Needs `audit:read`."""
    actor.require(SCOPE)
    query = select(EvidenceRow).order_by(EvidenceRow.id.desc()).limit(limit)
    return list(tx.scalars(query.where(EvidenceRow.id < before) if before else query))


def pack(tx: Tx, actor: Actor, id_: str) -> EvidenceRow:
    """Return one; raise `Refused` (404). Needs `audit:read`."""
    actor.require(SCOPE)
    row = tx.get(EvidenceRow, id_)
    if row is None:
        raise not_found("evidence", id_[:40])
    return row


def take(store: Store, clock: Clock, settings: Settings, actor: Actor, id_: str) -> Taken:
    """Return the file of a pack, and record that a copy is taken. Needs `audit:read`.

    Raises `Refused` (404, 409 where it is not ready), `Unavailable` where the file is gone.
    """
    with store.write() as tx:
        row = pack(tx, actor, id_)
        if row.state == "failed":
            raise Refused(
                "evidence-failed",
                f"This pack was not made: {row.problem}",
                "Ask for another one.",
                status=409,
            )
        if row.state != "ready":
            raise Refused(
                "evidence-not-ready", "This pack is still being made.", "Try again in a moment.", status=409
            )
        path = path_of(settings, id_)
        if not path.is_file():
            raise Unavailable(
                "evidence-gone", f"The file of {id_} is no longer on the host.", "Build it anew."
            )
        journal.append(
            tx,
            clock,
            actor,
            events.EvidenceDownloaded(evidence_id=id_, framework=row.framework, sha256=row.sha256),
        )
    return Taken(path, filename_of(row))


def view(row: EvidenceRow) -> dict[str, Any]:
    """Return a pack as doors show it."""
    return {
        "id": row.id,
        "framework": row.framework,
        "from": row.first_day,
        "to": row.last_day,
        "state": row.state,
        "asked_at": row.asked_at.isoformat(),
        "asked_by": row.asked_by,
        "ended_at": row.ended_at.isoformat() if row.ended_at else None,
        "sha256": row.sha256,
        "size_bytes": row.size_bytes,
        "covered": row.covered,
        "partly": row.partly,
        "not_covered": row.not_covered,
        "problem": row.problem,
        "filename": filename_of(row),
    }


def filename_of(row: EvidenceRow) -> str:
    """Return what a copy is called."""
    return f"nbkeep-evidence-{row.framework}-{row.first_day}-{row.last_day}.zip"


def path_of(settings: Settings, id_: str) -> Path:
    """Return where the file of a pack lies. The id must be one that was read from the table."""
    return settings.data_dir / "evidence" / f"{id_}.zip"


def is_due(store: Store, builder: str) -> bool:
    """Tell whether a pack waits, or was left in hand by this builder itself, which does nothing now."""
    left = (EvidenceRow.state == "building") & (EvidenceRow.builder == builder)
    with store.read() as tx:
        return (
            tx.scalar(select(EvidenceRow.id).where((EvidenceRow.state == "waiting") | left).limit(1))
            is not None
        )


def take_up(store: Store, clock: Clock, builder: str = "") -> int:
    """Put packs that are in hand back into the queue, or give them up; return how many. Twice is safe.

    Without a name, those of every builder: for the start of an office, when none of this database is at work.
    """
    of_whom = EvidenceRow.builder == builder if builder else EvidenceRow.builder != ""
    with store.write() as tx:
        left = list(tx.scalars(select(EvidenceRow).where(EvidenceRow.state == "building", of_whom)))
        for row in left:
            row.state = "waiting"
            if row.tries >= _MOST_TRIES:
                _fail(tx, clock, row, f"It was begun {row.tries} times, and the office ended each time.")
        return len(left)


def build_next(store: Store, clock: Clock, settings: Settings, builder: str) -> bool:
    """Make the pack that has waited longest; False: none waits. What goes wrong is kept with the pack."""
    row = _claim(store, builder)
    if row is None:
        return False
    span = Span(date.fromisoformat(row.first_day), date.fromisoformat(row.last_day))
    path = path_of(settings, row.id)
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        for part in path.parent.glob(f".{row.id}.zip.*"):  # what a killed office left
            with suppress(OSError):
                part.unlink()
        made = build(
            store, clock, settings, path, id_=row.id, name=row.framework, span=span, asked_by=row.asked_by
        )
    except NbkeepError as error:
        _end(store, clock, row.id, builder, problem=str(error))
    except OSError as error:
        _end(
            store,
            clock,
            row.id,
            builder,
            problem=f"The file cannot be written ({error.strerror}). Free disk space, and ask again.",
        )
    except Exception:
        _end(
            store,
            clock,
            row.id,
            builder,
            problem="Something broke on our side; the log of the office has it.",
        )
        raise
    else:
        with store.write() as tx:
            if (there := _mine(tx, row.id, builder)) is None:
                return True
            there.state, there.ended_at = "ready", clock.now()
            there.sha256, there.size_bytes = made.written.sha256, made.written.size_bytes
            there.covered, there.partly = made.counts[Status.COVERED], made.counts[Status.PARTLY]
            there.not_covered = made.counts[Status.NOT_COVERED]
            journal.append(
                tx,
                clock,
                SYSTEM,
                events.EvidenceBuilt(
                    evidence_id=there.id,
                    framework=there.framework,
                    first_day=there.first_day,
                    last_day=there.last_day,
                    asked_by=there.asked_by,
                    sha256=there.sha256,
                    bytes=there.size_bytes,
                ),
            )
    return True


def _claim(store: Store, builder: str) -> EvidenceRow | None:
    with store.write() as tx:
        oldest = select(EvidenceRow).where(EvidenceRow.state == "waiting").order_by(EvidenceRow.id).limit(1)
        row = tx.scalars(oldest).one_or_none()
        if row is not None:
            row.state, row.builder, row.tries = "building", builder, (row.tries or 0) + 1
        return row


def _mine(tx: Tx, id_: str, builder: str) -> EvidenceRow | None:
    return tx.scalars(
        select(EvidenceRow).where(
            EvidenceRow.id == id_, EvidenceRow.state == "building", EvidenceRow.builder == builder
        )
    ).one_or_none()


def _end(store: Store, clock: Clock, id_: str, builder: str, *, problem: str) -> None:
    with store.write() as tx:
        if (row := _mine(tx, id_, builder)) is not None:
            _fail(tx, clock, row, problem)


def _fail(tx: Tx, clock: Clock, row: EvidenceRow, problem: str) -> None:
    row.state, row.ended_at, row.problem = "failed", clock.now(), problem
    journal.append(
        tx,
        clock,
        SYSTEM,
        events.EvidenceFailed(
            evidence_id=row.id, framework=row.framework, asked_by=row.asked_by, reason=problem
        ),
    )


def _day(field: str, text: str) -> date:
    try:
        if _DAY.fullmatch(text.strip()):
            return date.fromisoformat(text.strip())
    except ValueError:
        pass
    raise invalid(field, f"{text[:20]!r} is no day.", "Write it like 2026-10-01.")
