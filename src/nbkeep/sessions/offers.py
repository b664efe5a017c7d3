"""The profiles that a person sees, each with whether it could be started now, and why not."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from nbkeep.model.errors import Unavailable
from nbkeep.model.verdict import Allow, Refuse, Verdict
from nbkeep.profiles.images import built_images
from nbkeep.profiles.profiles import get_profile, list_profiles
from nbkeep.profiles.rules import fits_host
from nbkeep.profiles.view import profile_view
from nbkeep.store.tables import UserRow

from .approval import Approvals, Standing
from .quota import Quotas
from .records import load_of, snapshot
from .rules import Asker, HostPolicy, may_start

if TYPE_CHECKING:
    from nbkeep.model.actor import Actor
    from nbkeep.profiles.values import Flavor, Profile

    from .interface import Parts


@dataclass(frozen=True)
class Offer:
    """A profile with its flavor, and the verdict of a start at this moment; `standing`: by approvals."""

    profile: Profile
    flavor: Flavor
    verdict: Verdict
    standing: Standing

    def as_json(self, currency: str) -> dict[str, Any]:
        """Return the offer for the doors: the profile's view and whether it starts, or why not."""
        no = self.verdict if isinstance(self.verdict, Refuse) else None
        return {
            **profile_view(self.profile, self.flavor, currency),
            "startable": no is None,
            "why_not": asdict(no) if no else None,
            "approval": self.standing.as_json(),
            "note": self.verdict.note if isinstance(self.verdict, Allow) else "",
        }


def offers(parts: Parts, actor: Actor, name: str | None = None) -> list[Offer]:
    """Return the profiles that the actor may know of (or the one named), judged by the rules of a real start.

    When the warden does not answer every verdict is a refusal: without knowing the host nothing is started.
    """
    capacity = None
    away = Refuse("warden-away", "Not started: the node does not answer.", "Try again in a moment.")
    try:
        capacity = parts.backend.capacity()
    except Unavailable as error:
        away = Refuse(error.code, error.message, error.remedy)
    images = built_images(parts.settings.images_dir)
    policy = HostPolicy(parts.settings.cpu_overcommit, parts.settings.memory_overcommit)
    with parts.store.read() as tx:
        pairs = list_profiles(tx, actor) if name is None else [get_profile(tx, actor, name)]
        user = tx.get(UserRow, actor.id)
        asker = Asker(user.name, user.role, user.status == "active", user.max_sessions) if user else None
        load = load_of(tx, actor.id)
        approvals = Approvals(tx, parts.clock.now(), user.id if user else "")
        standings = {profile.name: approvals.of(profile.name, flavor.name) for profile, flavor in pairs}
        quotas = Quotas(parts, tx, actor.id)
        by_quota = {
            profile.name: quotas.fit(snapshot(profile, flavor, parts.settings.currency))
            for profile, flavor in pairs
        }

    def judge(profile: Profile, flavor: Flavor) -> Verdict:
        if capacity is None:
            return away
        if asker is None:  # the operator's command line: nobody to start it for, so only the host matters
            return fits_host(flavor, capacity, cpu_overcommit=policy.cpu_overcommit)
        verdict = may_start(
            asker,
            profile,
            flavor,
            load,
            capacity,
            policy,
            approval=standings[profile.name].refusal,
            image_is_built=profile.image in images,
        )
        by_quotas = by_quota[profile.name]
        return by_quotas if isinstance(verdict, Allow) and isinstance(by_quotas, Refuse) else verdict

    return [
        Offer(profile, flavor, judge(profile, flavor), standings[profile.name]) for profile, flavor in pairs
    ]
