"""What gateways report about connections, taken into the table `connections`: once each, within bounds."""

from __future__ import annotations

import hashlib
import math
import re
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from nbkeep.audit import events, journal
from nbkeep.model.actor import Actor
from nbkeep.store.network_tables import ConnectionRow
from nbkeep.store.tables import ReportedEventRow

from .reports import RecordError, moment, take, text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Tx

    from .reports import Owner, Taken

_METHOD = re.compile(r"[A-Z]{1,16}")
_PROTOCOLS = frozenset({"http", "connect", "socks", "tcp", "postgres"})
_INT_MAX = 2**53 - 1
_MAX_PORT = 65535
# A session can try a new name each time: the journal tells of the first refusals, the table of all.
_MOST_AUDITED = 100
_AUDITED = "egress:"


def take_records(tx: Tx, clock: Clock, records: Sequence[Mapping[str, Any]]) -> Taken[ConnectionRow]:
    """Put a gateway's records into the table, and first refusals into the journal; see `reports.take`."""
    taken = take(tx, records, ConnectionRow, lambda record, row_id, owner: _row(record, row_id, owner, clock))
    for row, owner in taken.fresh:
        if not row.allowed:
            _audit(tx, clock, row, owner)
    return taken


def _row(record: Mapping[str, Any], row_id: str, owner: Owner, clock: Clock) -> ConnectionRow:
    host, port = record.get("host"), record.get("port")
    protocol, method = record.get("protocol"), record.get("method")
    if not isinstance(host, str) or not _is_port(port):
        raise RecordError("host and port are not text and a number to 65535")
    if not isinstance(protocol, str) or protocol not in _PROTOCOLS:
        raise RecordError(f"the protocol is none of {', '.join(sorted(_PROTOCOLS))}")
    if not isinstance(record.get("allowed"), bool) or not isinstance(record.get("would_block"), bool):
        raise RecordError("allowed and would_block are not true or false")
    return ConnectionRow(
        id=row_id,
        session_id=owner.session.id,
        user_id=owner.session.user_id,
        at=moment(record.get("at"), owner, clock),
        host=text(host, 255),
        port=port,
        address=_address(record.get("address")),
        protocol=protocol,
        method=method if isinstance(method, str) and _METHOD.fullmatch(method) else "",
        allowed=record["allowed"],
        would_block=record["would_block"],
        rule_id=text(record.get("rule_id"), 300),
        rule_source=text(record.get("rule_source"), 80),
        reason=text(record.get("reason"), 800),
        bytes_out=int(_number(record.get("bytes_out"))),
        bytes_in=int(_number(record.get("bytes_in"))),
        duration_s=_number(record.get("duration_s")),
    )


def _is_port(value: object) -> bool:
    # 0: a request that named none
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_PORT


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


def _audit(tx: Tx, clock: Clock, row: ConnectionRow, owner: Owner) -> None:
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
