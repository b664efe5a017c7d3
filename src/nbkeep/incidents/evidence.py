"""Evidence: one archive for each incident, signed, which anybody can check elsewhere with the public key.

It holds what is on record here and what lies in homes by name and hash. It is written beside and put in place
when it is whole; nothing of a session is changed for it.
"""

from __future__ import annotations

import json
import secrets
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import and_, or_, select

from nbkeep import version
from nbkeep.audit import events, journal
from nbkeep.audit.bundle import writing, written
from nbkeep.audit.checkpoints import as_values, make_checkpoint
from nbkeep.audit.signing import keys_of
from nbkeep.model.actor import SYSTEM
from nbkeep.model.errors import Refused, Unavailable
from nbkeep.store.class_tables import ClassifiedFileRow, ClassWalkRow
from nbkeep.store.data_tables import DatasetReadRow
from nbkeep.store.incident_tables import IncidentHoldRow, IncidentRow
from nbkeep.store.model_tables import ModelCallRow
from nbkeep.store.network_tables import ConnectionRow
from nbkeep.store.tables import JournalRow, SecretLeaseRow, SessionRow, UserRow
from nbkeep.wholefile import sync_folder

from .radius import LOOKS_BACK, of_target, sessions_of
from .rules import LISTING_TRIES
from .values import Target
from .verify import CHANGED, JOURNAL, KIND

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime
    from pathlib import Path

    from sqlalchemy import ColumnElement, Select

    from nbkeep.audit.signing import Keys
    from nbkeep.sessions.interface import Parts
    from nbkeep.store.database import Tx

    from .values import Kind

_CHUNK = 1000
_MOST_LINES = 500_000
_MOST_HOMES = 50
_writing = threading.Lock()


def preserve(parts: Parts, incident_id: str, tries: int) -> str:
    """Write an incident's evidence, sign it, put that on record. Twice is safe: the first one stays.

    `tries`: how often it failed before. Raises OSError when the disk says no, `Unavailable` while a node is
    away, `Refused` where there is no key to sign with; nothing is left half written.
    """
    with _writing:
        with parts.store.read() as tx:
            row = tx.get_one(IncidentRow, incident_id)
        _clear(parts, incident_id)
        if row.evidence is not None:
            return _words(parts, incident_id, row.evidence)
        folder = parts.settings.incidents_dir
        folder.mkdir(mode=0o700, exist_ok=True)
        part = folder / f".{incident_id}.{secrets.token_hex(6)}"
        try:
            is_whole = _write(parts, row, part, tries)
            made = written(part)
            told = {"sha256": made.sha256, "bytes": made.size_bytes, "at": parts.clock.now().isoformat(),
                    "warning": "" if is_whole else CHANGED}  # fmt: skip
            return _put_in_place(parts, incident_id, part, told)
        except BaseException:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            raise


def _clear(parts: Parts, incident_id: str) -> None:
    """Delete what an office that was killed while it wrote has left; nobody else writes now."""
    folder = parts.settings.incidents_dir
    for one in folder.iterdir() if folder.is_dir() else ():
        # What `writing` writes beside the file that it was asked for has one more dot.
        if one.name.startswith((f".{incident_id}.", f"..{incident_id}.")):
            one.unlink(missing_ok=True)


def path_of(parts: Parts, incident_id: str) -> Path:
    """Return where an incident's evidence lies, once it is whole."""
    return parts.settings.incidents_dir / f"{incident_id}.zip"


def _put_in_place(parts: Parts, incident_id: str, part: Path, told: dict[str, Any]) -> str:
    with parts.store.write() as tx:
        row = tx.get_one(IncidentRow, incident_id)
        if row.evidence is not None:  # another office was faster
            part.unlink()
            return _words(parts, incident_id, row.evidence)
        part.chmod(0o400)
        path = path_of(parts, incident_id)
        part.replace(path)
        sync_folder(path.parent)  # what is on record to lie there does, whatever happens to the power
        row.evidence = told
        event = events.IncidentEvidenceKept(
            incident_id=incident_id, sha256=str(told["sha256"]), bytes=int(told["bytes"])
        )
        journal.append(tx, parts.clock, SYSTEM, event)
    return _words(parts, incident_id, told)


def _words(parts: Parts, incident_id: str, told: dict[str, Any]) -> str:
    what = f"{told['bytes']} bytes, SHA-256 {told['sha256']}"
    if not path_of(parts, incident_id).is_file():
        return f"It was kept, and lies there no more: look in the backups of the data directory for {what}."
    return f"Kept: {what}. {told.get('warning', '')}".rstrip()


def _lines(lines: Iterable[str], name: str, notes: list[str]) -> Iterator[bytes]:
    """Give lines as bytes; what is beyond the most is left out, and that is said."""
    for count, line in enumerate(lines):
        if count >= _MOST_LINES:
            notes.append(f"{name}: the first {_MOST_LINES} lines, there are more.")
            return
        yield f"{line}\n".encode("utf-8", "backslashreplace")


def _write(parts: Parts, row: IncidentRow, part: Path, tries: int) -> bool:
    """Write and sign; return whether the journal was whole, as far as that could be seen."""
    since = row.opened_at - LOOKS_BACK
    keys, notes = keys_of(parts.settings), list[str]()
    checkpoint = _checkpoint(parts, keys, notes)
    misfits: list[int] = []
    with parts.store.read() as tx:
        users, target = _users(tx, row), _whose(tx, row)
    with writing(part, kind=KIND, keys=keys, at=parts.clock.now()) as made:

        def add(name: str, lines: Iterable[str]) -> None:
            made.add(name, _lines(lines, name, notes))

        add("incident.json", [_json(_incident(row))])
        add(JOURNAL, _journal(parts, target, row, since, misfits))
        add("sessions.jsonl", _rows(parts, select(SessionRow).where(SessionRow.id.in_(sessions_of(target)))))
        add("network.jsonl", _rows(parts, _since(target, ConnectionRow, since)))
        add("models.jsonl", _rows(parts, _since(target, ModelCallRow, since)))
        add(
            "datasets.jsonl",
            _rows(parts, select(DatasetReadRow).where(of_target(target, DatasetReadRow.session_id))),
        )
        for name, table in (("classified.jsonl", ClassifiedFileRow), ("class-walks.jsonl", ClassWalkRow)):
            add(name, _rows(parts, select(table).where(of_target(target, table.session_id, table.user_id))))
        add("leases.jsonl", _rows(parts, select(SecretLeaseRow).where(_leases(target))))
        if len(users) > _MOST_HOMES:
            notes.append(f"Homes: of the first {_MOST_HOMES} people of {len(users)}.")
        for user in users[:_MOST_HOMES]:
            add(f"home-{user}.jsonl", _home(parts, user, tries, notes))
        is_whole = checkpoint is not None and not misfits
        made.about = {
            "incident": row.id, "nbkeep": version(), "checkpoint": checkpoint, "journal_fits": is_whole,
            "notes": notes,
        }  # fmt: skip
    return is_whole


def _checkpoint(parts: Parts, keys: Keys, notes: list[str]) -> dict[str, Any] | None:
    """Sign the journal as it stands; a broken one is said, and the evidence is kept all the same."""
    try:
        row = make_checkpoint(parts.store, parts.clock, keys)
    except Refused as refusal:
        if refusal.code == "audit-key-missing":
            raise
        notes.append(str(refusal))
        return None
    return as_values(row) if row else None


def _users(tx: Tx, row: IncidentRow) -> list[str]:
    """Return the names of those whose homes belong to the evidence."""
    held = select(IncidentHoldRow.subject_id).where(IncidentHoldRow.incident_id == row.id)
    sessions = select(SessionRow.user_id).where(SessionRow.id.in_(held))
    query = select(UserRow.name).where(or_(UserRow.id.in_(held), UserRow.id.in_(sessions)))
    return list(tx.scalars(query.order_by(UserRow.name)))


def _incident(row: IncidentRow) -> dict[str, Any]:
    return {"id": row.id, "kind": row.kind, "subject": row.subject, "reason": row.reason,
            "opened_at": row.opened_at.isoformat(), "opened_by": row.opened_by, "revoked": row.revoked,
            "radius": row.radius}  # fmt: skip


def _whose(tx: Tx, row: IncidentRow) -> Target:
    """Return whose records are evidence: of a session its user's, since all of theirs is frozen with it."""
    if row.kind != "session":
        return Target(cast("Kind", row.kind), row.subject_id, row.subject)
    owner = tx.get_one(UserRow, tx.get_one(SessionRow, row.subject_id).user_id)
    return Target("user", owner.id, owner.name)


def _leases(target: Target) -> ColumnElement[bool]:
    if target.kind == "secret":
        return SecretLeaseRow.secret_id == target.id
    return of_target(target, SecretLeaseRow.session_id, SecretLeaseRow.user_id)


def _since(target: Target, table: type[ConnectionRow | ModelCallRow], since: datetime) -> Select[Any]:
    return select(table).where(of_target(target, table.session_id, table.user_id), table.at >= since)


def _rows(parts: Parts, query: Select[Any]) -> Iterator[str]:
    """Give rows as JSON, in the order of their keys, in short transactions: writers go on meanwhile."""
    table: Any = query.column_descriptions[0]["entity"]
    keys, columns = table.__table__.primary_key.columns.keys(), table.__table__.columns.keys()
    ids = [getattr(table, name) for name in keys]
    last: tuple[Any, ...] | None = None
    while True:
        part = query.order_by(*ids).limit(_CHUNK)
        if last is not None:
            part = part.where(_behind(ids, last))
        with parts.store.read() as tx:
            found = list(tx.scalars(part))
        for row in found:
            # A hash of a credential proves nothing to a reader, and helps a guesser.
            yield _json({name: getattr(row, name) for name in columns if not name.endswith("_hash")})
        if len(found) < _CHUNK:
            return
        last = tuple(getattr(found[-1], name) for name in keys)


def _behind(ids: list[Any], last: tuple[Any, ...]) -> ColumnElement[bool]:
    """Select what comes after a row in the order of its keys, of which there are one or two."""
    if len(ids) == 1:
        return ids[0] > last[0]
    return or_(ids[0] > last[0], and_(ids[0] == last[0], ids[1] > last[1]))


def _journal(
    parts: Parts, target: Target, row: IncidentRow, since: datetime, misfits: list[int]
) -> Iterator[str]:
    """Give the records of the sessions, of the person and of the incident, each with the hash before it.

    `misfits` gets the numbers of those that somebody has changed in the database.
    """
    mine = [JournalRow.session_id.in_(sessions_of(target)), JournalRow.record.contains(row.id)]
    if target.kind == "secret":
        mine.append(and_(JournalRow.type.like("secret.%"), JournalRow.record.contains(target.id)))
    else:
        with parts.store.read() as tx:
            mine.append(JournalRow.actor.in_(_users(tx, row)))
    seq = 0
    with parts.store.read() as tx:
        last = tx.scalar(select(JournalRow.seq).order_by(JournalRow.seq.desc()).limit(1)) or 0
    while True:
        query = select(JournalRow).where(
            JournalRow.seq > seq, JournalRow.seq <= last, JournalRow.at >= since, or_(*mine)
        )
        with parts.store.read() as tx:
            found = list(tx.scalars(query.order_by(JournalRow.seq).limit(_CHUNK)))
            before = {
                one.seq: one.hash
                for one in tx.scalars(
                    select(JournalRow).where(JournalRow.seq.in_([one.seq - 1 for one in found]))
                )
            }
        for one in found:
            previous = before.get(one.seq - 1, journal.GENESIS)
            record = one.record
            if journal.link(previous, record) != one.hash:
                misfits.append(one.seq)
                record = _json({"seq": one.seq, "changed": record})  # it need not even be JSON any more
            yield f'{{"prev":"{previous}","hash":"{one.hash}","record":{record}}}'
        if len(found) < _CHUNK:
            return
        seq = found[-1].seq


def _home(parts: Parts, user: str, tries: int, notes: list[str]) -> Iterator[str]:
    place = ""
    while True:
        try:
            listing = parts.backend.home_listing(user, place)
        except Refused as refusal:
            notes.append(f"The home of {user}: {refusal}")
            return
        except Unavailable as error:
            if tries < LISTING_TRIES:
                raise
            notes.append(f"The home of {user} is missing from here on, after {tries} tries: {error}")
            return
        for one in listing.files:
            yield _json({"path": one.path, "bytes": one.bytes, "modified_at": one.modified_at,
                         "sha256": one.sha256, "note": one.note})  # fmt: skip
        place = listing.next
        if not place:
            return


def _json(value: object) -> str:
    return json.dumps(value, default=lambda one: one.isoformat(), ensure_ascii=False, separators=(",", ":"))
