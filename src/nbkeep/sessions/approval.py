"""Asks whether a session may begin on a flavor that needs an approval, and until when it may run then."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from nbkeep.grants.approvals import NONE, Approval, approvals_of
from nbkeep.model.verdict import Refuse
from nbkeep.store.tables import FlavorRow

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from nbkeep.store.database import Tx

NEEDED = "needs-approval"
_ELSEWHERE = (
    "Its profile has another flavor now: resume it on another profile with the same image "
    "(`nbkeep session resume SESSION --profile NAME`)."
)


@dataclass(frozen=True)
class Standing:
    """How somebody stands with one profile on one flavor. Without `is_needed` nothing else matters."""

    is_needed: bool
    approval: Approval = NONE
    refusal: Refuse | None = None

    @property
    def until(self) -> datetime | None:
        """When a session that begins now must end, None where no approval says."""
        return self.approval.until if self.is_needed else None

    @property
    def word(self) -> str:
        """One of `none`, `waiting` and `granted`; "" where no approval is needed."""
        if not self.is_needed:
            return ""
        if self.refusal is None:
            return "granted"
        return "waiting" if self.approval.waiting else "none"

    def as_json(self) -> dict[str, Any] | None:
        """Return it for the doors; None where no approval is needed."""
        if not self.is_needed:
            return None
        until = self.approval.until
        return {
            "state": self.word,
            "until": until.isoformat() if until else None,
            "request": self.approval.waiting or None,
            "refused": self.approval.refused,
        }


class Approvals:
    """A person's approvals as of now: read once, asked about any number of profiles.

    Invariant: whoever admits a session asks in the transaction that admits it.
    """

    def __init__(self, tx: Tx, now: datetime, user_id: str) -> None:
        self._marked = {row.name: row.needs_approval for row in tx.scalars(select(FlavorRow))}
        self._approvals: Mapping[tuple[str, str], Approval] = {}
        if user_id and any(self._marked.values()):
            self._approvals = approvals_of(tx, now, user_id)

    def of(
        self, profile_name: str, flavor: str, *, was_needed: bool = False, can_ask: bool = True
    ) -> Standing:
        """Tell how they stand.

        `was_needed`: it counts where the flavor is not there any more. `can_ask`: the profile still stands on
        it, so that somebody may ask for it.
        """
        if not self._marked.get(flavor, was_needed):
            return Standing(is_needed=False)
        approval = self._approvals.get((profile_name, flavor), NONE)
        if approval.until is not None:
            return Standing(True, approval)
        refusal = _refusal(profile_name, flavor, approval)
        return Standing(True, approval, refusal if can_ask else replace(refusal, remedy=_ELSEWHERE))


def _refusal(profile_name: str, flavor: str, approval: Approval) -> Refuse:
    why = f"Not started: sessions of {profile_name} need an approval (flavor {flavor})"
    if approval.waiting:
        return Refuse(
            NEEDED,
            f"{why}; the request {approval.waiting} waits for an answer.",
            "Wait for an admin. You are told what was decided.",
        )
    last = (
        f"; the last one was turned down or ended by {approval.refused.rstrip('.')}"
        if approval.refused
        else ""
    )
    return Refuse(
        NEEDED,
        f"{why}, and there is none{last}.",
        "Ask for one: on the portal's start page or "
        f"`nbkeep grant request --flavor {flavor} --profile {profile_name} --reason '…' --for 2h`.",
    )
