"""Alarms in an office: raised once, told to admins, acknowledged by them, and nobody else's business."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from nbkeep.anomalies import acknowledge, settings
from nbkeep.anomalies.gpus import Gpus
from nbkeep.anomalies.raise_alarms import MOST_A_DAY, Watch
from nbkeep.anomalies.values import KINDS
from nbkeep.audit.search import Wanted as Searched
from nbkeep.audit.search import search
from nbkeep.doors.worker import Worker
from nbkeep.doors.worker.watcher import Watcher
from nbkeep.meter import prices
from nbkeep.model.actor import OPERATOR, SYSTEM, Role
from nbkeep.model.clock import ManualClock
from nbkeep.model.days import midnight
from nbkeep.model.errors import Refused
from nbkeep.outbox.notices import list_notices
from nbkeep.store.alarm_tables import AlarmRow, GpuUseRow
from nbkeep.store.project_tables import ProjectRow
from nbkeep.store.tables import UserRow
from usage_parts import NOON, called, has_gpus, project, sent, spent

if TYPE_CHECKING:
    from typing import Any

    from nbkeep.anomalies.values import Kind
    from nbkeep.model.actor import Actor
    from office_parts import OfficeForTests

GB = 1 << 30


@pytest.fixture(autouse=True)
def _at_noon(request: pytest.FixtureRequest) -> None:
    name = "any_office" if "any_office" in request.fixturenames else "office"
    request.getfixturevalue(name).clock.set(NOON)


def look(office: OfficeForTests, kind: Kind = "spend", watch: Watch | None = None) -> int:
    return (watch or Watch("EUR")).look(office.store, office.clock, kind)


def alarms(office: OfficeForTests, state: str = "all") -> list[dict[str, Any]]:
    with office.store.read() as tx:
        return acknowledge.list_alarms(tx, SYSTEM, acknowledge.Wanted(state), "EUR").items


def told(office: OfficeForTests, who: Actor) -> list[str]:
    with office.store.read() as tx:
        return [one.text for one in list_notices(tx, who)]


def usual_spender(office: OfficeForTests, name: str = "jane", days: int = 14) -> Actor:
    jane = office.user(name)
    for day in range(1, days + 1):
        spent(office, jane, day, 10)
    return jane


def test_an_alarm_is_raised_once_a_day_told_to_admins_and_closed_with_a_note(
    any_office: OfficeForTests,
) -> None:
    office = any_office
    jane, ops, vera = usual_spender(office), office.user("ops", Role.ADMIN), office.user("vera", Role.AUDITOR)
    spent(office, jane, 0, 100)
    assert (look(office), look(office)) == (1, 0)
    alarm = alarms(office)[0]
    assert alarm["user"] == "jane"
    assert alarm["message"].startswith("100.00 EUR spent today; the median of the 14 days of use")
    assert len(told(office, ops)) == 1
    assert "jane" in told(office, ops)[0]
    assert told(office, jane) == told(office, vera) == []
    spent(office, jane, 0, 50)
    assert look(office) == 0
    assert alarms(office)[0]["measured"] == 150 * 10**8  # and the sentence stays as it was told
    with office.store.write() as tx:
        acknowledge.acknowledge(tx, office.clock, ops, alarm["id"], " a training\nrun ", "EUR")
        acknowledge.acknowledge(tx, office.clock, ops, alarm["id"], "another note", "EUR")
    assert told(office, ops) == []
    assert [one["note"] for one in alarms(office, "acknowledged")] == ["a training run"]
    with office.store.read() as tx:
        types = [one["type"] for one in search(tx, OPERATOR, Searched(type="alarm")).records]
    assert types == ["alarm.acknowledged", "alarm.raised"]
    office.clock.advance(86400)
    spent(office, jane, 0, 200)
    assert look(office) == 1  # another day, another alarm


def test_what_still_runs_counts_and_so_do_models(office: OfficeForTests) -> None:
    office.clock.set(midnight(NOON.date()) + timedelta(hours=1))
    jane = usual_spender(office)
    with office.store.write() as tx:
        prices.set_price(tx, office.clock, OPERATOR, "flavor:notebook-cpu-small", "30", None, "EUR")
    session_id = office.ready(jane)
    called(office, jane, session_id, 0, 10, cost=10)
    from meter_parts import beat, meter_of

    meter = meter_of()
    beat(office, meter)
    office.clock.advance(7200)
    beat(office, meter)
    assert look(office) == 1
    assert alarms(office)[0]["message"].startswith("70.00 EUR")


def test_bytes_and_tokens_are_compared_with_ones_own_days(any_office: OfficeForTests) -> None:
    office = any_office
    jane, omar = office.user(), office.user("omar")
    hers, his = office.ready(jane), office.ready(omar)
    for day in range(1, 15):
        sent(office, jane, hers, day, GB // 3)
        sent(office, omar, his, day, 9 * GB)
        called(office, jane, hers, day, 100_000)
        called(office, omar, his, day, 9_000_000)
    for who, session_id in ((jane, hers), (omar, his)):
        sent(office, who, session_id, 0, 12 * GB)
        called(office, who, session_id, 0, 11_000_000)
    assert (look(office, "egress"), look(office, "tokens")) == (1, 1)
    assert {(one["user"], one["kind"]) for one in alarms(office)} == {("jane", "egress"), ("jane", "tokens")}
    assert any(one["message"].startswith("12 GiB sent today") for one in alarms(office))


def test_a_new_user_without_history_is_compared_with_everybody(office: OfficeForTests) -> None:
    new = office.user("new")
    spent(office, new, 0, 5000)
    assert look(office) == 0  # of an office in which nobody has used anything, nothing is known
    for number in range(6):
        usual_spender(office, f"user{number}")
    assert look(office) == 1
    assert "too few days of this person" in alarms(office)[0]["message"]


@pytest.mark.parametrize("now", [datetime(2027, 3, 1, 12, tzinfo=UTC), datetime(2028, 3, 1, tzinfo=UTC),
                                 datetime(2027, 1, 31, 23, 59, 59, tzinfo=UTC)])  # fmt: skip
def test_months_of_any_length_are_only_days(office: OfficeForTests, now: datetime) -> None:
    office.clock.set(now)
    jane = usual_spender(office, days=28)
    spent(office, jane, 0, 500)
    assert look(office) == 1
    assert "the 28 days of use in the 28 days before" in alarms(office)[0]["message"]


def test_a_jump_of_the_clock_raises_nothing(office: OfficeForTests) -> None:
    jane = usual_spender(office)
    spent(office, jane, 0, 100)
    for jump in (timedelta(days=400), timedelta(days=-800)):
        office.clock.set(NOON + jump)
        assert look(office) == 0
    office.clock.set(NOON)
    assert look(office) == 1


class CrossesMidnight(ManualClock):
    """Comes a second nearer to the next day each time that it is asked."""

    def now(self) -> datetime:
        self.advance(1)
        return super().now()


def test_what_is_found_before_midnight_does_not_hide_the_next_day(office: OfficeForTests) -> None:
    jane = usual_spender(office)
    spent(office, jane, 0, 100)
    clock = CrossesMidnight(midnight(NOON.date()) + timedelta(days=1, seconds=-2))
    assert Watch("EUR").look(office.store, clock, "spend") == 1
    office.clock.set(NOON + timedelta(days=1))
    spent(office, jane, 0, 100)
    assert look(office) == 1
    with office.store.read() as tx:
        days = set(tx.scalars(select(AlarmRow.day)))
    assert days == {"2026-11-21", "2026-11-22"}


def test_a_disabled_user_and_a_removed_project_do_not_stop_the_rest(office: OfficeForTests) -> None:
    jane, gone = usual_spender(office), usual_spender(office, "gone")
    old = project(office, "old", jane)
    with office.store.write() as tx:
        tx.get_one(UserRow, gone.id).status = "disabled"
        tx.get_one(ProjectRow, old).archived_at = NOON
    spent(office, jane, 0, 100)
    spent(office, gone, 0, 100)
    assert look(office) == 2


def test_one_alarm_that_cannot_be_written_hides_no_other(
    office: OfficeForTests, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nbkeep.anomalies import raise_alarms
    from nbkeep.model.errors import Unavailable

    jane, omar = usual_spender(office), usual_spender(office, "omar")
    spent(office, jane, 0, 200)
    spent(office, omar, 0, 100)
    real = raise_alarms.journal.append

    def fails_for_jane(*args: Any, **kwargs: Any) -> Any:
        if getattr(args[3], "user", "") == "jane":
            raise Unavailable("disk-full", "The disk is full.")
        return real(*args, **kwargs)

    monkeypatch.setattr(raise_alarms.journal, "append", fails_for_jane)
    assert look(office) == 1
    assert [one["user"] for one in alarms(office)] == ["omar"]  # hers was rolled back with its record
    monkeypatch.setattr(raise_alarms.journal, "append", real)
    assert look(office) == 1  # and comes with the next look


def test_a_mistaken_price_does_not_send_a_notice_for_each_of_a_thousand(office: OfficeForTests) -> None:
    ops = office.user("ops", Role.ADMIN)
    people = [usual_spender(office, f"u{number}", days=7) for number in range(20)]
    for one in people:
        spent(office, one, 0, 900)
    assert look(office) == 20 <= MOST_A_DAY
    texts = told(office, ops)
    assert len(texts) == 6
    assert any("20 new alarms" in one for one in texts)


def test_an_auditor_reads_and_changes_nothing_and_a_user_sees_none_of_it(office: OfficeForTests) -> None:
    jane, vera = usual_spender(office), office.user("vera", Role.AUDITOR)
    spent(office, jane, 0, 100)
    look(office)
    alarm_id = alarms(office)[0]["id"]
    with office.store.write() as tx:
        assert acknowledge.show_alarm(tx, vera, alarm_id, "EUR")["user"] == "jane"
        assert settings.list_rules(tx, vera, "EUR")
        with pytest.raises(Refused, match="admin:alarms"):
            acknowledge.acknowledge(tx, office.clock, vera, alarm_id, "nothing", "EUR")
        with pytest.raises(Refused, match="admin:alarms"):
            settings.set_rule(tx, office.clock, vera, "spend", "EUR", enabled=False)
        for ask in (
            lambda: acknowledge.list_alarms(tx, jane, acknowledge.Wanted(), "EUR"),
            lambda: acknowledge.show_alarm(tx, jane, alarm_id, "EUR"),
            lambda: acknowledge.acknowledge(tx, office.clock, jane, alarm_id, "mine", "EUR"),
            lambda: settings.list_rules(tx, jane, "EUR"),
        ):
            with pytest.raises(Refused) as refused:
                ask()
            assert refused.value.status == 403
    assert len(alarms(office, "open")) == 1


@pytest.mark.parametrize("note", ["", "  \n ", "x" * 401])
def test_without_a_word_no_alarm_is_closed(office: OfficeForTests, note: str) -> None:
    spent(office, usual_spender(office), 0, 100)
    look(office)
    with pytest.raises(Refused) as refused, office.store.write() as tx:
        acknowledge.acknowledge(tx, office.clock, OPERATOR, alarms(office)[0]["id"], note, "EUR")
    assert refused.value.code == "invalid-note"


def test_rules_are_set_by_admins_kept_and_on_record(office: OfficeForTests) -> None:
    jane = usual_spender(office)
    spent(office, jane, 0, 100)
    with office.store.write() as tx:
        view = settings.set_rule(tx, office.clock, OPERATOR, "spend", "EUR", least="500", factor=2.5)
        settings.set_rule(
            tx, office.clock, OPERATOR, "spend", "EUR", least="500"
        )  # the same again is no event
    assert (view["least"], view["factor"], view["enabled"]) == ("500.00", 2.5, True)
    assert look(office) == 0
    with office.store.write() as tx:
        settings.set_rule(tx, office.clock, OPERATOR, "spend", "EUR", least="20", enabled=True)
    assert look(office) == 1
    with office.store.read() as tx:
        found = [one["data"] for one in search(tx, OPERATOR, Searched(type="alarm.rule-set")).records]
    assert [(one["least"], one["factor"]) for one in found] == [("20.00 EUR", "2.5"), ("500.00 EUR", "2.5")]


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [("spend", {"least": "-1"}), ("spend", {"least": "=1+1"}), ("egress", {"least": "many"}), ("tokens", {"least": "1e9"}),
     ("tokens", {"least": "9" * 40}), ("gpu-idle", {"least": "soon"}), ("gpu-idle", {"factor": 2.0}),
     ("spend", {"factor": 0.0}), ("spend", {"factor": float("nan")}), ("spend", {"factor": float("inf")}),
     ("nothing", {"enabled": False})],
)  # fmt: skip
def test_rules_that_are_none_are_refused(office: OfficeForTests, kind: str, wanted: dict[str, Any]) -> None:
    with pytest.raises(Refused), office.store.write() as tx:
        settings.set_rule(tx, office.clock, OPERATOR, kind, "EUR", **wanted)


def test_what_is_shown_of_a_rule_sets_the_same(office: OfficeForTests) -> None:
    with office.store.write() as tx:
        before = settings.list_rules(tx, OPERATOR, "EUR")
        for one in before:
            settings.set_rule(
                tx, office.clock, OPERATOR, one["kind"], "EUR", least=one["least"], factor=one["factor"]
            )
        assert settings.list_rules(tx, OPERATOR, "EUR") == before


def watched(office: OfficeForTests, gpus: Gpus, minutes: int) -> None:
    for _ in range(minutes):
        office.clock.advance(60)
        gpus.look(office.store, office.clock, office.backend)


def use_of(office: OfficeForTests, session_id: str) -> GpuUseRow:
    with office.store.read() as tx:
        return tx.get_one(GpuUseRow, (session_id, f"{office.clock.now():%Y-%m-%d}"))


def test_a_gpu_that_does_nothing_for_long_is_told_and_a_busy_one_is_not(any_office: OfficeForTests) -> None:
    office = any_office
    has_gpus(office)
    jane, omar = office.user(), office.user("omar")
    idle, busy = office.ready(jane), office.ready(omar)
    office.backend.gpu_percents = {idle: 4, busy: 80}
    gpus = Gpus()
    gpus.look(office.store, office.clock, office.backend)
    watched(office, gpus, 119)
    assert look(office, "gpu-idle") == 0
    watched(office, gpus, 1)
    assert (look(office, "gpu-idle"), look(office, "gpu-idle")) == (1, 0)
    alarm = alarms(office)[0]
    assert (alarm["user"], alarm["session_id"]) == ("jane", idle)
    assert alarm["message"].startswith("2 x a100 of a session did nothing for 2h: under 5 %")
    assert use_of(office, busy).idle_s == 0
    office.backend.gpu_percents[idle] = 90
    watched(office, gpus, 1)
    assert use_of(office, idle).idle_in_a_row_s == 0


def test_where_no_card_can_be_measured_a_running_cell_is_work(office: OfficeForTests) -> None:
    has_gpus(office)
    session_id = office.ready(office.user())
    gpus = Gpus()
    gpus.look(office.store, office.clock, office.backend)
    watched(office, gpus, 30)
    assert (use_of(office, session_id).idle_s, use_of(office, session_id).percent) == (1800, None)
    office.beat(session_id, busy=True)
    watched(office, gpus, 30)
    assert use_of(office, session_id).idle_s == 1800
    assert use_of(office, session_id).watched_s == 3600


def test_what_nobody_has_watched_is_not_idle_and_midnight_does_not_end_it(office: OfficeForTests) -> None:
    has_gpus(office)
    session_id = office.ready(office.user())
    gpus = Gpus()
    gpus.look(office.store, office.clock, office.backend)
    watched(office, gpus, 10)
    office.clock.advance(3 * 3600)  # the office hung
    gpus.look(office.store, office.clock, office.backend)
    assert use_of(office, session_id).idle_in_a_row_s == 0
    assert use_of(office, session_id).watched_s == 600
    office.clock.set(
        datetime(2026, 11, 21, 23, 54, 30, tzinfo=UTC)
    )  # the wall clock alone: nothing has passed
    gpus.look(office.store, office.clock, office.backend)
    watched(office, gpus, 5)
    Gpus().look(office.store, office.clock, office.backend)  # an office that was started again
    watched(office, gpus, 1)
    assert use_of(office, session_id).idle_in_a_row_s == 360
    assert (use_of(office, session_id).day, use_of(office, session_id).watched_s) == ("2026-11-22", 60)


def test_a_session_that_was_away_begins_anew_and_not_with_an_alarm(any_office: OfficeForTests) -> None:
    """Suspended overnight, frozen over lunch, or resumed within a minute: nobody has watched it meanwhile."""
    office = any_office
    has_gpus(office)
    jane = office.user()
    session_id = office.ready(jane)
    gpus = Gpus()
    gpus.look(office.store, office.clock, office.backend)
    watched(office, gpus, 119)
    office.change(session_id, state="frozen")
    watched(office, gpus, 60)
    office.change(session_id, state="ready")
    watched(office, gpus, 1)
    assert use_of(office, session_id).idle_in_a_row_s == 0
    watched(office, gpus, 119)
    office.change(session_id, state="suspended")
    office.clock.advance(30)
    office.change(session_id, state="ready", ready_at=office.clock.now())
    watched(office, gpus, 1)
    assert use_of(office, session_id).idle_in_a_row_s == 0
    watched(office, gpus, 119)
    office.change(session_id, state="suspended")
    watched(office, gpus, 12 * 60)
    office.change(session_id, state="ready", ready_at=office.clock.now())
    watched(office, gpus, 1)
    assert look(office, "gpu-idle") == 0
    watched(office, gpus, 119)
    assert look(office, "gpu-idle") == 0
    watched(office, gpus, 1)
    assert look(office, "gpu-idle") == 1


def test_the_loops_look_by_themselves_and_outlive_a_node_that_is_away(office: OfficeForTests) -> None:
    has_gpus(office)
    jane = usual_spender(office)
    office.ready(jane)
    spent(office, jane, 0, 100)
    office.backend.is_away = True
    watcher = Watcher(office, Worker(office, boot_id="boot-1").step)
    watcher.round()
    assert len(alarms(office)) == 1
    office.backend.is_away = False
    office.clock.advance(3600)
    watcher.round()
    with office.store.read() as tx:
        assert len(list(tx.scalars(select(AlarmRow)))) == 1


def test_an_empty_office_has_no_alarms(any_office: OfficeForTests) -> None:
    assert [look(any_office, kind) for kind in KINDS] == [0, 0, 0, 0]
