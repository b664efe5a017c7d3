"""What a kind of grant is: what one asks for, and what it opens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from nbkeep.egress.values import Policy
    from nbkeep.model.verdict import Verdict


class Kind(Protocol):
    """One kind of things that people ask for. Pure: it is called inside transactions."""

    name: str

    def read(self, text: str) -> str:
        """Return what is asked for in the one form that is compared and stored; raise `Refused` (400)."""
        ...

    def may_be_asked(self, policy: Policy, subject: str) -> Verdict:
        """Tell whether a profile lets one ask for it.

        `policy`: what its sessions may reach, without any grant. Called when it is asked for, and again
        when it is approved, for a profile may have changed in between.
        """
        ...
