"""What sessions may reach: from their profiles as they are now: a change holds for running ones, too."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from sqlalchemy import select

from nbkeep.egress.policy import NOTHING, Reach, policy_of
from nbkeep.profiles.profiles import as_profile, get_profile
from nbkeep.profiles.view import network_words
from nbkeep.profiles.words import no_reach_words
from nbkeep.store.tables import ProfileRow, SessionRow

from .records import LIVE_STATES, visible_session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nbkeep.egress.values import Policy
    from nbkeep.model.actor import Actor
    from nbkeep.profiles.values import Profile
    from nbkeep.settings import Settings
    from nbkeep.store.database import Tx
    from nbkeep.vault.values import Leased


def live_policies(tx: Tx, settings: Settings) -> list[Policy]:
    """Return the policies of all live sessions, by session id.

    A session whose profile's row is gone reaches nothing: what its rules would be now, nobody can say. One
    whose profile was deleted keeps its last rules: its sessions go on.
    """
    query = select(SessionRow.id, SessionRow.profile_name).where(SessionRow.state.in_(LIVE_STATES))
    sessions = tx.execute(query.order_by(SessionRow.id)).all()
    names = {name for _, name in sessions}
    rows = tx.scalars(select(ProfileRow).where(ProfileRow.name.in_(names)))
    reaches = {row.name: reach_of(as_profile(row)) for row in rows}
    platform = settings.egress_denylist
    return [policy_of(session_id, reaches.get(name, NOTHING), platform) for session_id, name in sessions]


def tag_of(policies: Sequence[Policy], leases: Sequence[Leased] = (), *more: object) -> str:
    """Return a short text that differs when any of these policies or leases does, or there are others.

    `more`: what else gateways are told, as what becomes JSON.
    """
    lines = [f"{policy.session_id} {policy.version}" for policy in policies]
    lines += [f"{one.lease_id} {one.version} {one.binding}" for one in leases]
    said = "\n".join([*lines, *(json.dumps(one, sort_keys=True) for one in more)])
    return hashlib.sha256(said.encode()).hexdigest()[:32]


def session_policy(tx: Tx, settings: Settings, actor: Actor, session_id: str) -> Policy:
    """Return the policy of a session that the actor may see; "not yours" and "not there" are the same 404."""
    row = _seen(tx, actor, session_id)
    profile = tx.get(ProfileRow, row.profile_name)
    return policy_of(row.id, reach_of(as_profile(profile)) if profile else NOTHING, settings.egress_denylist)


def profile_policy(tx: Tx, settings: Settings, actor: Actor, name: str) -> Policy:
    """Return the policy that a session of this profile has; the actor must know of the profile."""
    return policy_of("", reach_of(get_profile(tx, actor, name)[0]), settings.egress_denylist)


def reach_words_of(tx: Tx, row: SessionRow) -> str:
    """Return what a session may reach now as a sentence."""
    profile = tx.get(ProfileRow, row.profile_name)
    return network_words(as_profile(profile)) if profile else no_reach_words()


def reach_of(profile: Profile) -> Reach:
    """Return what a profile says about the way out."""
    return Reach(
        f"profile {profile.name}",
        profile.egress_allowlist,
        profile.egress_denylist,
        profile.public_internet,
        profile.egress_dry_run,
    )


def _seen(tx: Tx, actor: Actor, session_id: str) -> SessionRow:
    row = tx.get(SessionRow, session_id)
    if row is not None and actor.may("network:read"):
        return row
    return visible_session(tx, actor, session_id)
