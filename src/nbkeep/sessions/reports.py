"""What the trusted half of a session reports for the record: executions, kernels, terminals, downloads."""

from __future__ import annotations

import dataclasses
import math
import re
from typing import TYPE_CHECKING, Any

from nbkeep.audit import events, journal
from nbkeep.model.errors import Refused, invalid
from nbkeep.telemetry import traces
from nbkeep.telemetry.instruments import when_committed

from .identity import actor_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Tx
    from nbkeep.store.tables import SessionRow

# The only kinds that a session may write; everything else in the journal is the office's own.
REPORTABLE: dict[str, type[events.Event]] = {
    kind.type: kind
    for kind in (
        events.ExecutionStarted,
        events.ExecutionFinished,
        events.KernelStarted,
        events.KernelDied,
        events.KernelRestarted,
        events.TerminalOpened,
        events.TerminalClosed,
        events.FileDownloaded,
        events.DownloadRefused,
        events.SaveBlocked,
        events.StateSaved,
        events.StateRestored,
        events.StateRefused,
    )
}
MAX_BATCH = 500
_EVENT_ID = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
_LONGEST_TEXT = 4096
_LONGEST_CODE = 256 * 1024
_INT_MAX = 2**53 - 1  # what every JSON reader keeps (RFC 7493)


def take_reports(tx: Tx, clock: Clock, row: SessionRow, reports: Sequence[Mapping[str, Any]]) -> int:
    """Record the reports of one session in order and return how many were taken.

    Delivery is at least once: an id that was recorded before is counted and not recorded again. A report that
    is malformed refuses the whole batch, so that nothing is half taken.
    """
    if len(reports) > MAX_BATCH:
        raise invalid("events", f"{len(reports)} events at once are too many.", f"Send at most {MAX_BATCH}.")
    actor = actor_of(tx, row)
    for report in reports:
        event_id = report.get("id")
        if not isinstance(event_id, str) or not _EVENT_ID.fullmatch(event_id):
            raise invalid("id", "Each event needs an id of 1 to 64 letters, digits and _ . : -")
        event = _event(row, report)
        is_new = journal.append_once(tx, clock, actor, event, session_id=row.id, event_id=event_id)
        if is_new and isinstance(event, events.KernelStarted):
            _trace_kernel(tx, clock, row)
    return len(reports)


def _trace_kernel(tx: Tx, clock: Clock, row: SessionRow) -> None:
    """End the trace of a start with its first kernel; there is none for later ones."""
    session_id, ready_at = row.id, row.ready_at or row.requested_at
    ago_s = (clock.now() - ready_at).total_seconds()

    def tell() -> None:
        traces.instant("session.first_kernel", traces.forget(session_id), ago_s, session=session_id)

    if traces.beginning_of(session_id):
        when_committed(tx, tell)


def take_left_reports(
    tx: Tx, clock: Clock, row: SessionRow, reports: Sequence[Mapping[str, Any]]
) -> list[str]:
    """Record what an ended session had not delivered; return why each report that cannot be was left out.

    Unlike a running session, this one cannot send again: a malformed report must not hold back the others.
    """
    refused: list[str] = []
    for report in reports:
        try:
            take_reports(tx, clock, row, [report])
        except Refused as error:
            refused.append(error.message)
    return refused


def _event(row: SessionRow, report: Mapping[str, Any]) -> events.Event:
    kind = REPORTABLE.get(str(report.get("type")))
    if kind is None:
        raise invalid(
            "type",
            f"A session cannot report {str(report.get('type'))[:60]!r}.",
            f"One of: {', '.join(sorted(REPORTABLE))}.",
        )
    known = {field.name for field in dataclasses.fields(kind)} - {"session_id"}
    values = {key: _tamed(key, report[key]) for key in known if key in report}
    if not row.profile["record_code"]:
        values.pop("code", None)  # policy is decided here, whatever the session sends
    try:
        return kind(session_id=row.id, **values)
    except TypeError as error:
        raise invalid("events", f"A report of {kind.type} lacks a field.", str(error)) from error


def _tamed(key: str, value: object) -> str | float | bool | None:
    """Return a value that the journal can hold.

    Odd values are cut or replaced, not refused: names of notebooks and cells come from users, and a record
    must not be lost because one is strange.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return max(-_INT_MAX, min(value, _INT_MAX))
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    text = str(value).encode("utf-8", "replace").decode()
    return text[: _LONGEST_CODE if key == "code" else _LONGEST_TEXT]
