"""A key is sent to nobody who can say nothing of it, and no answer is taken for one about another key."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from nbkeep.audit.search import Wanted, search
from nbkeep.detection import asking, liveness
from nbkeep.detection.asking import Asker
from nbkeep.detection.providers import PROVIDERS, Alive
from nbkeep.detection.sending import counts
from nbkeep.model.actor import OPERATOR
from nbkeep.releases.examine import to_ask
from nbkeep.releases.values import State
from nbkeep.rendering.build import wanted_values
from nbkeep.rendering.interface import Order, Value
from nbkeep.scanning.values import mask
from nbkeep.store.release_tables import ReleaseRow
from release_parts import ask, notebook

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nbkeep.scanning.spans import Span
    from office_parts import OfficeForTests

A20, A36 = "x7Kd9wPqLm2Zr5Tn8VbY", "x7Kd9wPqLm2Zr5Tn8VbYx7Kd9wPqLm2Zr5Tn"
PAT = f"glpat-{A20}"


class Refusing(Asker):
    """Every provider refuses every key."""

    async def _all(self, sent: Any, told: list[Alive]) -> None:
        told[:] = [Alive.DEAD] * len(sent)


class Stuck(Asker):
    """Looking a name up ends when the system says so."""

    ends = threading.Event()

    def _run(self, sent: Any, told: list[Alive]) -> None:
        self.ends.wait(60)
        told[:] = [Alive.LIVE] * len(sent)


@pytest.mark.parametrize(
    ("rule", "value", "is_sent"),
    [
        ("github-token", f"ghp_{A36}", True), ("github-token", f"ghs_{A36}", False),
        ("github-token", f"ghr_{A36}", False), ("gitlab-token", PAT, True),
        ("gitlab-token", f"gldt-{A20}", False), ("gitlab-token", f"glrt-{A20}", False),
        ("gitlab-token", f"INTERNAL-{A20}", False),
        ("slack-token", f"xoxb-{A20}", True), ("slack-token", f"xoxr-{A20}", False),
        ("stripe-key", f"sk_live_{A20}wPq5", True), ("stripe-key", "sk_live_" + "3fa9c1d27b" * 4, False),
        ("openai-key", f"sk-proj-{A36}", True), ("openai-key", f"sk-{A20}T3BlbkFJ{A20}", True),
        ("openai-key", f"sk-{A36}012345678901", False), ("openai-key", f"sk-admin-{A36}", False),
        ("huggingface-token", f"api_org_{A36}", False),
    ],
)  # fmt: skip
def test_only_what_a_provider_answers_for_is_sent_to_it(rule: str, value: str, *, is_sent: bool) -> None:
    """A deploy token that works is refused where people's tokens are asked about; others' keys are others'."""
    values = [Value(rule, "masked", value)]
    assert bool(counts(PROVIDERS, values)) is is_sent
    told = Refusing().ask(PROVIDERS, values)
    assert told == {(rule, "masked"): Alive.DEAD if is_sent else Alive.UNKNOWN}


def wanted(values: Sequence[str]) -> list[Value]:
    """Return what a child tells of values that it found."""
    known = [SimpleNamespace(hit=SimpleNamespace(rule="gitlab-token"), value=one) for one in values]
    order = Order("a.ipynb", "original", values_of=("gitlab-token",))
    return [Value(**one) for one in wanted_values(cast("list[Span]", known), order)]


@pytest.mark.parametrize("untold", ["glpat-zzzzzzzzzzzzzzzzzzQ9", f"glpat-{'z' * 600}Q9"])
def test_a_key_that_was_not_told_is_not_called_dead_for_one_that_looks_like_it(untold: str) -> None:
    """Attack: a hundred revoked keys, the last characters of which are those of one that works."""
    dead = [f"glpat-0{number:017}Q9" for number in range(10)]
    others = [f"glpat-1{number:017}xx" for number in range(95)]
    told = wanted([*dead, *others, untold])
    assert untold not in {one.value for one in told}
    assert Refusing().ask(["gitlab"], told)["gitlab-token", mask(untold)] is Alive.UNKNOWN


def test_asking_ends_in_time_whatever_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "_ALL_S", 0.1)
    monkeypatch.setattr(asking, "_END_S", 0.0)
    asker = Stuck()
    assert list(asker.ask(["gitlab"], [Value("gitlab-token", "m", PAT)]).values()) == [Alive.UNKNOWN]
    asker.ends.set()


def test_it_is_on_record_before_a_key_is_sent_and_nothing_is_sent_once_that_is_turned_off(
    office: OfficeForTests,
) -> None:
    jane = office.user("jane")
    release_id = ask(office, jane, notebook("a = 1"))
    values = [Value("gitlab-token", "m", PAT)]
    with office.store.write() as tx:
        tx.get_one(ReleaseRow, release_id).state = State.EXAMINING
        liveness.set_liveness(tx, office.clock, OPERATOR, "gitlab", on=True)
        assert to_ask(tx, office.clock, release_id, "", values) == ("gitlab",)
        [record] = search(tx, OPERATOR, Wanted(type="liveness.asked")).records
        assert record["data"]["providers"] == {"gitlab": 1}
        assert to_ask(tx, office.clock, release_id, "other rules by now", values) == ()
        liveness.set_liveness(tx, office.clock, OPERATOR, "gitlab", on=False)
        assert to_ask(tx, office.clock, release_id, "", values) == ()
        assert len(search(tx, OPERATOR, Wanted(type="liveness.asked")).records) == 1
