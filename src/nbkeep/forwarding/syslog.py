"""Records as syslog messages (RFC 5424), counted in octets (RFC 6587), over TLS (RFC 5425)."""

from __future__ import annotations

import json
import socket
import time
from typing import TYPE_CHECKING, Any

from nbkeep.audit.ocsf import KINDS

from .dialling import CONNECT_S, WHOLE_S, address_of, failed, in_words, trust

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nbkeep.store.tables import JournalRow

    from .rules import Place

_LOG_AUDIT = 13  # RFC 5424, table 1
_SEVERITIES = {1: 6, 2: 5, 3: 4, 4: 3}  # informational, notice, warning, error, by those of OCSF
# 32473 is the number for examples and for those who have none of their own (RFC 5612).
_SD_ID = "nbkeep@32473"


def send(place: Place, messages: Sequence[bytes], *, ca_file: str, allowed: tuple[str, ...]) -> None:
    """Send messages over a connection of their own; return when the receiver has closed it in order.

    Syslog has no receipts. What comes closest: it kept the connection open until we ended it, and then said
    goodbye itself, so that it has read all there was. Raises `Unavailable` otherwise, `Refused` (403) for an
    address that may not be.
    """
    address = address_of(place, allowed)
    context = trust(ca_file) if place.tls else None
    until_s = time.monotonic() + WHOLE_S
    try:
        with socket.create_connection((address, place.port), timeout=CONNECT_S) as raw:
            if context is None:
                _send_all(raw, messages, until_s)
                _goodbye(raw, until_s)
                return
            with context.wrap_socket(raw, server_hostname=place.host) as wrapped:
                _send_all(wrapped, messages, until_s)
                wrapped.settimeout(_left_s(until_s))
                _goodbye(wrapped.unwrap(), until_s)
    except OSError as error:
        raise in_words(error) from error


def message(row: JournalRow, host: str) -> bytes:
    """Return a record as one message: number and hash as structured data, the record itself as its text."""
    value: dict[str, Any] = json.loads(row.record)
    kind = KINDS.get(row.type)
    severity = _SEVERITIES[kind.severity_id if kind else 1]
    told = {"seq": row.seq, "id": row.hash, "type": row.type, "actor": value["actor"]["name"]}
    if row.session_id:
        told["session"] = row.session_id
    return _spelled(severity, value["at"], host, row.type, told, row.record)


def trial(at: str, host: str) -> bytes:
    """Return a message that is no record."""
    return _spelled(6, at, host, "test", {"seq": 0, "id": "test"}, "nbkeep sends its audit here.")


def framed(one: bytes) -> bytes:
    """Return a message with its length in front."""
    return b"%d %b" % (len(one), one)


def _spelled(severity: int, at: str, host: str, msg_id: str, told: dict[str, Any], text: str) -> bytes:
    data = " ".join(f'{name}="{_escaped(str(value))}"' for name, value in told.items())
    priority = _LOG_AUDIT * 8 + severity
    return f"<{priority}>1 {at} {host} nbkeep - {msg_id[:32]} [{_SD_ID} {data}] {text}".encode()


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("]", "\\]")


def _send_all(connection: socket.socket, messages: Sequence[bytes], until_s: float) -> None:
    for one in messages:
        connection.settimeout(_left_s(until_s))
        connection.sendall(framed(one))


def _goodbye(raw: socket.socket, until_s: float) -> None:
    """End our side and wait for the other; who closes with bytes unread resets the connection."""
    raw.shutdown(socket.SHUT_WR)
    while True:
        raw.settimeout(_left_s(until_s))
        if not raw.recv(4096):
            return


def _left_s(until_s: float) -> float:
    left_s = until_s - time.monotonic()
    if left_s <= 0:
        raise failed("it did not take everything in time")
    return left_s
