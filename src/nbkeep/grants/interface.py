"""What a kind of grant is: what one asks for, and what it opens."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from nbkeep.egress.values import Policy, Rule
    from nbkeep.model.verdict import Verdict


@dataclass(frozen=True)
class Situation:
    """What a kind is told: of the profile, of what there is to ask for, and of what the person has.

    `policy`: what its sessions may reach, without any grant. `classification`: what it is cleared for.
    `datasets`: the class of each, by name. `connections`: the place that each leads to, by name; `granted`:
    the names of those that the person has for good. `flavor`: what the profile stands on, and whether that
    `needs_approval`.
    """

    policy: Policy
    classification: str = ""
    datasets: Mapping[str, str] = field(default_factory=dict[str, str])
    connections: Mapping[str, Rule] = field(default_factory=dict[str, "Rule"])
    granted: Collection[str] = ()
    flavor: str = ""
    needs_approval: bool = False


class Kind(Protocol):
    """One kind of things that people ask for. Pure: it is called inside transactions."""

    name: str

    def read(self, text: str) -> str:
        """Return what is asked for in the one form that is compared and stored; raise `Refused` (400)."""
        ...

    def may_be_asked(self, now: Situation, subject: str) -> Verdict:
        """Tell whether somebody may ask for it in sessions of a profile.

        Called when it is asked for, and again when it is approved, for much may have changed in between.
        """
        ...
