"""The record of connections as people read it: a log, newest first, and what was reached most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select

from nbkeep.model.cursors import make_cursor, read_cursor
from nbkeep.model.errors import invalid
from nbkeep.store.network_tables import ConnectionRow
from nbkeep.store.tables import SessionRow, UserRow

if TYPE_CHECKING:
    from datetime import datetime

    from nbkeep.model.actor import Actor
    from nbkeep.store.database import Tx

LIMIT_MAX = 1000
OUTCOMES = ("allowed", "refused", "trial")
GROUPS = ("host", "user", "session", "rule")


@dataclass(frozen=True)
class Wanted:
    """What to look for; empty fields do not restrict.

    `host`: a name, or `*.name` for all below it, or `*part*`. `user`: a login name.
    `outcome`: one of OUTCOMES; "trial" is what only the trial of its profile
    let through.
    """

    session: str = ""
    user: str = ""
    host: str = ""
    outcome: str = ""
    rule: str = ""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class Found:
    """One page of connections, and the cursor of the next (None on the last)."""

    items: list[dict[str, Any]]
    next: str | None


def search(tx: Tx, actor: Actor, wanted: Wanted, *, limit: int = 100, cursor: str | None = None) -> Found:
    """Return a page of connections, newest first: everybody's with `network:read`, else one's own sessions'.

    Somebody else's session or name gives an empty list, exactly as one that does not exist.
    """
    limit = max(1, min(limit, LIMIT_MAX))
    query = (
        _visible(actor, select(ConnectionRow, UserRow.name, SessionRow.name, SessionRow.profile_name))
        .where(*_conditions(wanted))
        .order_by(ConnectionRow.at.desc(), ConnectionRow.id.desc())
        .limit(limit + 1)
    )
    if cursor:
        at, last_id = read_cursor(cursor)
        query = query.where(
            or_(ConnectionRow.at < at, and_(ConnectionRow.at == at, ConnectionRow.id < last_id))
        )
    rows = [tuple(row) for row in tx.execute(query)]
    items = [connection_view(*row) for row in rows[:limit]]
    last: ConnectionRow | None = rows[limit - 1][0] if len(rows) > limit else None
    return Found(items, make_cursor(last.at, last.id) if last else None)


def top(tx: Tx, actor: Actor, wanted: Wanted, *, by: str = "host", limit: int = 10) -> list[dict[str, Any]]:
    """Return what stands out: groups of connections with most bytes out first, then most attempts."""
    if by not in GROUPS:
        raise invalid("by", f"{by!r} is nothing to group by.", f"One of: {', '.join(GROUPS)}.")
    key = {
        "host": ConnectionRow.host,
        "user": UserRow.name,
        "session": ConnectionRow.session_id,
        "rule": ConnectionRow.rule_id,
    }[by]
    query = _visible(actor, select(key, *_SUMS)).where(*_conditions(wanted)).group_by(key)
    query = query.order_by(_BYTES_OUT.desc(), _COUNT.desc(), key).limit(max(1, min(limit, LIMIT_MAX)))
    return [{by: row[0], **_sums(row[1:])} for row in tx.execute(query)]


def totals(tx: Tx, actor: Actor, wanted: Wanted) -> dict[str, Any]:
    """Return the sums over all connections that are looked for."""
    row = tx.execute(_visible(actor, select(*_SUMS)).where(*_conditions(wanted))).one()
    return _sums(tuple(row))


def outcome(row: ConnectionRow) -> str:
    """Return which of OUTCOMES a connection had."""
    if not row.allowed:
        return "refused"
    return "trial" if row.would_block else "allowed"


def connection_view(row: ConnectionRow, user: str, session_name: str, profile: str) -> dict[str, Any]:
    """Return a connection for the doors."""
    return {
        "id": row.id,
        "at": row.at.isoformat(),
        "session_id": row.session_id,
        "session_name": session_name,
        "user": user,
        "profile": profile,
        "host": row.host,
        "port": row.port,
        "address": row.address,
        "protocol": row.protocol,
        "method": row.method,
        "outcome": outcome(row),
        "allowed": row.allowed,
        "would_block": row.would_block,
        "rule": row.rule_id,
        "rule_source": row.rule_source,
        "reason": row.reason,
        "bytes_out": row.bytes_out,
        "bytes_in": row.bytes_in,
        "duration_s": row.duration_s,
    }


_COUNT = func.count()
_BYTES_OUT = func.sum(ConnectionRow.bytes_out)
_SUMS = (
    _COUNT,
    _COUNT.filter(ConnectionRow.allowed.is_(False)),
    _COUNT.filter(ConnectionRow.would_block.is_(True), ConnectionRow.allowed.is_(True)),
    _BYTES_OUT,
    func.sum(ConnectionRow.bytes_in),
    func.count(ConnectionRow.host.distinct()),
    func.count(ConnectionRow.session_id.distinct()),
    func.count(ConnectionRow.user_id.distinct()),
    func.max(ConnectionRow.at),
)


def _sums(row: tuple[Any, ...]) -> dict[str, Any]:
    names = ("connections", "refused", "trial", "bytes_out", "bytes_in", "hosts", "sessions", "users")
    last: datetime | None = row[-1]
    return {
        **{name: int(value or 0) for name, value in zip(names, row, strict=False)},
        "last_at": last.isoformat() if last else None,
    }


def _visible(actor: Actor, query: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    query = query.select_from(ConnectionRow).join(UserRow, ConnectionRow.user_id == UserRow.id)
    query = query.join(SessionRow, ConnectionRow.session_id == SessionRow.id)
    if actor.may("network:read"):
        return query
    actor.require("sessions")
    return query.where(ConnectionRow.user_id == actor.id)


def _conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.session:
        found.append(ConnectionRow.session_id == wanted.session)
    if wanted.user:
        named = select(UserRow.id).where(UserRow.name == wanted.user).scalar_subquery()
        found.append(ConnectionRow.user_id == named)
    if wanted.host:
        found.append(_about_host(wanted.host))
    if wanted.outcome:
        found.append(_had(wanted.outcome))
    if wanted.rule:
        found.append(ConnectionRow.rule_id == wanted.rule)
    if wanted.since:
        found.append(ConnectionRow.at >= wanted.since)
    if wanted.until:
        found.append(ConnectionRow.at < wanted.until)
    return found


def _about_host(host: str) -> ColumnElement[bool]:
    host = host.strip().lower()
    if host.startswith("*") and host.endswith("*"):
        return ConnectionRow.host.contains(host.strip("*"), autoescape=True)
    if host.startswith("*."):
        return ConnectionRow.host.endswith(host[1:], autoescape=True)
    return or_(ConnectionRow.host == host, ConnectionRow.address == host)


def _had(wanted: str) -> ColumnElement[bool]:
    conditions: dict[str, ColumnElement[bool]] = {
        "refused": ConnectionRow.allowed.is_(False),
        "trial": and_(ConnectionRow.allowed.is_(True), ConnectionRow.would_block.is_(True)),
        "allowed": and_(ConnectionRow.allowed.is_(True), ConnectionRow.would_block.is_(False)),
    }
    if wanted not in conditions:
        raise invalid("outcome", f"{wanted[:40]!r} is no outcome.", f"One of: {', '.join(OUTCOMES)}.")
    return conditions[wanted]
