"""Resume a suspended session: the same session is admitted anew, by the rules of every start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nbkeep.audit import events, journal
from nbkeep.meter.follow import follow
from nbkeep.model.errors import Refused, not_found
from nbkeep.model.session import SessionState
from nbkeep.model.verdict import Refuse
from nbkeep.outbox.notices import ENDED, dismiss_about
from nbkeep.profiles.images import built_images
from nbkeep.profiles.parse import flavor_from, profile_from
from nbkeep.profiles.profiles import find_profile, list_profiles
from nbkeep.quotas.values import KIND
from nbkeep.store.tables import SessionRow, UserRow
from nbkeep.telemetry import traces
from nbkeep.vault import leases

from .approval import Approvals, Standing
from .freeze import thaw_session
from .held import require_free
from .kept import totals
from .quota import Quotas
from .records import live_session, load_of, note_progress, snapshot, visible_session
from .refused import record_refusal
from .room import NO_ROOM, make_room, soon_room
from .rules import Asker, HostPolicy, may_resume, may_start
from .start import hand_to_hub
from .state_keys import secret_of
from .state_limits import NOTICE
from .states import move
from .view import spent_micros

if TYPE_CHECKING:
    from datetime import datetime

    from nbkeep.backends.interface import Capacity
    from nbkeep.model.actor import Actor
    from nbkeep.profiles.values import Flavor, Profile
    from nbkeep.store.database import Tx

    from .interface import Parts


def resume_session(parts: Parts, actor: Actor, session_id: str, profile: str | None = None) -> None:
    """Resume a suspended session for its owner; the hub has been asked, the server is not ready yet.

    One that is only frozen goes on at once.

    `profile`: another one on the same image, for example with more memory; else the session goes on with what
    it was started with. Raises `Refused` with the rule that says no, `Unavailable` when warden, hub or
    database are away; the saved state stays in every case. One that is starting or running is left as it is.
    """
    if request_resume(parts, actor, session_id, profile):
        hand_to_hub(parts, actor, session_id)


def request_resume(parts: Parts, actor: Actor, session_id: str, profile: str | None = None) -> bool:
    """Admit a resume without asking the hub. False: the session is starting or running already.

    A refusal is recorded too, as that of a start.
    """
    with parts.store.read() as tx:
        row = visible_session(tx, actor, session_id)  # the hidden are told nothing, and nothing is recorded
        owner = tx.get_one(UserRow, row.user_id).name
    if row.state == SessionState.FROZEN:
        _thaw(parts, actor, row, profile)
        return False
    capacity = parts.backend.capacity()
    try:
        with traces.span("session.resume", session=session_id):
            with parts.store.write() as tx:
                is_admitted = _admit(parts, tx, actor, session_id, profile, capacity)
            if is_admitted:
                traces.remember(session_id)
            return is_admitted
    except Refused as refusal:
        wanted = profile or row.profile_name
        record_refusal(parts, actor, refusal, user=owner, profile=wanted, session_id=session_id)
        if refusal.code == NO_ROOM and _made_room(parts, row, profile, capacity):
            raise soon_room(refusal) from refusal
        raise


def _made_room(parts: Parts, row: SessionRow, profile: str | None, capacity: Capacity) -> bool:
    with parts.store.read() as tx:
        flavor = _chosen(tx, row, profile)[1]
    return make_room(parts, flavor, capacity) > 0


def _thaw(parts: Parts, actor: Actor, row: SessionRow, profile: str | None) -> None:
    if profile is not None and profile != row.profile_name:
        raise Refused(
            "frozen",
            f"Not resumed on {profile}: the session is only paused, in the memory of {row.profile_name}.",
            "Suspend it first, then resume it on that profile.",
            status=409,
        )
    thaw_session(parts, actor, row.id)


def same_image(tx: Tx, now: datetime, actor: Actor, row: SessionRow) -> list[dict[str, Any]]:
    """Return on what a session could be resumed, as far as its image says; the first is its own profile.

    `approval`: how its user stands with it (see `Standing.as_json`), None where it needs none; `can_ask`:
    whether one can be asked for, which is not so where the profile has another flavor now.
    """
    approvals = Approvals(tx, now, row.user_id)
    flavor_name = str(row.profile["flavor"])
    own = {
        "name": row.profile_name,
        "display_name": str(row.profile.get("display_name") or row.profile_name),
        "approval": _standing(tx, approvals, row, row.profile_name, flavor_name).as_json(),
        "can_ask": _is_on(tx, row.profile_name, flavor_name),
    }
    return [own] + [
        {
            "name": profile.name,
            "display_name": profile.display_name,
            "approval": approvals.of(profile.name, flavor.name).as_json(),
            "can_ask": True,
        }
        for profile, flavor in list_profiles(tx, actor)
        if profile.enabled
        and not profile.quarantine
        and profile.image == row.profile["image"]
        and profile.name != row.profile_name
    ]


def _standing(tx: Tx, approvals: Approvals, row: SessionRow, profile: str, flavor: str) -> Standing:
    was_needed = row.approved_until is not None
    return approvals.of(profile, flavor, was_needed=was_needed, can_ask=_is_on(tx, profile, flavor))


def _is_on(tx: Tx, profile: str, flavor: str) -> bool:
    """Tell whether a profile stands on a flavor now."""
    current = find_profile(tx, profile)
    return current is not None and current[1].name == flavor


def _admit(
    parts: Parts, tx: Tx, actor: Actor, session_id: str, wanted: str | None, capacity: Capacity
) -> bool:
    """Decide and write in the caller's transaction: rules, row, audit record."""
    row = visible_session(tx, actor, session_id)
    if row.user_id == actor.id:
        actor.require("sessions")
    require_free(row, "Not resumed")
    state = SessionState(row.state)
    if state.is_live and state != SessionState.STOPPING:
        return False
    owner = tx.get_one(UserRow, row.user_id)
    profile, flavor = _chosen(tx, row, wanted)
    verdict = may_resume(
        state,
        row.profile,
        profile,
        flavor,
        state_bytes=totals(row)["bytes"],
        is_going=row.discard_state,
        name=row.name,
        is_name_taken=live_session(tx, owner.id, row.name) is not None,
    )
    if isinstance(verdict, Refuse):
        raise verdict.as_error(409)
    asker = Asker(owner.name, owner.role, owner.status == "active", owner.max_sessions)
    approvals = Approvals(tx, parts.clock.now(), owner.id)
    standing = _standing(tx, approvals, row, profile.name, flavor.name)
    policy = HostPolicy(parts.settings.cpu_overcommit, parts.settings.memory_overcommit)
    images = built_images(parts.settings.images_dir)
    verdict = may_start(
        asker,
        profile,
        flavor,
        load_of(tx, owner.id),
        capacity,
        policy,
        approval=standing.refusal,
        image_is_built=profile.image in images,
    )
    if isinstance(verdict, Refuse):
        raise verdict.as_error()
    is_other = wanted is not None and wanted != row.profile_name
    taken = snapshot(profile, flavor, parts.settings.currency) if is_other else row.profile
    verdict = Quotas(parts, tx, owner.id).fit(taken)
    if isinstance(verdict, Refuse):
        raise verdict.as_error()
    secret_of(parts.settings, row)  # raises: without it the variables could not be brought back
    saved_at = str((row.kept or {}).get("saved_at", ""))
    row.spent_micros = spent_micros(row, parts.clock.now())
    _begin_anew(row)
    row.approved_until = standing.until
    if is_other:
        row.profile_name, row.profile = profile.name, taken
    now = parts.clock.now()
    move(row, SessionState.REQUESTED)
    row.requested_at = now
    note_progress(row, now, "admitted", "Allowed: your session has its place.")
    for kind in (ENDED, NOTICE, KIND):
        dismiss_about(tx, parts.clock, row.id, kind)
    tx.flush()
    journal.append(
        tx,
        parts.clock,
        actor,
        events.SessionResumed(
            session_id=row.id, user=owner.name, name=row.name, profile=row.profile_name, saved_at=saved_at
        ),
    )
    leases.begin_leases(tx, parts.clock, actor, row)
    follow(tx, parts.clock, row)
    return True


def _chosen(tx: Tx, row: SessionRow, wanted: str | None) -> tuple[Profile, Flavor]:
    """Return what the session is to run on: its own snapshot, or the profile that was asked for.

    Who may start its profile, and whether it is switched on, is said by the profile as it is now; a deleted
    one says nothing more, as with sessions that run.
    """
    now = find_profile(tx, wanted or row.profile_name)
    if wanted is not None and wanted != row.profile_name:
        if now is None:
            raise not_found("profile", wanted)
        return now
    fields = dict(row.profile)
    flavor = flavor_from(
        {key: fields.pop(key) for key in ("cpu_millis", "memory_bytes", "gpu_type", "gpu_count",
                                          "price_per_hour_micros")}
        | {"name": fields["flavor"]}
    )  # fmt: skip
    fields.pop("currency", None)
    if now is not None:
        fields |= {"enabled": now[0].enabled, "roles": list(now[0].roles)}
    return profile_from(fields), flavor


def _begin_anew(row: SessionRow) -> None:
    """Forget how the last run went; what it has saved and what it has cost stay."""
    row.run += 1
    row.progress = []
    row.started_at = row.ready_at = row.ended_at = row.ends_at = row.idle_kept_until = None
    row.last_heartbeat_at = row.last_work_at = row.memory_used_bytes = None
    row.over_limit_since = row.quota_ends_at = row.quota_words = None
    row.stop_requested_at = row.stop_reason = row.stop_detail = row.stopped_by = None
    row.freeze_asked_at, row.frozen_at, row.frozen_s = None, None, 0.0
    row.extended_s, row.is_busy, row.state_pending, row.kept_until = 0, False, False, None
