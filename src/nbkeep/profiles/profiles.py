"""Profiles: list, show, create, change, delete. Each change is one transaction with its audit record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from nbkeep.audit import events, journal
from nbkeep.guard.change import forget_profile
from nbkeep.model.errors import Refused, not_found
from nbkeep.packages.values import policy_from_json
from nbkeep.store.tables import FlavorRow, ProfileRow, UserRow

from .flavors import as_flavor
from .parse import plain, profile_from
from .rules import changed, check_profile
from .values import Flavor, Profile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nbkeep.model.actor import Actor
    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Tx

    from .known import Known


def list_profiles(tx: Tx, actor: Actor) -> list[tuple[Profile, Flavor]]:
    """Return the profiles that the actor may know of, each with its flavor, small and cheap ones first.

    Admins know all; others those that are enabled for their role.
    """
    actor.require("profiles:read")
    query = (
        select(ProfileRow, FlavorRow)
        .join(FlavorRow, ProfileRow.flavor == FlavorRow.name)
        .where(ProfileRow.deleted_at.is_(None))
        .order_by(FlavorRow.gpu_count, FlavorRow.price_per_hour_micros, ProfileRow.name)
    )
    found = [(as_profile(profile), as_flavor(flavor)) for profile, flavor in tx.execute(query)]
    return [pair for pair in found if _may_know(tx, actor, pair[0])]


def get_profile(tx: Tx, actor: Actor, name: str) -> tuple[Profile, Flavor]:
    """Return one profile with its flavor; raise `Refused` (404) where there is none for this actor."""
    actor.require("profiles:read")
    found = find_profile(tx, name)
    if found is None or not _may_know(tx, actor, found[0]):
        raise not_found("profile", name)
    return found


def enabled_profiles(tx: Tx) -> list[Profile]:
    """Return all profiles that can be started by somebody, whoever asks."""
    query = select(ProfileRow).where(ProfileRow.deleted_at.is_(None), ProfileRow.enabled)
    return [as_profile(row) for row in tx.scalars(query.order_by(ProfileRow.name))]


def find_profile(tx: Tx, name: str) -> tuple[Profile, Flavor] | None:
    """Return a profile that is not deleted, with its flavor, whoever asks."""
    row = tx.get(ProfileRow, name)
    if row is None or row.deleted_at is not None:
        return None
    flavor = tx.get(FlavorRow, row.flavor)
    return (as_profile(row), as_flavor(flavor)) if flavor is not None else None


def create_profile(
    tx: Tx, clock: Clock, actor: Actor, wanted: Mapping[str, Any], known: Known
) -> tuple[Profile, Flavor]:
    """Create a profile on what exists; raise `Refused` when not valid or the name is taken.

    The name of a deleted profile may be used again: sessions hold snapshots, not names. What was set to leave
    for that one goes: nobody has decided it for this one.
    """
    actor.require("admin:profiles")
    profile = profile_from(wanted)
    check_profile(profile, _flavors(tx), known)
    row = tx.get(ProfileRow, profile.name)
    if row is not None and row.deleted_at is None:
        raise Refused(
            "profile-exists",
            f"There is a profile {profile.name!r} already.",
            "Choose another name, or change the one that is there.",
            status=409,
        )
    if row is None:
        tx.add(ProfileRow(**plain(profile), updated_at=clock.now()))
    else:
        for field, value in plain(profile).items():
            setattr(row, field, value)
        row.updated_at, row.deleted_at = clock.now(), None
        forget_profile(tx, clock, actor, profile.name)
    tx.flush()
    journal.append(tx, clock, actor, events.ProfileCreated(profile=profile.name, values=plain(profile)))
    return _whole(tx, profile.name)


def change_profile(
    tx: Tx, clock: Clock, actor: Actor, name: str, wanted: Mapping[str, Any], known: Known
) -> tuple[Profile, Flavor]:
    """Change fields of a profile; running sessions keep their snapshot. Twice is safe.

    Only what they may reach (`egress_…`, `public_internet`, `project_hosts`, `packages`) changes for running
    ones too, within a second, as do `downloads`.

    An image or a key that is not there now may stay as it is, so that limits can be changed meanwhile.
    """
    actor.require("admin:profiles")
    row = _row(tx, name)
    before = as_profile(row)
    profile = profile_from(wanted, before)
    check_profile(profile, _flavors(tx), known.and_those_of(before))
    changes = changed(plain(before), plain(profile))
    if changes:
        for field, (_old, new) in changes.items():
            setattr(row, field, new)
        row.updated_at = clock.now()
        tx.flush()
        journal.append(tx, clock, actor, events.ProfileChanged(profile=name, changes=changes))
    return _whole(tx, name)


def delete_profile(tx: Tx, clock: Clock, actor: Actor, name: str) -> None:
    """Delete a profile: nobody can start it any more; sessions that run from it go on with their snapshot.

    Its rules of what may leave hold on for these.
    """
    actor.require("admin:profiles")
    row = _row(tx, name)
    row.deleted_at = row.updated_at = clock.now()
    journal.append(tx, clock, actor, events.ProfileDeleted(profile=name))


def as_profile(row: ProfileRow) -> Profile:
    """Return the value of a row."""
    return Profile(
        name=row.name,
        display_name=row.display_name,
        description=row.description,
        image=row.image,
        flavor=row.flavor,
        idle_stop_s=row.idle_stop_s,
        max_session_s=row.max_session_s,
        max_extension_s=row.max_extension_s,
        network=row.network,
        classification=row.classification,
        record_code=row.record_code,
        preimport=tuple(row.preimport),
        roles=tuple(row.roles),
        enabled=row.enabled,
        keep_state=row.keep_state,
        state_max_bytes=row.state_max_bytes,
        state_retention_s=row.state_retention_s,
        state_key=row.state_key,
        frozen_s=row.frozen_s,
        egress_allowlist=tuple(row.egress_allowlist),
        egress_denylist=tuple(row.egress_denylist),
        egress_asklist=tuple(row.egress_asklist),
        public_internet=row.public_internet,
        project_hosts=row.project_hosts,
        egress_volume_bytes=row.egress_volume_bytes,
        egress_dry_run=row.egress_dry_run,
        packages=policy_from_json(row.packages) if row.packages is not None else None,
        downloads=row.downloads,
        quarantine=row.quarantine,
    )


def _may_know(tx: Tx, actor: Actor, profile: Profile) -> bool:
    if actor.may("admin:profiles"):
        return True
    user = tx.get(UserRow, actor.id)
    return profile.enabled and user is not None and user.role in profile.roles


def _row(tx: Tx, name: str) -> ProfileRow:
    row = tx.get(ProfileRow, name)
    if row is None or row.deleted_at is not None:
        raise not_found("profile", name)
    return row


def _flavors(tx: Tx) -> list[str]:
    return list(tx.scalars(select(FlavorRow.name)))


def _whole(tx: Tx, name: str) -> tuple[Profile, Flavor]:
    found = find_profile(tx, name)
    if found is None:
        raise not_found("profile", name)
    return found
