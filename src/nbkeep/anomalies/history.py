"""What people used on which day, as far as somebody asks: today of all, the days before of a few."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Protocol

from sqlalchemy import case, func, select

from nbkeep.inference import sums as models
from nbkeep.meter import sums as meter
from nbkeep.model.days import Span, midnight
from nbkeep.store.network_tables import ConnectionRow

from .rules import HISTORY_DAYS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from nbkeep.store.database import Tx

    from .values import Kind

# Everybody's days are for people without days of their own; a week of them says enough, and is read faster.
_PEER_DAYS = 7
_AT_ONCE = 200

History = dict[str, list[int]]


class Source(Protocol):
    """Amounts of one kind."""

    def today(self, tx: Tx, day: date) -> dict[str, int]:
        """Return the amount of a day by the id of its person, who used any."""
        ...

    def before(self, tx: Tx, day: date, users: Collection[str]) -> History:
        """Return the amounts of the days before, of a few people."""
        ...

    def everybody(self, tx: Tx, day: date) -> list[int]:
        """Return the amounts of all people's days before, as far as they are needed."""
        ...


@dataclass
class Spend:
    """Microcents: what sessions held, and models."""

    _still: list[meter.Growing] = field(default_factory=list[meter.Growing])

    def today(self, tx: Tx, day: date) -> dict[str, int]:
        """Return what everybody has spent so far."""
        span = Span(day, day)
        self._still = meter.growing(tx, span.end)
        found: defaultdict[str, int] = defaultdict(int)
        for (user,), one in meter.sums(tx, span, ("user_id",), self._still).items():
            found[user] += one.cost
        for (user,), used in models.sums(tx, span, ("user_id",)).items():
            found[user] += used.cost
        return dict(found)

    def before(self, tx: Tx, day: date, users: Collection[str]) -> History:
        """Return what a few people spent on the days before."""
        return _by_user(self._days(tx, _before(day, HISTORY_DAYS), users))

    def everybody(self, tx: Tx, day: date) -> list[int]:
        """Return what everybody spent on their last days."""
        return list(self._days(tx, _before(day, _PEER_DAYS), None).values())

    def _days(self, tx: Tx, span: Span, users: Collection[str] | None) -> dict[tuple[str, ...], int]:
        found: defaultdict[tuple[str, ...], int] = defaultdict(int)
        for key, one in meter.sums(tx, span, ("day", "user_id"), self._still, users).items():
            found[key] += one.cost
        for key, used in models.sums(tx, span, ("day", "user_id"), users).items():
            found[key] += used.cost
        return dict(found)


class Tokens:
    """Tokens of models, asked and answered."""

    def today(self, tx: Tx, day: date) -> dict[str, int]:
        """Return what everybody has used so far."""
        found = models.sums(tx, Span(day, day), ("user_id",))
        return {user: used.tokens for (user,), used in found.items()}

    def before(self, tx: Tx, day: date, users: Collection[str]) -> History:
        """Return what a few people used on the days before."""
        found = models.sums(tx, _before(day, HISTORY_DAYS), ("day", "user_id"), users)
        return _by_user({key: used.tokens for key, used in found.items()})

    def everybody(self, tx: Tx, day: date) -> list[int]:
        """Return what everybody used on their last days."""
        found = models.sums(tx, _before(day, _PEER_DAYS), ("day", "user_id"))
        return [used.tokens for used in found.values()]


class Egress:
    """Bytes that sessions sent, as far back as connections are kept."""

    def today(self, tx: Tx, day: date) -> dict[str, int]:
        """Return what everybody has sent so far."""
        return self._of_day(tx, day)

    def before(self, tx: Tx, day: date, users: Collection[str]) -> History:
        """Return what a few people sent on the days before: their own connections alone are read."""
        row, days = ConnectionRow, _days(_before(day, HISTORY_DAYS))
        sums = [
            func.sum(
                case(((row.at >= midnight(one)) & (row.at < midnight(one + _DAY)), row.bytes_out), else_=0)
            )
            for one in days
        ]
        found: History = {}
        for user in users:
            query = select(*sums).where(
                row.user_id == user, row.at >= midnight(days[0]), row.at < midnight(day), row.bytes_out > 0
            )
            found[user] = [int(amount or 0) for amount in tx.execute(query).one()]
        return found

    def everybody(self, tx: Tx, day: date) -> list[int]:
        """Return what everybody sent on their last days."""
        days = _days(_before(day, _PEER_DAYS))
        return [amount for one in days for amount in self._of_day(tx, one).values()]

    def _of_day(self, tx: Tx, day: date) -> dict[str, int]:
        row = ConnectionRow
        query = select(row.user_id, func.sum(row.bytes_out)).where(
            row.at >= midnight(day), row.at < midnight(day + _DAY), row.bytes_out > 0
        )
        return {user: int(amount) for user, amount in tx.execute(query.group_by(row.user_id))}


def sources() -> dict[Kind, Source]:
    """Return what is judged by what is usual, by kind; GPUs that do nothing are not."""
    return {"spend": Spend(), "egress": Egress(), "tokens": Tokens()}


def some_at_once(users: Collection[str]) -> Iterator[list[str]]:
    """Cut people into lists that a statement can name."""
    found = sorted(users)
    for begin in range(0, len(found), _AT_ONCE):
        yield found[begin : begin + _AT_ONCE]


_DAY = timedelta(days=1)


def _before(day: date, days: int) -> Span:
    return Span(day - timedelta(days=days), day - _DAY)


def _days(span: Span) -> list[date]:
    return [span.first + timedelta(days=number) for number in range((span.last - span.first).days + 1)]


def _by_user(amounts: dict[tuple[str, ...], int]) -> History:
    found: defaultdict[str, list[int]] = defaultdict(list)
    for (_, user), amount in amounts.items():
        found[user].append(amount)
    return dict(found)
