"""What gateways report about connections, taken into the table `connections`: once each, within bounds."""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from nbkeep.audit import events, journal
from nbkeep.model.actor import Actor
from nbkeep.model.errors import invalid
from nbkeep.store.network_tables import ConnectionRow
from nbkeep.store.tables import ReportedEventRow, SessionRow, UserRow

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Tx

MAX_BATCH = 1000
_ID = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
_METHOD = re.compile(r"[A-Z]{1,16}")
_PROTOCOLS = frozenset({"http", "connect", "socks", "tcp", "postgres"})
_INT_MAX = 2**53 - 1
_MAX_PORT = 65535
# A session can try a new name each time: the journal tells of the first refusals, the table of all.
_MOST_AUDITED = 100
_AUDITED = "egress:"


@dataclass
class Taken:
    """How many records are in the table now, which were not before, and which never will be, with why."""

    accepted: int = 0
    fresh: list[ConnectionRow] = field(default_factory=list[ConnectionRow])
    refused: list[dict[str, str]] = field(default_factory=list[dict[str, str]])


@dataclass(frozen=True)
class _Owner:
    session: SessionRow
    user: str


class _NoRecord(Exception):  # noqa: N818 - a finding about one record, never seen outside
    pass


def take_records(tx: Tx, clock: Clock, records: Sequence[Mapping[str, Any]]) -> Taken:
    """Put the records of a gateway into the table. A repeat counts as accepted and changes nothing.

    A record that is malformed, or speaks of a session that this office did not admit, is refused by itself,
    so that it holds up no other. Raises `Refused` (400) for more than `MAX_BATCH` at once.
    """
    if len(records) > MAX_BATCH:
        raise invalid(
            "records", f"{len(records)} records at once are too many.", f"Send at most {MAX_BATCH}."
        )
    taken = Taken()
    owners = _owners(tx, {_session_id(one) for one in records})
    rows: dict[str, tuple[ConnectionRow, _Owner]] = {}
    for record in records:
        try:
            row, owner = _row(record, owners, clock)
        except _NoRecord as finding:
            taken.refused.append({"id": _text(record.get("id"), 64), "why": str(finding)})
        else:
            rows.setdefault(row.id, (row, owner))
            taken.accepted += 1
    known = set(tx.scalars(select(ConnectionRow.id).where(ConnectionRow.id.in_(rows))))
    fresh = [pair for row_id, pair in rows.items() if row_id not in known]
    tx.add_all(row for row, _ in fresh)
    tx.flush()
    taken.fresh = [row for row, _ in fresh]
    for row, owner in fresh:
        if not row.allowed:
            _audit(tx, clock, row, owner)
    return taken


def _owners(tx: Tx, session_ids: set[str]) -> dict[str, _Owner]:
    query = select(SessionRow, UserRow.name).join(UserRow, SessionRow.user_id == UserRow.id)
    found = tx.execute(query.where(SessionRow.id.in_(session_ids)))
    return {session.id: _Owner(session, user) for session, user in found}


def _row(
    record: Mapping[str, Any], owners: Mapping[str, _Owner], clock: Clock
) -> tuple[ConnectionRow, _Owner]:
    row_id, host, port = record.get("id"), record.get("host"), record.get("port")
    protocol, method = record.get("protocol"), record.get("method")
    if not isinstance(row_id, str) or not _ID.fullmatch(row_id):
        raise _NoRecord("the id is not 1 to 64 letters, digits and _ . : -")
    owner = owners.get(_session_id(record))
    if owner is None:
        raise _NoRecord("there is no such session")
    if not isinstance(host, str) or not _is_port(port):
        raise _NoRecord("host and port are not text and a number to 65535")
    if not isinstance(protocol, str) or protocol not in _PROTOCOLS:
        raise _NoRecord(f"the protocol is none of {', '.join(sorted(_PROTOCOLS))}")
    if not isinstance(record.get("allowed"), bool) or not isinstance(record.get("would_block"), bool):
        raise _NoRecord("allowed and would_block are not true or false")
    row = ConnectionRow(
        id=row_id,
        session_id=owner.session.id,
        user_id=owner.session.user_id,
        at=_moment(record.get("at"), owner, clock),
        host=_text(host, 255),
        port=port,
        address=_address(record.get("address")),
        protocol=protocol,
        method=method if isinstance(method, str) and _METHOD.fullmatch(method) else "",
        allowed=record["allowed"],
        would_block=record["would_block"],
        rule_id=_text(record.get("rule_id"), 300),
        rule_source=_text(record.get("rule_source"), 80),
        reason=_text(record.get("reason"), 800),
        bytes_out=int(_number(record.get("bytes_out"))),
        bytes_in=int(_number(record.get("bytes_in"))),
        duration_s=_number(record.get("duration_s")),
    )
    return row, owner


def _session_id(record: Mapping[str, Any]) -> str:
    """Return what can be looked for; "" for what no session is called."""
    found = record.get("session_id")
    return found if isinstance(found, str) and _ID.fullmatch(found) else ""


def _is_port(value: object) -> bool:
    # 0: a request that named none
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_PORT


def _moment(value: object, owner: _Owner, clock: Clock) -> datetime:
    """Return when it was: not before the session, where retention would take it, nor in the future."""
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise _NoRecord("at is not a moment with a time zone")
    return max(min(at, clock.now()), owner.session.requested_at)


def _text(value: object, longest: int) -> str:
    """Return text that both databases hold and no reader stumbles over: hosts are written by users' code."""
    text = value if isinstance(value, str) else ""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text[:longest])


def _address(value: object) -> str:
    try:
        return str(ip_address(value)) if isinstance(value, str) and "%" not in value else ""
    except ValueError:
        return ""


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0
    if isinstance(value, float) and not math.isfinite(value):
        return 0
    return max(0, min(value, _INT_MAX))


def _audit(tx: Tx, clock: Clock, row: ConnectionRow, owner: _Owner) -> None:
    """Record the first refusal of each host by each rule, up to a bound for each session."""
    actor = Actor(id=row.user_id, name=owner.user, scopes=frozenset(), kind="session", via="gateway")
    event_id = _AUDITED + _name_of(row.host, row.rule_id)
    if tx.get(ReportedEventRow, (row.session_id, event_id)) is not None:
        return
    mine = select(func.count()).where(
        ReportedEventRow.session_id == row.session_id, ReportedEventRow.event_id.startswith(_AUDITED)
    )
    count = tx.scalar(mine) or 0
    if count >= _MOST_AUDITED:
        return
    event = events.EgressRefused(
        session_id=row.session_id,
        user=owner.user,
        host=row.host,
        port=row.port,
        rule=row.rule_id,
        reason=row.reason,
        is_last=count + 1 == _MOST_AUDITED,
    )
    journal.append_once(tx, clock, actor, event, session_id=row.session_id, event_id=event_id)


def _name_of(*parts: str) -> str:
    """Return a short name of several texts, which differs when one of them does."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:40]
