"""What a gateway does when a session has read personal data: the public internet is gone, and stays gone."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from egress_parts import SESSION, Kept, NameServer, policy
from nbkeep.backends.local.layout import Layout
from nbkeep.doors.gateway import Sessions
from nbkeep.egress.connections import Connections, Told
from nbkeep.egress.gateway import Gateway
from nbkeep.egress.keyed import Keys
from nbkeep.egress.leases import Lease, Leases
from nbkeep.egress.policy import Narrowing, narrowed
from nbkeep.model.clock import ManualClock, SystemClock
from nbkeep.model.errors import Unavailable

if TYPE_CHECKING:
    from pathlib import Path

    from nbkeep.egress.rules import Compiled


async def _no_value(_: Lease) -> tuple[int, str]:
    raise Unavailable("office-away", "The office does not answer.")


def test_an_older_answer_of_the_office_opens_nothing_again(tmp_path: Path) -> None:
    async def play() -> None:
        policies: dict[str, Compiled] = {}
        clock = SystemClock()
        gateway = Gateway(policies, NameServer(), Kept())
        keys = Keys(Leases(_no_value, clock), clock)
        sessions = Sessions(Layout(tmp_path), gateway, policies, keys, Connections(), clock)

        def reaches(host: str) -> bool:
            return policies[SESSION].decide(host, 443).allowed

        for tried, more in ((False, ""), (True, ""), (False, "* 0.0.0.0/0:443 2000::/3")):
            before = policy(SESSION, f"db.acme.local:443 {more}", public=True, dry_run=tried)
            await sessions.take([before], [], Told())
            assert reaches("example.com")
            sessions.close_internet(SESSION)
            assert not reaches("example.com")
            assert not reaches("93.184.215.14")
            assert reaches("db.acme.local")
            await sessions.take([before], [], Told())  # answered before the office had it on record
            assert not reaches("example.com")
            await sessions.take([], [], Told())  # its end
        await gateway.end()

    asyncio.run(play())


def test_what_a_class_takes_holds_at_once_and_an_older_answer_does_not_give_it_back(tmp_path: Path) -> None:
    async def play() -> None:
        policies: dict[str, Compiled] = {}
        clock = ManualClock()
        gateway = Gateway(policies, NameServer(), Kept())
        keys = Keys(Leases(_no_value, clock), clock)
        sessions = Sessions(Layout(tmp_path), gateway, policies, keys, Connections(), clock)

        def reaches(host: str) -> bool:
            return policies[SESSION].decide(host, 443).allowed

        before = policy(SESSION, "a.example b.example c.example", public=True, dry_run=True)
        taken = (Narrowing("class x", only=("a.example", "b.example"), denylist=("b.example",)),)
        after = narrowed(before, taken)
        sessions.put(after)  # of a session that is not there: nothing comes of it
        assert policies == {}
        await sessions.take([before], [], Told())
        assert all(map(reaches, ("a.example", "b.example", "c.example")))
        for found in (None, before, after, before):  # two were answered before the office had it on record
            if found is None:
                sessions.put(after)
            else:
                await sessions.take([found], [], Told())
            assert [reaches(f"{one}.example") for one in "abc"] == [True, False, False]
        clock.advance(10)
        await sessions.take([before], [], Told())  # an admin has taken the rules away
        assert all(map(reaches, ("a.example", "b.example", "c.example")))
        await gateway.end()

    asyncio.run(play())
