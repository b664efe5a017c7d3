"""The meter's beat: every few seconds all intervals grow up to now, as far as there is a sign of life.

Time is counted with the monotonic clock, from where each interval was counted last, in the transaction that
moves that place. An office that was away therefore misses nothing that a session lived through, two on
one host count nothing twice, and a jump of the wall clock adds and takes nothing. Across a boot the clock
cannot be compared: intervals end with their last beat then.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, delete, not_, or_, select, update

from nbkeep.model.session import SessionState
from nbkeep.store.meter_tables import MeterIntervalRow
from nbkeep.store.tables import MarkRow, SessionRow

from . import homes
from .follow import end, follow, restart
from .rules import drifted
from .values import FLAVOR, FROZEN, GPU, MARK, SUSPENDED, Moment

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from sqlalchemy import Select

    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Store, Tx

# Another host has the meter until it has been silent for so long.
SILENCE_S = 30.0
_FORGET_AT_ONCE = 2000  # some milliseconds: whoever starts a session must not wait behind it
_AT_ONCE = 500  # what is rare and slow is spread over beats; nothing is lost by that
_HOLDING = [
    one.value
    for one in (SessionState.READY, SessionState.FROZEN, SessionState.STOPPING, SessionState.SUSPENDED)
]
_log = logging.getLogger("nbkeep.meter")


def machine_id() -> str:
    """Return what this installation of the operating system is called, or "" where it has no name."""
    try:
        return Path("/etc/machine-id").read_text().strip()
    except OSError:
        return ""


@dataclass
class Meter:
    """The beats of one office. What must survive it is in the database."""

    machine: str = field(default_factory=machine_id)
    _foreign: tuple[int, float] | None = None  # another host's beat, and since when it has been that one
    _is_refused: bool = False
    _has_counted: bool = False

    def beat(self, store: Store, clock: Clock, alive: Collection[str] | None) -> bool:
        """Count up to now. `alive`: the sessions that the node says run; None: it does not answer.

        What is not known to run is not counted yet: the next sign of life counts it, its end does not. False:
        another host's office has the meter, and nothing was done.
        """
        moment = Moment.of(clock)
        with store.write() as tx:
            if not self._take_turn(tx, moment):
                return False
            _end_earlier_boots(tx, moment)
            rows = _open_rows(tx, moment)
            grown = [row for row in rows if row.resource == SUSPENDED or (alive and row.session_id in alive)]
            _grow(tx, moment, [row.id for row in grown], is_all=len(grown) == len(rows))
            _name_anew(tx, moment, grown)
            _mend(tx, clock, alive or ())
            homes.count(tx, moment)
        return True

    def _take_turn(self, tx: Tx, moment: Moment) -> bool:
        """Tell whether this office counts. After a reboot of its machine it does so at once."""
        mark = tx.get(MarkRow, MARK)
        ours = {"machine": self.machine, "boot": moment.boot, "beat": 1}
        if mark is None:
            self._has_counted = True
            tx.add(MarkRow(name=MARK, value=ours, at=moment.now))
            return True
        last: dict[str, Any] = mark.value
        # Clones of one machine have one name: whoever has lost the meter once waits like a stranger.
        was_rebooted = bool(self.machine) and last["machine"] == self.machine and not self._has_counted
        is_ours = last["boot"] == moment.boot or was_rebooted
        if not is_ours and not self._is_silent(int(last["beat"]), moment):
            if not self._is_refused:
                _log.error("Nothing is metered here: an office on another host uses this database. Stop one.")
            self._is_refused = True
            return False
        self._foreign, self._is_refused, self._has_counted = None, False, True
        mark.value, mark.at = ours | {"beat": int(last["beat"]) + 1}, moment.now
        return True

    def _is_silent(self, beat: int, moment: Moment) -> bool:
        now_s = moment.mono_us / 1_000_000
        if self._foreign is None or self._foreign[0] != beat:
            self._foreign = (beat, now_s)
        return now_s - self._foreign[1] >= SILENCE_S


def _end_earlier_boots(tx: Tx, moment: Moment) -> None:
    query = select(MeterIntervalRow).where(
        MeterIntervalRow.ended_at.is_(None), MeterIntervalRow.boot != moment.boot
    )
    for interval in tx.scalars(query.limit(_AT_ONCE)).all():
        end(tx, interval, moment)


def forget_ended(store: Store, before: datetime) -> int:
    """Delete the next few intervals that ended before a moment; return how many. Twice is safe.

    The sums of their days, which reports are made of, stay. What still grows is never among them.
    """
    row = MeterIntervalRow
    old = select(row.id).where(row.ended_at < before).order_by(row.ended_at).limit(_FORGET_AT_ONCE)
    with store.write() as tx:
        ids = list(tx.scalars(old))
        tx.execute(delete(row).where(row.id.in_(ids), row.ended_at.is_not(None)))
    return len(ids)


def _open_rows(tx: Tx, moment: Moment) -> Sequence[Any]:
    row = MeterIntervalRow
    query = select(row.id, row.session_id, row.resource, row.mono_us, row.began_at, row.lasted_us)
    return tx.execute(query.where(row.ended_at.is_(None), row.boot == moment.boot)).all()


def _grow(tx: Tx, moment: Moment, ids: list[str], *, is_all: bool) -> None:
    """Count in one statement for all, or in a few: reading and adding are one step of the database."""
    row = MeterIntervalRow
    statement = (
        update(row)
        .where(row.ended_at.is_(None), row.boot == moment.boot, row.mono_us < moment.mono_us)
        .values(lasted_us=row.lasted_us + (moment.mono_us - row.mono_us), mono_us=moment.mono_us)
        .execution_options(synchronize_session=False)
    )
    if is_all:
        tx.execute(statement)
        return
    for begin in range(0, len(ids), _AT_ONCE):
        tx.execute(statement.where(row.id.in_(ids[begin : begin + _AT_ONCE])))


def _name_anew(tx: Tx, moment: Moment, rows: Sequence[Any]) -> None:
    """Begin intervals anew whose beginning and length do not lead to now: the wall clock has jumped."""
    jumped = [
        row.id
        for row in rows
        if drifted(row.began_at, row.lasted_us + max(0, moment.mono_us - row.mono_us), moment.now)
    ]
    for interval_id in jumped[:_AT_ONCE]:
        interval = tx.get_one(MeterIntervalRow, interval_id, populate_existing=True)
        restart(tx, interval, moment)


def _sessions_without_intervals() -> Select[SessionRow]:
    # Not one question for each session: that would walk over all that it ever held.
    counted = select(MeterIntervalRow.session_id).where(MeterIntervalRow.ended_at.is_(None))
    return select(SessionRow).where(
        SessionRow.state.in_(_HOLDING),
        or_(
            and_(SessionRow.state == SessionState.SUSPENDED.value, SessionRow.kept.is_not(None)),
            and_(SessionRow.state != SessionState.SUSPENDED.value, SessionRow.ready_at.is_not(None)),
        ),
        SessionRow.id.not_in(counted),
    )


def _sessions_with_others_intervals() -> Select[SessionRow]:
    interval = MeterIntervalRow
    is_right = or_(
        and_(SessionRow.state == SessionState.SUSPENDED.value, interval.resource == SUSPENDED),
        and_(SessionRow.state == SessionState.FROZEN.value, interval.resource.startswith(FROZEN)),
        and_(
            SessionRow.state.in_([SessionState.READY.value, SessionState.STOPPING.value]),
            or_(interval.resource.startswith(FLAVOR), interval.resource.startswith(GPU)),
        ),
    )
    joined = select(SessionRow).join(interval, interval.session_id == SessionRow.id)
    return joined.where(interval.ended_at.is_(None), not_(is_right))


# To build these takes longer than to have them answered, at each beat.
_MISSING = _sessions_without_intervals().limit(_AT_ONCE)
_WRONG = _sessions_with_others_intervals().limit(_AT_ONCE)


def _mend(tx: Tx, clock: Clock, alive: Collection[str]) -> None:
    """Bring in line what no change of state has: sessions from before the meter, or from before a reboot."""
    for row in tx.scalars(_MISSING).all():
        if row.state == SessionState.SUSPENDED or row.id in alive:
            follow(tx, clock, row)
    for row in tx.scalars(_WRONG).all():
        follow(tx, clock, row, was_alive=False)
