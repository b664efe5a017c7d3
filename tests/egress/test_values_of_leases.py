"""When a gateway asks the office for a value anew."""

from __future__ import annotations

import asyncio

from nbkeep.egress.leases import Lease, Leases
from nbkeep.model.clock import ManualClock


def test_what_is_new_is_not_asked_for_again_because_a_server_did_not_take_it() -> None:
    """Who spoils what was made for it makes no work for the office, nor for the Vault behind it."""
    asked: list[str] = []
    clock = ManualClock()

    async def fetch(lease: Lease) -> tuple[int, str]:
        asked.append(lease.lease_id)
        return 1, "value"

    lease = Lease("lea_1", "ses_1", "warehouse-role", 1, ("db:5432",), "postgres", "", "")
    found = Leases(fetch, clock)
    found.take([lease])

    async def log_in() -> None:
        await found.value(lease)
        found.drop(lease)

    for _ in range(5):
        asyncio.run(log_in())
    assert len(asked) == 1
    clock.advance(10)
    for _ in range(3):
        asyncio.run(log_in())
    assert len(asked) == 2
