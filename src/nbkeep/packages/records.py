"""What gateways report of packages, taken into `package_installs`: once each, within bounds, and audited."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from nbkeep.audit import events, journal
from nbkeep.egress.reports import RecordError, moment, take, text
from nbkeep.model.actor import Actor
from nbkeep.store.package_tables import AdvisoryRow, PackageApprovalRow, PackageInstallRow
from nbkeep.store.tables import MarkRow, ReportedEventRow

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nbkeep.egress.reports import Owner, Taken
    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Tx

FACTS_MARK = "package-facts"
OUTCOMES = ("installed", "refused", "altered", "unfinished")
_NAME = re.compile(r"[a-z0-9-]{1,200}")
_SHA256 = re.compile(r"[0-9a-f]{64}|")
_MOST_SIZE = 2**53 - 1
# A session can ask for a new name each time: the journal tells of the first refusals, the table of all.
_MOST_REFUSALS = 100
_REFUSED, _INSTALLED = "pkg-no:", "pkg-in:"


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


def take_packages(tx: Tx, clock: Clock, records: Sequence[Mapping[str, Any]]) -> Taken[PackageInstallRow]:
    """Put the records of a gateway into the table, and into the journal; see `reports.take`."""
    taken = take(
        tx, records, PackageInstallRow, lambda record, row_id, owner: _row(record, row_id, owner, clock)
    )
    for row, owner in taken.fresh:
        _audit(tx, clock, row, owner.user)
    return taken


def _row(record: Mapping[str, Any], row_id: str, owner: Owner, clock: Clock) -> PackageInstallRow:
    size = record.get("size_bytes")
    if not _NAME.fullmatch(text(record.get("name"), 200)):
        raise RecordError("the name is not a normalised name of a project")
    if record.get("outcome") not in OUTCOMES:
        raise RecordError(f"the outcome is none of {', '.join(OUTCOMES)}")
    if not _SHA256.fullmatch(text(record.get("sha256"), 64)):
        raise RecordError("sha256 is not 64 digits of base 16")
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= _MOST_SIZE:
        raise RecordError("size_bytes is not a whole number")
    texts = {
        "name": 200,
        "version": 200,
        "file": 400,
        "index": 400,
        "sha256": 64,
        "outcome": 12,
        "reason": 800,
    }
    return PackageInstallRow(
        id=row_id,
        session_id=owner.session.id,
        user_id=owner.session.user_id,
        at=moment(record.get("at"), owner, clock),
        size_bytes=size,
        **{name: text(record.get(name), longest) for name, longest in texts.items()},
    )


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
