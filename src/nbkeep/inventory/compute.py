"""Sessions, images and GPUs, as the inventory shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from nbkeep.model.session import SessionState
from nbkeep.profiles.images import built_images
from nbkeep.sessions.records import LIVE_STATES
from nbkeep.sessions.view import CAPACITY_MARK
from nbkeep.store.tables import MarkRow, ProfileRow, SessionRow

from .values import FINE, Thing, level_of

if TYPE_CHECKING:
    from nbkeep.sessions.interface import Parts
    from nbkeep.store.database import Tx

    from .values import Owners


def sessions(parts: Parts, tx: Tx, owners: Owners) -> list[Thing]:
    """Return the sessions that run, or are kept."""
    now = parts.clock.now()
    states = (*LIVE_STATES, SessionState.SUSPENDED.value)
    found: list[Thing] = []
    for row in tx.scalars(select(SessionRow).where(SessionRow.state.in_(states))):
        owner = owners.get(row.user_id)
        expires_at = row.kept_until if row.state == SessionState.SUSPENDED else row.ends_at
        unowned = ""
        if owner is None or (not owner.is_active and row.held_by is None):
            unowned = f"Its user is not active: end it, with `nbkeep session stop {row.id}`."
        attention = f"It is held by the incident {row.held_by}." if row.held_by else ""
        level, todo = level_of(now, expires_at=None, unowned=unowned, attention=attention)
        found.append(
            Thing(
                "sessions",
                row.state,
                row.id,
                row.name,
                owner=owner.name if owner else "",
                purpose=f"profile {row.profile_name}",
                classification=str(row.profile.get("classification", "")),
                exposure=_reach(row.profile),
                created_at=row.requested_at,
                last_used_at=row.last_work_at,
                expires_at=expires_at,
                level=level,
                todo=todo,
                details={"image": row.profile.get("image", ""), "gpus": row.profile.get("gpu_count", 0)},
            )
        )
    return found


def _reach(profile: dict[str, Any]) -> str:
    if profile.get("public_internet"):
        return "the public internet"
    hosts = len(profile.get("egress_allowlist") or [])
    return f"{hosts} rules about hosts" if hosts else "no host outside"


def images(parts: Parts, tx: Tx, owners: Owners) -> list[Thing]:
    """Return the images of this host with the packages in them."""
    del owners
    now = parts.clock.now()
    used: dict[str, list[str]] = {}
    for name, image, profile_deleted in tx.execute(
        select(ProfileRow.name, ProfileRow.image, ProfileRow.deleted_at)
    ):
        if profile_deleted is None:
            used.setdefault(image, []).append(name)
    found: list[Thing] = []
    for name, facts in built_images(parts.settings.images_dir).items():
        profiles = sorted(used.get(name, []))
        raw: list[dict[str, Any]] = facts.get("packages") or []
        packages = [f"{one.get('name', '')}=={one.get('version', '')}" for one in raw]
        attention = "" if profiles else "No profile uses it: remove it from the host, or say what it is for."
        level, todo = level_of(now, expires_at=None, attention=attention)
        found.append(
            Thing(
                "images",
                "image",
                name,
                name,
                owner="operator",
                purpose=f"profiles {', '.join(profiles)}" if profiles else "",
                exposure=f"sessions of {len(profiles)} profiles",
                level=level,
                todo=todo,
                details={
                    "digest": facts.get("digest", ""),
                    "python": facts.get("python", ""),
                    "built_at": facts.get("built_at"),
                    "packages": packages,
                },
            )
        )
    for name in sorted(used.keys() - {one.id for one in found}):
        level, todo = level_of(
            now,
            expires_at=None,
            attention=f"Profiles name it, and it is not built: `nbkeep image build {name}`.",
        )
        found.append(
            Thing("images", "missing", name, name, purpose=f"profiles {', '.join(sorted(used[name]))}",
                  level=level, todo=todo)
        )  # fmt: skip
    return found


def gpus(parts: Parts, tx: Tx, owners: Owners) -> list[Thing]:
    """Return the types of GPU of this host, and who has them."""
    del parts
    mark = tx.get(MarkRow, CAPACITY_MARK)
    there: dict[str, int] = dict(mark.value.get("gpus") or {}) if mark else {}
    held: dict[str, list[str]] = {}
    used: dict[str, int] = {}
    for row in tx.scalars(select(SessionRow).where(SessionRow.state.in_(LIVE_STATES))) if there else ():
        kind, count = str(row.profile.get("gpu_type") or ""), int(row.profile.get("gpu_count") or 0)
        if count:
            owner = owners.get(row.user_id)
            held.setdefault(kind, []).append(owner.name if owner else row.user_id)
            used[kind] = used.get(kind, 0) + count
    return [
        Thing(
            "gpus",
            "gpu",
            kind,
            kind,
            owner="operator",
            purpose=f"{count} on this host, {used.get(kind, 0)} in use",
            exposure=f"now {', '.join(sorted(held[kind]))}" if kind in held else "nobody now",
            last_used_at=mark.at if mark and kind in held else None,
            level=FINE,
            details={"count": count, "in_use": used.get(kind, 0)},
        )
        for kind, count in sorted(there.items())
    ]
