"""What is unusual: robust against wild days, silent about small ones, and told with its numbers."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbkeep.anomalies.rules import FEWEST_OF_ALL, FEWEST_OWN, compare, judge, judge_idle
from nbkeep.anomalies.values import USUAL
from nbkeep.model.money import MICROCENTS
from usage_parts import usual_day

SPEND = USUAL["spend"]
GB = 1 << 30


def test_twelve_times_the_usual_is_told_with_its_numbers() -> None:
    days = [GB // 4, GB // 3, GB // 2, GB // 4, GB // 3, GB // 3, GB // 2, GB // 3, GB // 4, GB // 3]
    compared = compare(days, [], USUAL["egress"])
    assert compared is not None
    found = judge(USUAL["egress"], 12 * GB, compared, "EUR")
    assert found is not None
    assert found.message.startswith(
        "12 GiB sent today; the median of the 10 days of use in the 28 days before is 341.3 MiB"
    )
    assert "9 in 10 were at most 512 MiB (alarm from" in found.message
    assert judge(USUAL["egress"], GB // 2, compared, "EUR") is None


def test_a_few_wild_days_neither_hide_the_next_nor_raise_the_usual() -> None:
    calm = [30 * MICROCENTS] * 18
    before = compare(calm, [], SPEND)
    after = compare([*calm, 3000 * MICROCENTS, 4000 * MICROCENTS], [], SPEND)
    assert before is not None
    assert after is not None
    assert after.median == before.median
    assert judge(SPEND, 3000 * MICROCENTS, after, "EUR") is not None


def test_small_numbers_do_not_alarm_however_unusual() -> None:
    compared = compare([MICROCENTS // 100] * 20, [], SPEND)
    assert judge(SPEND, SPEND.least - 1, compared, "EUR") is None
    assert judge(SPEND, SPEND.least, compared, "EUR") is not None


def test_days_off_do_not_count_as_usual() -> None:
    """Somebody who works on Mondays alone is compared with Mondays."""
    compared = compare([0, 0, 0, 100 * MICROCENTS, 0, 0, 0] * 8, [], SPEND)
    assert compared is not None
    assert (compared.days, compared.median) == (8, 100 * MICROCENTS)
    assert judge(SPEND, 150 * MICROCENTS, compared, "EUR") is None


def test_who_is_new_is_compared_with_everybody_and_nobody_with_nothing() -> None:
    few = [50 * MICROCENTS] * (FEWEST_OWN - 1)
    assert compare(few, [], SPEND) is None
    assert compare([], [MICROCENTS] * (FEWEST_OF_ALL - 1), SPEND) is None
    compared = compare(few, [10 * MICROCENTS] * FEWEST_OF_ALL, SPEND)
    assert compared is not None
    assert not compared.is_own
    found = judge(SPEND, 900 * MICROCENTS, compared, "EUR")
    assert found is not None
    assert "too few days of this person are known; the median of everybody's 30 last days" in found.message
    assert judge(SPEND, 900 * MICROCENTS, None, "EUR") is None


def test_who_varies_on_purpose_does_not_become_invisible() -> None:
    """Ten thousand times as much on every second day: the threshold still ends at thirty times the usual."""
    wild = [MICROCENTS, 10_000 * MICROCENTS] * 10
    compared = compare(wild, [], replace(SPEND, least=0))
    assert compared is not None
    assert compared.threshold <= 30 * 101 * MICROCENTS


def test_what_is_off_is_off() -> None:
    off = replace(SPEND, enabled=False)
    assert judge(off, 10**15, compare([1] * 10, [], off), "EUR") is None
    assert judge_idle(replace(USUAL["gpu-idle"], enabled=False), 10**6, "1 x a100", 0, 0, "EUR") is None


def test_idle_gpus_say_what_they_cost_and_whether_anybody_measured() -> None:
    rule = USUAL["gpu-idle"]
    assert judge_idle(rule, rule.least - 1, "2 x a100", 0, 0, "EUR") is None
    measured = judge_idle(rule, 11_400, "2 x a100", 3, 5 * MICROCENTS, "EUR")
    assert measured is not None
    assert measured.message == (
        "2 x a100 of a session did nothing for 3h10min: under 5 % at every look; the session costs 5.00 EUR an hour "
        "(alarm from 2h on)."
    )
    unmeasured = judge_idle(rule, 11_400, "2 x a100", None, 0, "EUR")
    assert unmeasured is not None
    assert "No cell has run for 3h10min" in unmeasured.message
    assert "not measured here" in unmeasured.message


@given(st.lists(st.integers(0, 10**18), max_size=60), st.integers(0, 10**18))
def test_more_never_alarms_less_and_nothing_below_the_least_does(days: list[int], amount: int) -> None:
    compared = compare(days, [], SPEND)
    found = judge(SPEND, amount, compared, "EUR")
    if found is None:
        return
    assert amount >= SPEND.least
    assert compared is not None
    assert amount * 100 >= compared.threshold * 100
    assert judge(SPEND, amount + 1, compared, "EUR") is not None


@pytest.mark.parametrize("spread", [0.3, 0.6, 0.9])
def test_of_people_as_they_are_few_alarm_and_most_of_what_is_wrong_is_found(spread: float) -> None:
    """Seeded: 1000 people; every tenth does fifteen times what is usual for them. `benchmarks/bench_dashboard.py` prints such figures."""
    rng = random.Random(7)  # noqa: S311 - a history that is the same each time, no secret
    rule = replace(SPEND, least=0)
    false, found = 0, 0
    for person in range(1000):
        middle = usual_day(rng, 20 * MICROCENTS, 1)
        days = [round(usual_day(rng, middle, spread)) for _ in range(20)]
        today = usual_day(rng, middle, spread)
        is_wrong = person % 10 == 0
        alarm = judge(rule, round(15 * middle if is_wrong else today), compare(days, [], rule), "EUR")
        found += is_wrong and alarm is not None
        false += not is_wrong and alarm is not None
    assert false <= 9  # of 900 ordinary days
    assert found >= {0.3: 95, 0.6: 65, 0.9: 5}[spread]  # of 100: who varies by ten times a day hides in it
