"""What a quota's decision asks of the database: a few questions, and no more beside thousands of rows."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import event, insert

from nbkeep.meter.follow import prices_of
from nbkeep.meter.rules import pieces
from nbkeep.meter.values import HOME, HOUR_US, Held
from nbkeep.model.actor import OPERATOR
from nbkeep.people.projects import add_project, join_project
from nbkeep.quotas.book import read
from nbkeep.store.meter_tables import MeterDayRow, MeterIntervalRow, MeterPriceRow
from nbkeep.store.project_tables import ProjectMemberRow, ProjectRow
from nbkeep.store.storage_tables import MeterHomeRow
from nbkeep.store.tables import SessionRow, UserRow
from quota_parts import override, set_quota

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from nbkeep.model.actor import Actor
    from nbkeep.store.database import Tx
    from office_parts import OfficeForTests

RESOURCES = ("flavor:small", "gpu:a100", "gpu:h100", "storage:suspended")


@contextmanager
def asked(office: OfficeForTests) -> Generator[list[str]]:
    """Give the questions that are asked of the database meanwhile."""
    found: list[str] = []

    def note(*told: Any) -> None:
        if told[2].startswith(("SELECT", "WITH")):
            found.append(told[2])

    event.listen(office.store.engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(office.store.engine, "before_cursor_execute", note)


def project(office: OfficeForTests, *names: str) -> None:
    with office.store.write() as tx:
        add_project(tx, office.clock, OPERATOR, "nlp")
        for name in names:
            join_project(tx, office.clock, OPERATOR, "nlp", name)


def colleagues(office: OfficeForTests, count: int) -> None:
    """Put people into the project who have used, and use, something."""
    now = office.clock.now()
    ids = [f"usr_{number}" for number in range(count)]
    with office.store.write() as tx:
        tx.execute(insert(UserRow), [
            {"id": one, "name": f"u{number}", "email": f"u{number}@acme.com", "role": "notebook.user",
             "status": "active", "uid_index": 100 + number, "max_sessions": 3, "home_size_bytes": 1,
             "sessions_valid_from": now, "created_at": now}
            for number, one in enumerate(ids)
        ])  # fmt: skip
        project_id = tx.query(ProjectRow.id).scalar()
        tx.execute(
            insert(ProjectMemberRow),
            [{"project_id": project_id, "user_id": one, "is_lead": False, "since": now} for one in ids],
        )
        tx.execute(insert(SessionRow), [
            {"id": f"ses_{one}", "user_id": one, "name": "work", "profile_name": "p", "state": "ready",
             "profile": {"flavor": "small", "gpu_type": "a100", "gpu_count": 1}, "progress": [],
             "requested_at": now, "ready_at": now - timedelta(hours=1), "spent_micros": 0}
            for one in ids
        ])  # fmt: skip
        for number, one in enumerate(ids):
            use(tx, now, one, f"ses_{one}", number)


def use(tx: Tx, now: datetime, user_id: str, session_id: str, number: int = 0) -> None:
    """Put down use of today, of earlier this month, and what goes on."""
    tx.execute(insert(MeterDayRow), [
        {"day": f"{day:%Y-%m-%d}", "user_id": user_id, "profile_name": "p", "resource": resource,
         "amount": 2, "lasted_us": (number + place + 1) * 1_000_000, "cost": 7}
        for day in (now, now - timedelta(days=1), now - timedelta(days=40))
        for place, resource in enumerate(RESOURCES)
    ])  # fmt: skip
    tx.execute(insert(MeterIntervalRow), [
        {"id": f"int_{session_id[4:20]}{place}", "session_id": session_id, "user_id": user_id,
         "profile_name": "p", "resource": resource, "amount": 3, "list_price": 11_000_000,
         "began_at": now - timedelta(hours=30 + number), "lasted_us": 30 * HOUR_US, "boot": "boot",
         "mono_us": 0, "cpu_millis": 0, "memory_bytes": 0}
        for place, resource in enumerate(RESOURCES)
    ])  # fmt: skip


def decide(office: OfficeForTests, jane: Actor) -> int:
    """Ask as a start does; return the number of questions."""
    with office.store.read() as tx, asked(office) as found:
        book = read(tx, office.clock.now(), [jane.id], has_rates=False)
        book.standings(jane.id)
        book.cost_of((Held("flavor:small", 1, 5), Held("gpu:a100"), Held("gpu:new")))
    return len(found)


def test_a_decision_asks_what_its_limits_need_and_no_more_beside_many(any_office: OfficeForTests) -> None:
    jane = any_office.user()
    project(any_office, "jane")
    assert decide(any_office, jane) == 1  # no limits: whether there are any
    set_quota(any_office, "sessions=3", user="jane")
    assert decide(any_office, jane) == 2  # and which sessions there are
    set_quota(any_office, "gpu=50h/month", "gpu-a100=9h/day", project="nlp")
    assert decide(any_office, jane) == 4  # and what has been used, and what runs
    set_quota(any_office, "cost=9/month", "hours=9h/day", "gpu-h100=2", everyone=True)
    override(any_office, 3, user="jane")
    override(any_office, 3, "gpu=90h/month", project="nlp")
    assert decide(any_office, jane) == 5  # and the prices
    colleagues(any_office, 60)
    assert decide(any_office, jane) == 5
    with any_office.store.read() as tx, asked(any_office) as found:
        everybody = [one for (one,) in tx.query(UserRow.id)]
        found.clear()
        book = read(tx, any_office.clock.now(), everybody)
        assert all(book.standings(one) for one in everybody)
    assert len(found) == 5


def test_limits_count_what_was_used_in_their_period_and_what_it_cost_then(
    any_office: OfficeForTests,
) -> None:
    now = datetime(2026, 5, 2, 20, tzinfo=UTC)
    any_office.clock.set(now)
    jane, joe = any_office.user(), any_office.user("joe")
    project(any_office, "jane", "joe")
    with any_office.store.write() as tx:
        for number, (resource, price, valid_from) in enumerate((
            ("gpu:a100", 5, now - timedelta(days=400)),
            ("gpu:a100", 70, now - timedelta(days=90)),
            ("gpu:a100", 900, now - timedelta(hours=10)),
            ("gpu:a100", 8000, now + timedelta(hours=10)),
            (HOME, 40_000, now - timedelta(days=90)),
            ("flavor:small", 3_000, now - timedelta(days=1)),
        )):  # fmt: skip
            tx.add(MeterPriceRow(id=f"prc_{number}", resource=resource, price=price * 1_000_000,
                                 valid_from=valid_from, set_at=valid_from, set_by="root"))  # fmt: skip
        for actor in (jane, joe):
            tx.add(MeterHomeRow(user_id=actor.id, amount=2000, began_at=now - timedelta(hours=30),
                                lasted_us=30 * HOUR_US, boot="boot", mono_us=0, measured_at=now))  # fmt: skip
    for actor in (jane, joe):
        session_id = any_office.requested(actor)
        with any_office.store.write() as tx:
            use(tx, now, actor.id, session_id)
    limits = ["cost=9/month", "cost=8/day", "gpu=1h/month", "gpu=1h/day", "gpu-a100=1h/day", "hours=1h/month"]
    set_quota(any_office, *limits, project="nlp")
    set_quota(any_office, *limits, "gpu-h100=1h/month", "flavor-small=1h/day", user="jane")
    with any_office.store.read() as tx:
        found = read(tx, now, [jane.id]).standings(jane.id)
        wanted = {
            (whose, *key): times * _used(tx, now, jane.id, *key)
            for whose, times in (("jane", 1), ("project nlp", 2))
            for key in {one.limit.key for one in found}
        }
    assert len(found) == 14
    assert all(wanted[one.whose, *one.limit.key] == one.used > 0 for one in found)


def _used(tx: Tx, now: datetime, user_id: str, resource: str, period: str) -> int:
    """Return what somebody has used of a limit, row by row."""
    first = now.date() if period == "day" else now.date().replace(day=1)
    prefix = {"hours": "flavor:", "gpu": "gpu:"}.get(resource, resource)
    return sum(
        cost if resource == "cost" else us
        for what, day, us, cost in _all(tx, user_id)
        if f"{first}" <= day <= f"{now.date()}" and (resource == "cost" or what.startswith(prefix))
    )


def _all(tx: Tx, user_id: str) -> Iterator[tuple[str, str, int, int]]:
    """Give all that somebody has used: of what, on which day, for how long times its amount, and the cost."""
    for row in tx.query(MeterDayRow).where(MeterDayRow.user_id == user_id):
        yield row.resource, row.day, row.amount * row.lasted_us, row.cost
    running = [
        (one.resource, one.amount, one.began_at, one.lasted_us, one.list_price)
        for one in tx.query(MeterIntervalRow).where(MeterIntervalRow.user_id == user_id)
    ]
    homes = [
        (HOME, one.amount, one.began_at, one.lasted_us, 0)
        for one in tx.query(MeterHomeRow).where(MeterHomeRow.user_id == user_id)
    ]
    for what, amount, began_at, lasted_us, list_price in running + homes:
        for piece in pieces(what, amount, began_at, lasted_us, prices_of(tx, what), list_price):
            yield what, f"{piece.day}", amount * piece.lasted_us, piece.cost
