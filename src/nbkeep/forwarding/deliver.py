"""One batch to one destination: read, send, note. Killed in between, the same is sent again."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sqlalchemy import or_, select

from nbkeep.audit.export import spelled
from nbkeep.model.errors import NbkeepError
from nbkeep.store.audit_tables import ForwardRow
from nbkeep.store.tables import JournalRow

from . import syslog, webhook
from .destinations import head_seq, place_of, secrets_of
from .rules import BATCH_BYTES, LONGEST_WAIT_S, batch_records, wait_s

if TYPE_CHECKING:
    from nbkeep.settings import Settings
    from nbkeep.store.interface import Parts


def due(parts: Parts) -> list[str]:
    """Return the ids of destinations that lack records and may be tried."""
    now = parts.clock.now()
    with parts.store.read() as tx:
        # A moment further away than any wait was set before the wall clock was put back.
        is_time = or_(ForwardRow.next_try_at.is_(None), ForwardRow.next_try_at <= now,
                      ForwardRow.next_try_at > now + timedelta(seconds=LONGEST_WAIT_S))  # fmt: skip
        behind = ForwardRow.cursor_seq < head_seq(tx)
        return list(tx.scalars(select(ForwardRow.id).where(ForwardRow.paused.is_(False), is_time, behind)))


def deliver(parts: Parts, forward_id: str) -> bool:
    """Send the next batch; tell whether that went well and there may be more.

    Invariant: the place in the journal moves only after the receiver has taken everything before it.
    """
    with parts.store.read() as tx:
        row = tx.get(ForwardRow, forward_id)
        if row is None or row.paused:
            return False
        query = select(JournalRow).where(JournalRow.seq > row.cursor_seq).order_by(JournalRow.seq)
        records = _bounded(list(tx.scalars(query.limit(batch_records(row.failures)))))
    if not records:
        return False
    try:
        _send(parts, row, records)
    except NbkeepError as error:
        _note_failure(parts, row, error.message)
        return False
    return _note_success(parts, row, records[-1].seq)


def send_trial(parts: Parts, row: ForwardRow) -> None:
    """Send a message that is no record, and raise `Unavailable` or `Refused` where it does not arrive."""
    at, host = parts.clock.now().isoformat(timespec="microseconds"), _own_name(parts.settings)
    if row.kind == "syslog":
        _syslog(parts, row, [syslog.trial(at, host)])
    else:
        _post(parts, row, f'{{"test":{{"at":"{at}"}}}}\n'.encode(), {"X-Nbkeep-Test": "1"})


def _send(parts: Parts, row: ForwardRow, records: list[JournalRow]) -> None:
    if row.kind == "syslog":
        host = _own_name(parts.settings)
        _syslog(parts, row, [syslog.message(one, host) for one in records])
        return
    body = "".join(f"{spelled(one)}\n" for one in records).encode()
    numbers = {"X-Nbkeep-First-Seq": str(records[0].seq), "X-Nbkeep-Last-Seq": str(records[-1].seq)}
    _post(parts, row, body, numbers)


def _post(parts: Parts, row: ForwardRow, body: bytes, headers: dict[str, str]) -> None:
    webhook.post(
        place_of(row),
        body,
        secrets=secrets_of(row.secret),
        at_s=int(parts.clock.now().timestamp()),
        headers=headers,
        ca_file=row.ca_file,
        allowed=parts.settings.forward_special_hosts,
    )


def _syslog(parts: Parts, row: ForwardRow, messages: list[bytes]) -> None:
    allowed = parts.settings.forward_special_hosts
    syslog.send(place_of(row), messages, ca_file=row.ca_file, allowed=allowed)


def _bounded(records: list[JournalRow]) -> list[JournalRow]:
    size = 0
    for count, one in enumerate(records):
        size += len(one.record)
        if size > BATCH_BYTES and count:
            return records[:count]
    return records


def _note_success(parts: Parts, sent: ForwardRow, last: int) -> bool:
    with parts.store.write() as tx:
        row = tx.get(ForwardRow, sent.id)
        if row is None or row.cursor_seq != sent.cursor_seq:
            return False  # another office, by mistake: it has sent the same
        row.cursor_seq, row.last_ok_at = last, parts.clock.now()
        row.failures, row.last_error, row.failing_since, row.next_try_at = 0, "", None, None
        return not row.paused


def _note_failure(parts: Parts, tried: ForwardRow, why: str) -> None:
    now = parts.clock.now()
    with parts.store.write() as tx:
        row = tx.get(ForwardRow, tried.id)
        if row is None or row.cursor_seq != tried.cursor_seq:
            return
        row.failures += 1
        row.last_error, row.failing_since = why[:400], row.failing_since or now
        wait = wait_s(row.failures, secrets.randbelow(1001) / 1000)
        row.next_try_at = now + timedelta(seconds=wait)


def _own_name(settings: Settings) -> str:
    return urlsplit(settings.public_url).hostname or "-"
