"""What the gateway remembers of indexes stays within bounds, whatever it is asked for."""

from __future__ import annotations

from nbkeep.model.clock import ManualClock
from nbkeep.packages.known import Known

INDEX = "https://index.acme.local/simple"


def test_pages_without_files_count_too() -> None:
    known = Known(ManualClock(), most=100)
    for number in range(1000):
        known.learn(INDEX, f"p{number}", [])
    assert sum(known.has(INDEX, f"p{number}") for number in range(1000)) == 100
    assert known.has(INDEX, "p999")


def test_a_page_that_is_learnt_again_counts_once() -> None:
    known = Known(ManualClock(), most=10)
    for _ in range(50):
        known.learn(INDEX, "same", [])
    known.learn(INDEX, "other", [])
    assert known.has(INDEX, "same")
