"""Histories of what people used, put straight into the sums of days: what dashboards and alarms read."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from nbkeep.model.ids import new_id
from nbkeep.model.money import MICROCENTS
from nbkeep.store.alarm_tables import StorageDayRow
from nbkeep.store.meter_tables import MeterDayRow
from nbkeep.store.model_tables import ModelCallRow
from nbkeep.store.network_tables import ConnectionRow
from nbkeep.store.project_tables import ProjectMemberRow, ProjectRow
from nbkeep.store.tables import FlavorRow

if TYPE_CHECKING:
    from nbkeep.model.actor import Actor
    from office_parts import OfficeForTests

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR_US = 3_600_000_000


def day_before(office: OfficeForTests, days: int) -> datetime:
    return office.clock.now() - timedelta(days=days)


def spent(
    office: OfficeForTests, who: Actor, days_ago: int, units: float, resource: str = "flavor:small",
    profile: str = "notebook-cpu-small", hours: float = 1,
) -> None:  # fmt: skip
    """Let somebody have spent so much of the currency on a day."""
    with office.store.write() as tx:
        key = (f"{day_before(office, days_ago):%Y-%m-%d}", who.id, profile, resource, 1)
        row = tx.get(MeterDayRow, key)
        if row is None:
            names = ("day", "user_id", "profile_name", "resource", "amount")
            row = MeterDayRow(**dict(zip(names, key, strict=True)), lasted_us=0, cost=0)
            tx.add(row)
        row.lasted_us += int(hours * HOUR_US)
        row.cost += int(units * MICROCENTS)


def sent(
    office: OfficeForTests, who: Actor, session_id: str, days_ago: int, size_bytes: int, host: str = "x.org"
) -> None:
    """Let a session have sent so many bytes on a day."""
    with office.store.write() as tx:
        at = day_before(office, days_ago)
        tx.add(
            ConnectionRow(
                id=new_id("con", at), session_id=session_id, user_id=who.id, at=at, host=host, port=443,
                protocol="connect", allowed=True, would_block=False, bytes_out=size_bytes, bytes_in=0,
            )
        )  # fmt: skip


def called(
    office: OfficeForTests, who: Actor, session_id: str, days_ago: int, tokens: int, model: str = "gpt-x",
    cost: float = 0,
) -> None:  # fmt: skip
    """Let a session have used so many tokens on a day."""
    with office.store.write() as tx:
        at = day_before(office, days_ago)
        tx.add(
            ModelCallRow(
                id=new_id("cal", at), session_id=session_id, user_id=who.id, at=at, day=f"{at:%Y-%m-%d}",
                provider="openai", operation="chat", model=model, streamed=False, status=200, measure="reported",
                tokens_in=tokens // 2, tokens_out=tokens - tokens // 2, tokens_cached=0,
                cost=int(cost * MICROCENTS), reason="", duration_s=1.0,
            )
        )  # fmt: skip


def stored(office: OfficeForTests, who: Actor, days_ago: int, home: int, kept: int = 0) -> None:
    """Let somebody have had so much on a day."""
    with office.store.write() as tx:
        day = f"{day_before(office, days_ago):%Y-%m-%d}"
        tx.merge(StorageDayRow(day=day, user_id=who.id, home_bytes=home, kept_bytes=kept))


def project(office: OfficeForTests, name: str, *members: Actor) -> str:
    with office.store.write() as tx:
        now = office.clock.now()
        row = ProjectRow(id=new_id("prj", now), name=name, created_at=now)
        tx.add(row)
        tx.flush()
        for one in members:
            tx.add(ProjectMemberRow(project_id=row.id, user_id=one.id, since=now))
    return row.id


def has_gpus(office: OfficeForTests, kind: str = "a100", count: int = 2) -> None:
    """Give the small flavor GPUs, and the node some to give."""
    office.backend.has.gpus[kind] = 16
    with office.store.write() as tx:
        flavor = tx.get_one(FlavorRow, "notebook-cpu-small")
        flavor.gpu_type, flavor.gpu_count = kind, count


def usual_day(rng: random.Random, middle: float, spread: float) -> float:
    """Return an amount of a day as people's are: skewed, with now and then a large one."""
    return middle * math.exp(rng.gauss(0, spread))


def busy_office(office: OfficeForTests) -> dict[str, Actor]:
    """Let six people in two projects have used everything for three weeks, one of them too much; return them."""
    office.clock.set(NOON)
    rng = random.Random(11)  # noqa: S311 - a history that is the same each time, no secret
    has_gpus(office)
    office.backend.has.gpus["h100"] = 8
    people = {name: office.user(name) for name in ("jane", "omar", "mei", "lars", "aiko", "tom")}
    project(office, "nlp", people["jane"], people["mei"])
    project(office, "vision", people["jane"], people["omar"], people["lars"])
    sessions = {name: office.ready(one) for name, one in people.items() if name != "tom"}
    for number, (name, who) in enumerate(people.items()):
        for ago in range(20, -1, -1):
            stored(office, who, ago, int((30 - ago + 9 * number) * 1.1e9), int(rng.uniform(0.5, 1.5) * 1e9))
            if (NOON - timedelta(days=ago)).weekday() > 4 and number % 3:
                continue
            spent(office, who, ago, usual_day(rng, 6 + 2 * number, 0.3), hours=8)
            if number < 3:
                kind = ("gpu:a100", "gpu:h100")[number % 2]
                spent(office, who, ago, usual_day(rng, 14, 0.4), kind, "train-gpu", hours=rng.uniform(1, 9))
            spent(office, who, ago, 0.4, "storage:suspended", hours=24)
            if name in sessions:
                model = ("gpt-x", "claude-y", "embed-small")[number % 3]
                called(office, who, sessions[name], ago, int(usual_day(rng, 300_000, 0.4)), model, 0.8)
                sent(office, who, sessions[name], ago, int(usual_day(rng, 3e8, 0.3)))
    spent(office, people["lars"], 0, 210, "gpu:h100", "train-gpu", hours=20)
    sent(office, people["mei"], sessions["mei"], 0, 12_400_000_000, "paste.example.org")
    office.backend.gpu_percents = {sessions["jane"]: 2, sessions["omar"]: 91, sessions["lars"]: 0}
    return people
