"""Start a session: admitted in one transaction, then asked of the hub."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from nbkeep.audit import events, journal
from nbkeep.model.errors import NbkeepError, Refused, Unavailable, invalid, not_found
from nbkeep.model.ids import new_id
from nbkeep.model.session import SessionState, StopReason
from nbkeep.model.verdict import Refuse
from nbkeep.profiles.images import built_images
from nbkeep.profiles.profiles import find_profile
from nbkeep.store.tables import SessionRow, UserRow
from nbkeep.telemetry import traces
from nbkeep.vault import leases

from .approval import Approvals
from .end import end_session
from .place import place_spec, prepare
from .quota import Quotas
from .records import LIVE_STATES, live_session, load_of, note_progress, snapshot, user_named
from .refused import record_refusal
from .room import NO_ROOM, make_room, soon_room
from .rules import SESSION_NAME, Asker, HostPolicy, may_start
from .state_keys import place_of
from .stories import remedy, sentence

if TYPE_CHECKING:
    from nbkeep.backends.interface import Capacity
    from nbkeep.model.actor import Actor
    from nbkeep.settings import Settings
    from nbkeep.store.database import Tx

    from .interface import Parts

_NAME_LENGTH = 30
_MANY = 1000


def start_session(
    parts: Parts, actor: Actor, profile: str, *, name: str | None = None, user: str | None = None
) -> str:
    """Start a session from a profile and return its id; the hub has been asked, the server is not ready yet.

    `user`: for somebody else, needs `admin:sessions`. Raises `Refused` with the rule and its numbers, or
    `Unavailable` when warden, hub or database are away: nothing runs then, and what was begun is marked
    failed.
    """
    session_id = request_session(parts, actor, profile, name=name, user=user)
    hand_to_hub(parts, actor, session_id)
    return session_id


def hand_to_hub(parts: Parts, actor: Actor, session_id: str) -> None:
    """Ask the hub for an admitted session's server; when it says no, mark the session failed, and raise.

    May take seconds: the hub answers once its spawner has begun.
    """
    with parts.store.read() as tx:
        row = tx.get_one(SessionRow, session_id)
        person = tx.get_one(UserRow, row.user_id)
        owner, spec = person.name, place_spec(parts, tx, row, person)
    prepare(parts, spec)
    try:
        with traces.span("session.ask_hub", traces.beginning_of(session_id), session=session_id, run=row.run):
            parts.hub.start_server(owner, row.name, session_id)
    except NbkeepError as error:
        if end_session(parts, actor, session_id, StopReason.START_FAILED, str(error), run=row.run):
            raise_as: NbkeepError = error
        else:
            # The spawner was faster: it has told why, and better than the hub can.
            with parts.store.read() as tx:
                failed = tx.get_one(SessionRow, session_id)
            reason = StopReason(failed.stop_reason or StopReason.START_FAILED)
            told = sentence(reason, failed, failed.stop_detail or "")
            raise_as = Unavailable(reason.value, f"Not started: {told}", remedy(reason, failed))
        raise raise_as from error


def request_session(
    parts: Parts,
    actor: Actor,
    profile: str,
    *,
    name: str | None = None,
    user: str | None = None,
    opens: str = "",
) -> str:
    """Admit a session and return its id, without asking the hub (the hub's own start path is already there).

    A refusal is recorded too: who wanted what, and which rule said no. `opens`: a file that is put into its
    home and shown first; then it has to be one in quarantine.
    """
    try:
        with traces.span("session.start"):
            capacity = parts.backend.capacity()
            with traces.span("session.admission"), parts.store.write() as tx:
                session_id = admit(parts, tx, actor, profile, capacity, name=name, user=user, opens=opens)
            traces.remember(session_id)
            return session_id
    except Refused as refusal:
        record_refusal(parts, actor, refusal, user=user or actor.name, profile=profile)
        if refusal.code == NO_ROOM and _made_room(parts, profile):
            raise soon_room(refusal) from refusal
        raise


def _made_room(parts: Parts, profile: str) -> bool:
    with parts.store.read() as tx:
        found = find_profile(tx, profile)
    return found is not None and make_room(parts, found[1], parts.backend.capacity()) > 0


def admit(
    parts: Parts,
    tx: Tx,
    actor: Actor,
    profile: str,
    capacity: Capacity,
    *,
    name: str | None,
    user: str | None,
    opens: str = "",
) -> str:
    """Decide and write in the caller's transaction: rules, row, audit record. Return the session id."""
    actor.require("sessions")
    owner = _owner(tx, actor, user)
    found = find_profile(tx, profile)
    if found is None:
        raise not_found("profile", profile)
    chosen, flavor = found
    if opens and not chosen.quarantine:
        raise Refused("not-in-quarantine", f"Not started: the profile {chosen.name} is not in quarantine.",
                      "Pick one that is: such documents are run nowhere else.")  # fmt: skip
    if chosen.quarantine:
        check_origins(parts.settings)
    asker = Asker(owner.name, owner.role, owner.status == "active", owner.max_sessions)
    policy = HostPolicy(parts.settings.cpu_overcommit, parts.settings.memory_overcommit)
    images = built_images(parts.settings.images_dir)
    now = parts.clock.now()
    standing = Approvals(tx, now, owner.id).of(chosen.name, flavor.name)
    verdict = may_start(
        asker,
        chosen,
        flavor,
        load_of(tx, owner.id),
        capacity,
        policy,
        approval=standing.refusal,
        image_is_built=chosen.image in images,
    )
    if isinstance(verdict, Refuse):
        raise verdict.as_error()
    taken = snapshot(chosen, flavor, parts.settings.currency)
    verdict = Quotas(parts, tx, owner.id).fit(taken)
    if isinstance(verdict, Refuse):
        raise verdict.as_error()
    if chosen.keep_state:
        place_of(parts.settings, chosen.state_key).read()  # raises: nothing is kept that nobody could read
    server_name = _free_name(tx, owner, chosen.name, name)
    row = SessionRow(
        id=new_id("ses", now),
        user_id=owner.id,
        name=server_name,
        profile_name=chosen.name,
        profile=taken,
        quarantine=chosen.quarantine,
        opens=opens,
        state=SessionState.REQUESTED.value,
        progress=[],
        requested_at=now,
        is_busy=False,
        approved_until=standing.until,
        extended_s=0,
    )
    note_progress(row, now, "admitted", "Allowed: your session has its place.")
    tx.add(row)
    tx.flush()
    journal.append(
        tx,
        parts.clock,
        actor,
        events.SessionRequested(session_id=row.id, user=owner.name, name=row.name, profile=chosen.name),
    )
    # With its admission, so that whoever hears of the session hears of its leases, too.
    leases.begin_leases(tx, parts.clock, actor, row)
    return row.id


def check_origins(settings: Settings) -> None:
    """Raise `Refused` where no session in quarantine may be started, because all share one origin."""
    if settings.unsafe_shared_origin:
        raise Refused("shared-origin", "Not started: all sessions share one origin here, so that script in a "
                      "document would act as whoever opens it (setting unsafe_shared_origin).",
                      "An admin gives sessions host names of their own.")  # fmt: skip


def _owner(tx: Tx, actor: Actor, user: str | None) -> UserRow:
    if user is not None and user != actor.name:
        actor.require("admin:sessions")
        return user_named(tx, user)
    owner = tx.get(UserRow, actor.id)
    if owner is None:
        raise invalid("user", "Say for whom the session is.", "Give --user NAME.")
    return owner


def _is_free(tx: Tx, owner: UserRow, name: str) -> bool:
    """Tell whether a name is free, also of suspended sessions: those want it back when they are resumed."""
    taken = (*LIVE_STATES, SessionState.SUSPENDED.value)
    query = select(SessionRow.id).where(
        SessionRow.user_id == owner.id, SessionRow.name == name, SessionRow.state.in_(taken)
    )
    return tx.scalar(query.limit(1)) is None


def _free_name(tx: Tx, owner: UserRow, profile: str, wanted: str | None) -> str:
    if wanted:
        if not SESSION_NAME.fullmatch(wanted):
            raise invalid(
                "name",
                f"{wanted!r} is not a name for a session.",
                "Use 1 to 30 small letters, digits and hyphens, with no hyphen at either end.",
            )
        if live_session(tx, owner.id, wanted) is not None:
            raise Refused(
                "name-taken",
                f"A session named {wanted!r} is running already.",
                "Open that one, stop it, or choose another name.",
                status=409,
            )
        return wanted
    base = profile[:_NAME_LENGTH].strip("-") or "session"
    for number in range(1, _MANY):
        suffix = "" if number == 1 else f"-{number}"
        name = base[: _NAME_LENGTH - len(suffix)].rstrip("-") + suffix
        if _is_free(tx, owner, name):
            return name
    raise Refused("name-taken", "All names for this profile are taken.", "Choose a name.", status=409)
