"""What sessions may reach: from their profiles as they are now: a change holds for running ones, too."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import select

from nbkeep.data.class_rules import all_narrowings, narrowings_of
from nbkeep.data.reads import narrowings
from nbkeep.egress.addresses import is_internet
from nbkeep.egress.parse import parse_rule
from nbkeep.egress.policy import NOTHING, policy_of
from nbkeep.grants.records import live_rules, live_rules_of
from nbkeep.model.classification import CLASSIFICATIONS
from nbkeep.model.errors import Refused, not_found
from nbkeep.packages.records import facts_tag
from nbkeep.people.project_hosts import added_by, hosts_of_people
from nbkeep.people.project_records import find_project
from nbkeep.profiles.profiles import as_profile, get_profile
from nbkeep.profiles.reach import reach_of
from nbkeep.profiles.view import network_words
from nbkeep.profiles.words import no_reach_words
from nbkeep.store.tables import ProfileRow, SessionRow

from .leaving import sending_rules
from .records import LIVE_STATES, visible_session

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from nbkeep.egress.values import Policy
    from nbkeep.model.actor import Actor
    from nbkeep.profiles.values import Profile
    from nbkeep.settings import Settings
    from nbkeep.store.database import Tx
    from nbkeep.vault.values import Leased


def live_policies(tx: Tx, settings: Settings, now: datetime, only: str | None = None) -> list[Policy]:
    """Return the policies of all live sessions, by session id, with the grants that are live at that moment.

    `only`: the id of the one that is asked about. One that an incident holds reaches nothing. One whose
    profile's row is gone does not either: what its rules would be now, nobody can say. One whose profile was
    deleted keeps its last rules.
    """
    row = SessionRow
    columns = (row.id, row.user_id, row.profile_name, row.held_by, row.quarantine)
    query = select(*columns).where(SessionRow.state.in_(LIVE_STATES))
    if only is not None:
        query = query.where(SessionRow.id == only)
    sessions = tx.execute(query.order_by(SessionRow.id)).all()
    names = {one.profile_name for one in sessions}
    rows = tx.scalars(select(ProfileRow).where(ProfileRow.name.in_(names)))
    facts = facts_tag(tx)
    profiles = {row.name: as_profile(row) for row in rows}
    reaches = {name: reach_of(profile, facts) for name, profile in profiles.items()}
    taken = narrowings(tx, settings, [one.id for one in sessions])
    people = {one.user_id for one in sessions}
    projects, leaving = hosts_of_people(tx, people), sending_rules(tx, people)
    granted, platform, ask_at = live_rules(tx, now), settings.egress_denylist, _ask_at(settings)
    found: list[Policy] = []
    for session_id, user_id, name, held_by, quarantine in sessions:
        is_closed = held_by is not None or (quarantine and not _stays_closed(profiles.get(name)))
        policy = policy_of(
            session_id,
            NOTHING if is_closed else reaches.get(name, NOTHING),
            platform,
            projects=() if is_closed else projects.get(user_id, ()),
            granted=() if is_closed or quarantine else granted.get((user_id, name), ()),
            ask_at=ask_at,
            classes=taken.get(session_id, ()),
            leaving=leaving.get(user_id, ""),
            person=user_id,
        )
        found.append(policy)
    return found


def tag_of(policies: Sequence[Policy], leases: Sequence[Leased] = (), *more: object) -> str:
    """Return a short text that differs when any of these policies or leases does, or there are others.

    `more`: what else gateways are told, as what becomes JSON.
    """
    lines = [f"{policy.session_id} {policy.version}" for policy in policies]
    lines += [f"{one.lease_id} {one.version} {one.oldest} {one.binding}" for one in leases]
    said = "\n".join([*lines, *(json.dumps(one, sort_keys=True) for one in more)])
    return hashlib.sha256(said.encode()).hexdigest()[:32]


def session_policy(tx: Tx, settings: Settings, actor: Actor, session_id: str, now: datetime) -> Policy:
    """Return the policy of a session that the actor may see; "not yours" and "not there" are the same 404."""
    return policy_of_row(tx, settings, _seen(tx, actor, session_id), now)


def policy_of_row(tx: Tx, settings: Settings, row: SessionRow, now: datetime) -> Policy:
    """Return the policy of a session, whoever asks."""
    profile = tx.get(ProfileRow, row.profile_name)
    found = as_profile(profile) if profile else None
    is_held = row.held_by is not None or (row.quarantine and not _stays_closed(found))
    reach = reach_of(found) if found and not is_held else NOTHING
    return policy_of(
        row.id,
        reach,
        settings.egress_denylist,
        projects=() if is_held else hosts_of_people(tx, [row.user_id]).get(row.user_id, ()),
        granted=() if is_held or row.quarantine else live_rules_of(tx, now, row.user_id, row.profile_name),
        ask_at=_ask_at(settings),
        classes=narrowings(tx, settings, [row.id]).get(row.id, ()),
        leaving=sending_rules(tx, [row.user_id]).get(row.user_id, ""),
        person=row.user_id,
    )


def profile_policy(
    tx: Tx, settings: Settings, actor: Actor, name: str, *, project: str = "", classification: str = ""
) -> Policy:
    """Return the policy of sessions of a profile, without any grant; the actor must know of the profile.

    `project`: of a member of it, which the actor may see. `classification`: of one that carries this class.
    """
    reach = reach_of(get_profile(tx, actor, name)[0])
    projects = (added_by(find_project(tx, actor, project)),) if project else ()
    if classification and classification not in CLASSIFICATIONS:
        raise not_found("classification", classification[:60])
    classes = narrowings_of(classification, all_narrowings(tx, settings))
    ask_at = _ask_at(settings)
    return policy_of("", reach, settings.egress_denylist, projects=projects, ask_at=ask_at, classes=classes)


def reach_words_of(tx: Tx, settings: Settings, row: SessionRow) -> str:
    """Return what a session may reach now as a sentence."""
    found = tx.get(ProfileRow, row.profile_name)
    if found is None:
        return no_reach_words()
    profile = as_profile(found)
    if row.quarantine and not _stays_closed(profile):
        return no_reach_words()
    projects = hosts_of_people(tx, [row.user_id]).get(row.user_id, ())
    taken = narrowings(tx, settings, [row.id]).get(row.id, ())
    named, denied = profile.egress_allowlist, profile.egress_denylist
    if any(one.closes_internet for one in taken):
        named = tuple(one for one in named if not _is_internet(one))
        profile = replace(profile, public_internet=False, egress_dry_run=False)
    elif profile.project_hosts:
        named = (*named, *(text for one in projects for text in one.allowlist))
    denied = (*denied, *(text for one in projects for text in one.denylist))
    kept = [f"Of that, {one.source} leaves {', '.join(one.only)}" for one in taken if one.only]
    firm = [one.source for one in taken if one.only or one.denylist]
    if profile.egress_dry_run and firm:
        profile = replace(profile, egress_dry_run=False)
        refused = [f"{one.source} refuses {', '.join(one.denylist)}" for one in taken if one.denylist]
        kept = [f"On trial: nothing is refused yet but by {' and '.join(firm)}", *refused, *kept]
    else:
        denied = (*denied, *(text for one in taken for text in one.denylist))
    profile = replace(profile, egress_allowlist=_once(named), egress_denylist=_once(denied))
    return ". ".join([network_words(profile), *kept])


def _stays_closed(profile: Profile | None) -> bool:
    """Tell whether a profile, as it is now, gives no more than its sessions in quarantine were promised."""
    return profile is not None and profile.quarantine


def _once(texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))


def _is_internet(text: str) -> bool:
    try:
        return is_internet(parse_rule(text, effect="allow", source="").host)
    except Refused:  # an older release may have let it in
        return False


def _ask_at(settings: Settings) -> str:
    return f"{settings.public_url}/portal/grants"


def _seen(tx: Tx, actor: Actor, session_id: str) -> SessionRow:
    row = tx.get(SessionRow, session_id)
    if row is not None and actor.may("network:read"):
        return row
    return visible_session(tx, actor, session_id)
