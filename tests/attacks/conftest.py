"""Each attack is played against a running session of a machine kept by root, and of one kept by a plain user.

And once more from kernels that root's machine forks from a warm parent: both ways in are equally confined.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandboxes import Target, make_machine, why_not


@pytest.fixture(scope="session", params=["root", "warm", "ordinary"])
def target(request: pytest.FixtureRequest) -> Iterator[Target]:
    kind: str = request.param
    if reason := why_not(kind):
        pytest.skip(reason)
    machine = make_machine(kind)
    found = Target(machine, machine.spec(), machine.spec(user="john", uid_index=2))
    try:
        machine.client.launch(found.spec)
        machine.client.launch(found.neighbour)
        machine.init(found.neighbour).close()
        yield found
    finally:
        machine.end()
