"""Each attack is played against one running session of a machine kept by root, and of one kept by a plain user."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from nbkeep.backends.interface import LaunchSpec
from sandboxes import Machine, Outcome, make_machine, why_not


@dataclass
class Target:
    """A machine with two sessions: the attacker's and a neighbour's."""

    machine: Machine
    spec: LaunchSpec
    neighbour: LaunchSpec

    def attack(self, code: str, **env: str) -> Outcome:
        """Run Python code in the attacker's sandbox."""
        return self.machine.run(self.spec, code, **env)

    def refused(self, code: str) -> str:
        """Run code that ends with exit code 0 only when the attack was refused; return its output."""
        outcome = self.attack(code)
        assert outcome.code == 0, outcome
        return outcome.output

    def is_well(self) -> bool:
        """Whether both sessions still run."""
        found = [self.machine.client.status(one.session_id) for one in (self.spec, self.neighbour)]
        return all(status is not None and status.alive for status in found)


@pytest.fixture(scope="session", params=["root", "ordinary"])
def target(request: pytest.FixtureRequest) -> Iterator[Target]:
    kind = request.param
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
