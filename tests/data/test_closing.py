"""What a gateway does when a session has read data of a class: of two answers the newer one is in force."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from egress_parts import SESSION, Kept, NameServer, policy
from nbkeep.backends.local.layout import Layout
from nbkeep.doors.gateway import Sessions
from nbkeep.egress.connections import Connections, Told
from nbkeep.egress.gateway import Gateway
from nbkeep.egress.keyed import Keys
from nbkeep.egress.leases import Lease, Leases
from nbkeep.egress.policy import NOTHING, Narrowing, narrowed, policy_of
from nbkeep.model.clock import ManualClock
from nbkeep.model.errors import Unavailable

if TYPE_CHECKING:
    from pathlib import Path

    from nbkeep.egress.rules import Compiled
    from nbkeep.egress.values import Policy

HOSTS = ("a.example", "b.example", "example.com")
WHOLE = policy(SESSION, "a.example b.example", public=True)
TRIED = policy(SESSION, "a.example b.example", public=True, dry_run=True)
WIDE = policy(SESSION, "a.example b.example * 0.0.0.0/0:443 2000::/3", public=True)
CLOSES = Narrowing("class pii", closes_internet=True)
NARROWS = Narrowing("class x", only=("a.example", "b.example"), denylist=("b.example",))
BROKEN = Narrowing("class x", denylist=("not a rule!!",))


async def _no_value(_: Lease) -> tuple[int, str]:
    raise Unavailable("office-away", "The office does not answer.")


class Gateways:
    """A gateway's sessions, told by an office whose answers come in any order."""

    def __init__(self, folder: Path) -> None:
        self.policies: dict[str, Compiled] = {}
        clock = ManualClock()
        gateway = Gateway(self.policies, NameServer(), Kept())
        keys = Keys(Leases(_no_value, clock), clock)
        self.sessions = Sessions(Layout(folder), gateway, self.policies, keys, Connections(), clock)

    def take(self, seq: int, *found: Policy) -> str:
        """Tell of all sessions, and return what it reaches of `HOSTS`."""
        asyncio.run(self.sessions.take(list(found), [], Told(), seq))
        return self.reached()

    def put(self, seq: int, found: Policy) -> str:
        """Tell of the one that has read something; likewise."""
        self.sessions.put(found, seq)
        return self.reached()

    def reached(self) -> str:
        found = self.policies.get(SESSION)
        return " ".join(host for host in HOSTS if found is not None and found.decide(host, 443).allowed)


@pytest.fixture
def told(tmp_path: Path) -> Gateways:
    return Gateways(tmp_path)


ALL = " ".join(HOSTS)


@pytest.mark.parametrize("before", [WHOLE, TRIED, WIDE])
@pytest.mark.parametrize(
    ("taken", "left"),
    [(CLOSES, "a.example b.example"), (NARROWS, "a.example"), (BROKEN, ""), (None, "")],
    ids=["closes", "narrows", "cannot-be-read", "held"],
)
def test_an_older_answer_opens_nothing_again_however_late_it_comes(
    told: Gateways, before: Policy, taken: Narrowing | None, left: str
) -> None:
    assert told.take(1, before) == ALL
    after = narrowed(before, [taken]) if taken else policy_of(SESSION, NOTHING)  # an incident holds it
    assert told.put(3, after) == left
    for seq in (1, 2, 2):
        assert told.take(seq, before) == left


def test_what_a_reading_was_answered_with_replaces_nothing_newer(told: Gateways) -> None:
    """The answer to a reading was made, then an incident held the session, and that was told first."""
    told.take(1, WHOLE)
    assert told.take(3, policy_of(SESSION, NOTHING)) == ""
    assert told.put(2, narrowed(WHOLE, [NARROWS])) == ""
    assert told.put(3, WHOLE) == ""


def test_of_two_readings_the_newer_answer_stays(told: Gateways) -> None:
    told.take(1, WHOLE)
    assert told.put(3, narrowed(WHOLE, [NARROWS])) == "a.example"
    assert told.put(2, narrowed(WHOLE, [CLOSES])) == "a.example"


@pytest.mark.parametrize("taken", [CLOSES, NARROWS, BROKEN])
def test_what_an_admin_gives_back_is_back_at_once(told: Gateways, taken: Narrowing) -> None:
    told.take(1, WHOLE)
    told.put(2, narrowed(WHOLE, [taken]))
    assert told.take(2, narrowed(WHOLE, [taken])) != ALL
    assert told.take(3, WHOLE) == ALL


def test_a_session_that_is_not_there_gets_nothing_by_a_late_answer(told: Gateways) -> None:
    assert told.put(1, WHOLE) == ""
    told.take(2, WHOLE)
    assert told.take(3) == ""
    assert told.put(4, WHOLE) == ""


def test_an_office_of_an_older_state_is_heard_too(told: Gateways) -> None:
    """The database came back from a backup: its journal is shorter than it was."""
    told.take(9, WHOLE)
    assert told.take(4, narrowed(WHOLE, [NARROWS])) == "a.example"
    assert told.put(5, narrowed(WHOLE, [BROKEN])) == ""
