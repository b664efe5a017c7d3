"""What gateways report of packages, taken into `package_installs`: once each, within bounds, and audited."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from nbkeep.audit import events, journal
from nbkeep.model.actor import Actor
from nbkeep.model.errors import invalid
from nbkeep.store.package_tables import AdvisoryRow, PackageApprovalRow, PackageInstallRow
from nbkeep.store.tables import MarkRow, ReportedEventRow, SessionRow, UserRow

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Tx

MAX_BATCH = 1000
FACTS_MARK = "package-facts"
OUTCOMES = ("installed", "refused", "altered", "unfinished")
_ID = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
_NAME = re.compile(r"[a-z0-9-]{1,200}")
_SHA256 = re.compile(r"[0-9a-f]{64}|")
_MOST_SIZE = 2**53 - 1
# A session can ask for a new name each time: the journal tells of the first refusals, the table of all.
_MOST_REFUSALS = 100
_REFUSED, _INSTALLED = "pkg-no:", "pkg-in:"


@dataclass
class Taken:
    """How many records are in the table now, and which never will be, with why."""

    accepted: int = 0
    refused: list[dict[str, str]] = field(default_factory=list[dict[str, str]])


class _NoRecord(Exception):  # noqa: N818 - a finding about one record, never seen outside
    pass


def facts_tag(tx: Tx) -> str:
    """Return a text that differs when approvals or advisories have changed."""
    mark = tx.get(MarkRow, FACTS_MARK)
    return str(mark.value["tag"]) if mark else ""


def touch_facts(tx: Tx, clock: Clock) -> None:
    """Have gateways ask again for what is known of packages."""
    count = int(facts_tag(tx) or 0) + 1
    tx.merge(MarkRow(name=FACTS_MARK, value={"tag": str(count)}, at=clock.now()))


def facts_of(tx: Tx, name: str) -> dict[str, Any]:
    """Return the advisories and approved versions of a project (normalised name), for gateways."""
    rows = tx.scalars(select(AdvisoryRow).where(AdvisoryRow.name == name).order_by(AdvisoryRow.id))
    advisories = [{"id": row.id, **one} for row in rows for one in row.said]
    approved = select(PackageApprovalRow.version).where(PackageApprovalRow.name == name)
    is_loaded = tx.scalar(select(AdvisoryRow.id).limit(1)) is not None
    return {"advisories": advisories, "approved": sorted(tx.scalars(approved)), "loaded": is_loaded}


def take_packages(tx: Tx, clock: Clock, records: Sequence[Mapping[str, Any]]) -> Taken:
    """Put the records of a gateway into the table. A repeat counts as accepted and changes nothing.

    A record that is malformed, or speaks of a session that this office did not admit, is refused by itself.
    Raises `Refused` (400) for more than `MAX_BATCH` at once.
    """
    if len(records) > MAX_BATCH:
        raise invalid(
            "records", f"{len(records)} records at once are too many.", f"Send at most {MAX_BATCH}."
        )
    taken = Taken()
    ids = {one["session_id"] for one in records if isinstance(one.get("session_id"), str)}
    query = select(SessionRow, UserRow.name).join(UserRow, SessionRow.user_id == UserRow.id)
    owners = {row.id: (row, user) for row, user in tx.execute(query.where(SessionRow.id.in_(ids)))}
    rows: dict[str, tuple[PackageInstallRow, str]] = {}
    for record in records:
        try:
            row, user = _row(record, owners, clock)
        except _NoRecord as finding:
            taken.refused.append({"id": str(record.get("id"))[:64], "why": str(finding)})
        else:
            rows.setdefault(row.id, (row, user))
            taken.accepted += 1
    known = set(tx.scalars(select(PackageInstallRow.id).where(PackageInstallRow.id.in_(rows))))
    fresh = [pair for row_id, pair in rows.items() if row_id not in known]
    tx.add_all(row for row, _ in fresh)
    tx.flush()
    for row, user in fresh:
        _audit(tx, clock, row, user)
    return taken


def _row(
    record: Mapping[str, Any], owners: Mapping[str, tuple[SessionRow, str]], clock: Clock
) -> tuple[PackageInstallRow, str]:
    row_id, size, session_id = record.get("id"), record.get("size_bytes"), record.get("session_id")
    if not isinstance(row_id, str) or not _ID.fullmatch(row_id):
        raise _NoRecord("the id is not 1 to 64 letters, digits and _ . : -")
    if not isinstance(session_id, str) or session_id not in owners:
        raise _NoRecord("there is no such session")
    if not _NAME.fullmatch(_text(record, "name", 200)):
        raise _NoRecord("the name is not a normalised name of a project")
    if record.get("outcome") not in OUTCOMES:
        raise _NoRecord(f"the outcome is none of {', '.join(OUTCOMES)}")
    if not _SHA256.fullmatch(_text(record, "sha256", 64)):
        raise _NoRecord("sha256 is not 64 digits of base 16")
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= _MOST_SIZE:
        raise _NoRecord("size_bytes is not a whole number")
    session, user = owners[session_id]
    texts = {
        "name": 200,
        "version": 200,
        "file": 400,
        "index": 400,
        "sha256": 64,
        "outcome": 12,
        "reason": 800,
    }
    row = PackageInstallRow(
        id=row_id,
        session_id=session.id,
        user_id=session.user_id,
        at=_moment(record.get("at"), session, clock),
        size_bytes=size,
        **{name: _text(record, name, longest) for name, longest in texts.items()},
    )
    return row, user


def _moment(value: object, session: SessionRow, clock: Clock) -> datetime:
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise _NoRecord("at is not a moment with a time zone")
    return max(min(at, clock.now()), session.requested_at)


def _text(record: Mapping[str, Any], name: str, longest: int) -> str:
    """Return text that both databases hold: names of files are written by whoever uploads them."""
    value = record.get(name)
    text = value if isinstance(value, str) else ""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text[:longest])


def _audit(tx: Tx, clock: Clock, row: PackageInstallRow, user: str) -> None:
    """Record each file of a session once, and its first refusals."""
    actor = Actor(id=row.user_id, name=user, scopes=frozenset(), kind="session", via="gateway")
    if row.outcome == "installed":
        event: events.Event = events.PackageInstalled(
            session_id=row.session_id, user=user, name=row.name, version=row.version, file=row.file,
            sha256=row.sha256, index=row.index,
        )  # fmt: skip
        event_id = _INSTALLED + _name_of(row.file, row.sha256)
    elif row.outcome in {"refused", "altered"}:
        event_id = _REFUSED + _name_of(row.name, row.version, row.reason)
        mine = select(func.count()).where(
            ReportedEventRow.session_id == row.session_id, ReportedEventRow.event_id.startswith(_REFUSED)
        )
        count = tx.scalar(mine) or 0
        if count >= _MOST_REFUSALS:
            return
        event = events.PackageRefused(
            session_id=row.session_id, user=user, name=row.name, version=row.version, reason=row.reason,
            is_last=count + 1 == _MOST_REFUSALS,
        )  # fmt: skip
    else:
        return
    if tx.get(ReportedEventRow, (row.session_id, event_id)) is None:
        journal.append_once(tx, clock, actor, event, session_id=row.session_id, event_id=event_id)


def _name_of(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:40]
