"""Add, pause, resume and remove destinations, and how they are doing. Each change is on record."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from nbkeep.audit import events, journal
from nbkeep.keyplace import KeyPlace, check_place, where_of
from nbkeep.model.errors import Refused, invalid
from nbkeep.model.ids import new_id
from nbkeep.store.audit_tables import ForwardRow
from nbkeep.store.tables import JournalHeadRow

from .rules import MOST, Place, check_address, check_ca_file, check_name, literal

if TYPE_CHECKING:
    from datetime import datetime

    from nbkeep.model.actor import Actor
    from nbkeep.model.clock import Clock
    from nbkeep.settings import Settings
    from nbkeep.store.database import Tx

SEE, ADMIN = "audit:read", "admin:audit"


@dataclass(frozen=True)
class Status:
    """How a destination is doing: `lag` are records that it does not have yet."""

    name: str
    place: str
    secret: str
    ca_file: str
    state: str  # active | paused | failing
    cursor_seq: int
    lag: int
    failures: int
    last_error: str
    failing_since: datetime | None
    next_try_at: datetime | None
    last_ok_at: datetime | None


def add(
    tx: Tx,
    clock: Clock,
    settings: Settings,
    actor: Actor,
    *,
    name: str,
    place: Place,
    secret: str = "",
    ca_file: str = "",
    from_start: bool = False,
) -> ForwardRow:
    """Send the journal on to a place from now on, or from its start. Raises `Refused`: 400, 403, 409.

    `secret`: where the secret of a webhook lies, file:/PATH or env:NAME; it must be there already.
    """
    actor.require(ADMIN)
    check_name(name)
    if (address := literal(place.host)) is not None:
        check_address(place, address, settings.forward_special_hosts)
    _check_secret(settings, place, secret)
    if tx.scalar(select(ForwardRow.id).where(ForwardRow.name == name)) is not None:
        raise Refused("forward-exists", f"There is a destination named {name!r}.",
                      "Choose another name, or remove that one first.", status=409)  # fmt: skip
    if (tx.scalar(select(func.count()).select_from(ForwardRow)) or 0) >= MOST:
        raise Refused("too-many-forwards", f"There are {MOST} destinations, the most there can be.",
                      "Remove one that is not needed.", status=409)  # fmt: skip
    now, head = clock.now(), head_seq(tx)
    row = ForwardRow(
        id=new_id("fwd", now), name=name, kind=place.kind, host=place.host, port=place.port, path=place.path,
        tls=place.tls, secret=secret, ca_file=check_ca_file(ca_file), paused=False,
        cursor_seq=0 if from_start else head, failures=0, last_error="", created_at=now,
        created_by=actor.name,
    )  # fmt: skip
    tx.add(row)
    tx.flush()
    added = events.AuditForwardAdded(name=name, place=str(place), after_seq=row.cursor_seq)
    journal.append(tx, clock, actor, added)
    return row


def pause(tx: Tx, clock: Clock, actor: Actor, name: str) -> ForwardRow:
    """Send nothing more to a destination for now; nothing is lost by it. Twice is safe."""
    row = _to_change(tx, actor, name)
    if not row.paused:
        row.paused = True
        journal.append(tx, clock, actor, events.AuditForwardPaused(name=name))
    return row


def resume(tx: Tx, clock: Clock, actor: Actor, name: str) -> ForwardRow:
    """Go on from where it stopped, at once. Twice is safe."""
    row = _to_change(tx, actor, name)
    row.next_try_at = None
    if row.paused:
        row.paused = False
        journal.append(tx, clock, actor, events.AuditForwardResumed(name=name))
    return row


def remove(tx: Tx, clock: Clock, actor: Actor, name: str) -> None:
    """Forget a destination and how far it is."""
    row = _to_change(tx, actor, name)
    tx.delete(row)
    tx.flush()
    removed = events.AuditForwardRemoved(name=name, place=str(place_of(row)), cursor_seq=row.cursor_seq)
    journal.append(tx, clock, actor, removed)


def statuses(tx: Tx, actor: Actor) -> list[Status]:
    """Return how all destinations are doing, by name. Needs `audit:read`."""
    actor.require(SEE)
    head = head_seq(tx)
    return [status_of(row, head) for row in tx.scalars(select(ForwardRow).order_by(ForwardRow.name))]


def status_of(row: ForwardRow, head: int) -> Status:
    """Return how a destination is doing. `head`: the number of the last record."""
    return Status(
        name=row.name,
        place=str(place_of(row)),
        secret=row.secret,
        ca_file=row.ca_file,
        state="paused" if row.paused else "failing" if row.failures else "active",
        cursor_seq=row.cursor_seq,
        lag=head - row.cursor_seq,
        failures=row.failures,
        last_error=row.last_error,
        failing_since=row.failing_since,
        next_try_at=row.next_try_at,
        last_ok_at=row.last_ok_at,
    )


def find(tx: Tx, actor: Actor, name: str, scope: str = SEE) -> ForwardRow:
    """Return a destination. Raises `Refused` (403, 404)."""
    actor.require(scope)
    row = tx.scalars(select(ForwardRow).where(ForwardRow.name == name)).one_or_none()
    if row is None:
        raise Refused("forward-not-found", f"There is no destination {name[:40]!r}.",
                      "See `nbkeep audit forward list`.", status=404)  # fmt: skip
    return row


def place_of(row: ForwardRow) -> Place:
    """Return where a destination is."""
    return Place("webhook" if row.kind == "webhook" else "syslog", row.host, row.port, row.path, row.tls)


def secrets_of(secret: str) -> list[str]:
    """Return the secrets of a webhook, the newest first, read anew. Raises `Refused` (409)."""
    remedy = "Put it back: one line of 32 or more random characters, of a file with mode 0600."
    where = where_of(secret, Path("/nowhere"))
    return KeyPlace(where, "forward-secret", "The secret of the webhook", remedy).read()


def head_seq(tx: Tx) -> int:
    """Return the number of the last record."""
    head = tx.scalars(select(JournalHeadRow)).one_or_none()
    return head.seq if head else 0


def _check_secret(settings: Settings, place: Place, secret: str) -> None:
    if place.kind == "syslog":
        if secret:
            raise invalid("secret", "Syslog has no secret.", "Leave --secret out.")
        return
    if not secret:
        raise invalid("secret", "A webhook needs a secret that its requests are signed with.",
                      "Give --secret file:/etc/nbkeep/siem-secret, or env:NAME.")  # fmt: skip
    if not secret.startswith(("file:", "env:")):
        # What was given may be the secret itself: it is not repeated.
        raise invalid("secret", "This says not where the secret lies; a secret itself is not kept here.",
                      "Give --secret file:/etc/nbkeep/siem-secret, or env:NAME.")  # fmt: skip
    check_place("secret", secret, settings.data_dir)
    secrets_of(secret)


def _to_change(tx: Tx, actor: Actor, name: str) -> ForwardRow:
    return find(tx, actor, name, ADMIN)
