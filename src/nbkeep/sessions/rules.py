"""May this person start this profile now, or resume, or suspend this session? Values in, verdict out."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nbkeep.model.session import SessionState
from nbkeep.model.units import format_size
from nbkeep.model.verdict import Allow, Refuse, Verdict
from nbkeep.profiles.rules import fits_host

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nbkeep.backends.interface import Capacity
    from nbkeep.profiles.values import Flavor, Profile

# A server name is a label of the session's own host name (RFC 1123) and part of JupyterHub's address.
_MOST_IN_QUARANTINE = 1  # each holds a home of its own on the disk
SESSION_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,28}[a-z0-9])?")


@dataclass(frozen=True)
class Asker:
    """Who wants to start, as far as the rules need it."""

    name: str
    role: str
    is_active: bool
    max_sessions: int


@dataclass(frozen=True)
class Load:
    """What is live now: the asker's sessions, and what all sessions on the host were promised.

    Those in quarantine count apart: one may be beside however many others.
    """

    mine: int = 0
    mine_in_quarantine: int = 0
    cpu_millis: int = 0
    memory_bytes: int = 0
    gpus: Mapping[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True)
class HostPolicy:
    """How far promises may exceed the host. Idle notebooks use little of what they may use."""

    cpu_overcommit: float
    memory_overcommit: float


def may_start(
    asker: Asker,
    profile: Profile,
    flavor: Flavor,
    load: Load,
    capacity: Capacity,
    policy: HostPolicy,
    *,
    approval: Refuse | None,
    image_is_built: bool,
) -> Verdict:
    """Return Allow, or Refuse with the numbers and the next step. The first rule that says no answers.

    `approval`: why an approval is missing. It comes before the host: nobody gives way to who may not start.
    """
    return (
        _about_person(asker, profile)
        or _about_approval(approval, flavor, capacity, policy)
        or _about_count(asker, load, quarantine=profile.quarantine)
        or _about_image(profile, image_is_built=image_is_built)
        or _about_host(flavor, load, capacity, policy)
    )


def may_suspend(state: SessionState, profile: Mapping[str, Any]) -> Verdict:
    """Tell whether a session can be suspended; one that is already, or is ending, can."""
    if state in {SessionState.STOPPED, SessionState.FAILED}:
        return Refuse("session-over", "Not suspended: the session is over.", "Start a new one.")
    if state in {SessionState.REQUESTED, SessionState.STARTING}:
        return Refuse(
            "not-ready", "Not suspended: it is still starting.", "Wait until it is ready, or stop it."
        )
    if not profile.get("keep_state", False):
        return Refuse(
            "state-not-kept",
            f"Not suspended: the profile {profile['name']} keeps no variables (keep_state is off).",
            "Save what matters to files, then stop it; an admin can change the profile.",
        )
    return Allow()


def may_freeze(rest_s: int, profile: Mapping[str, Any], capacity: Capacity) -> Verdict:
    """Tell whether an idle session is frozen before it is suspended, for `rest_s` (0: never).

    One with a GPU is not: its memory costs others little, its GPU does.
    """
    why = ""
    if not profile.get("keep_state", False):
        why = f"The profile {profile['name']} keeps no variables."
    elif not rest_s or not capacity.freezes:
        why = "Its sessions are not frozen." if not rest_s else "The host cannot freeze."
    elif profile.get("gpu_count", 0):
        why = "It holds a GPU, which others wait for."
    return Refuse("not-frozen", why) if why else Allow()


def may_thaw(asker: Asker, profile: Profile | None, *, is_over_time: bool) -> Verdict:
    """Tell whether a frozen session may compute again; `profile`: as it is now, None for a deleted one."""
    why: Refuse | None = None
    if profile is not None:
        why = _about_person(asker, profile, "Not continued")
    elif not asker.is_active:
        why = _inactive(asker, "Not continued")
    if why is None and is_over_time:
        why = Refuse(
            "max-session",
            "Not continued: this session has reached its maximum length and is being suspended.",
            "Resume it afterwards.",
        )
    return why or Allow()


def may_resume(
    state: SessionState,
    before: Mapping[str, Any],
    profile: Profile,
    flavor: Flavor,
    *,
    state_bytes: int,
    is_going: bool,
    name: str,
    is_name_taken: bool,
) -> Verdict:
    """Tell whether a session's state can be resumed on a profile; `before`: the snapshot it was saved under.

    Whether its owner may start that profile is for `may_start`.
    """
    if state == SessionState.STOPPING:
        return Refuse("still-ending", "Not resumed: it is just being saved.", "Try again in a moment.")
    if state != SessionState.SUSPENDED or is_going:
        return Refuse(
            "nothing-kept",
            "Not resumed: nothing is kept of this session; it is "
            f"{'being deleted' if is_going else state.value}.",
            "Start a new one." if before.get("quarantine") else "Start a new one; files are kept.",
        )
    if is_name_taken:
        return Refuse(
            "name-taken",
            f"Not resumed: another session named {name!r} is running.",
            "Stop that one first.",
        )
    if profile.quarantine or before.get("quarantine", False):
        return Refuse(
            "not-in-quarantine",
            f"Not resumed: what was kept is its person's, and {profile.name} is in quarantine.",
            "Resume it on a profile that is not.",
        )
    if profile.image != before["image"]:
        return Refuse(
            "image-differs",
            f"Not resumed: the variables were saved with the image {before['image']}; "
            f"the profile {profile.name} has {profile.image}.",
            f"Pick a profile with the image {before['image']}.",
        )
    if state_bytes > flavor.memory_bytes:
        return Refuse(
            "state-too-large",
            f"Not resumed: {format_size(state_bytes)} are kept; the profile {profile.name} has "
            f"{format_size(flavor.memory_bytes)} of memory.",
            "Pick a profile with more memory.",
        )
    return Allow()


def _inactive(asker: Asker, denied: str) -> Refuse:
    return Refuse("user-disabled", f"{denied}: the account {asker.name} is not active.", "Ask an admin.")


def _about_person(asker: Asker, profile: Profile, denied: str = "Not started") -> Refuse | None:
    if not asker.is_active:
        return _inactive(asker, denied)
    if not profile.enabled:
        return Refuse(
            "profile-disabled",
            f"{denied}: the profile {profile.name} is switched off.",
            "Pick another profile, or ask an admin.",
        )
    if asker.role not in profile.roles:
        return Refuse(
            "profile-not-for-role",
            f"{denied}: the profile {profile.name} is not for the role {asker.role}.",
            "Pick another profile, or ask an admin.",
        )
    return None


def _about_approval(
    approval: Refuse | None, flavor: Flavor, capacity: Capacity, policy: HostPolicy
) -> Refuse | None:
    if approval is None:
        return None
    alone = fits_host(flavor, capacity, cpu_overcommit=policy.cpu_overcommit)
    return alone if isinstance(alone, Refuse) else approval  # what never fits, nobody needs to ask for


def _about_count(asker: Asker, load: Load, *, quarantine: bool) -> Refuse | None:
    most = min(asker.max_sessions, _MOST_IN_QUARANTINE) if quarantine else asker.max_sessions
    if (load.mine_in_quarantine if quarantine else load.mine) < most:
        return None
    if asker.max_sessions <= 0:
        return Refuse(
            "no-sessions-allowed",
            f"Not started: {asker.name} may run no sessions (max_sessions is 0).",
            "Ask an admin to raise the limit.",
        )
    if quarantine:
        return Refuse(
            "one-in-quarantine",
            f"Not started: a session of {asker.name} in quarantine is running already.",
            "Stop that one first: what is in it goes with it.",
        )
    return Refuse(
        "too-many-sessions",
        f"Not started: {load.mine} of {asker.max_sessions} sessions are running (limit max_sessions).",
        "Stop a session, or ask an admin to raise the limit.",
    )


def _about_image(profile: Profile, *, image_is_built: bool) -> Refuse | None:
    if image_is_built:
        return None
    return Refuse(
        "image-missing",
        f"Not started: the image {profile.image} has not been built on this host.",
        f"An admin builds it with `nbkeep image build {profile.image}`.",
    )


def has_room(flavor: Flavor, load: Load, capacity: Capacity, policy: HostPolicy) -> bool:
    """Tell whether a flavor fits beside what the host has promised already."""
    return isinstance(_about_host(flavor, load, capacity, policy), Allow)


def _about_host(flavor: Flavor, load: Load, capacity: Capacity, policy: HostPolicy) -> Verdict:
    alone = fits_host(flavor, capacity, cpu_overcommit=policy.cpu_overcommit)
    if isinstance(alone, Refuse):
        return alone
    if flavor.gpu_count:
        have, taken = capacity.gpus.get(flavor.gpu_type, 0), load.gpus.get(flavor.gpu_type, 0)
        if taken + flavor.gpu_count > have:
            return Refuse(
                "no-capacity",
                f"Not started: needs {flavor.gpu_count} GPU {flavor.gpu_type}; {taken} of {have} are in use.",
                "Try again when somebody stops, or pick another profile.",
            )
    memory_limit = int(capacity.memory_bytes * max(1.0, policy.memory_overcommit))
    if load.memory_bytes + flavor.memory_bytes > memory_limit:
        return Refuse(
            "no-capacity",
            f"Not started: needs {format_size(flavor.memory_bytes)} of memory; sessions "
            f"hold {format_size(load.memory_bytes)} of {format_size(memory_limit)} that this host may "
            "promise (memory_overcommit).",
            _WAIT,
        )
    cpu_limit = int(capacity.cpu_millis * max(1.0, policy.cpu_overcommit))
    # A flavor with more CPU than the host gets what there is, so it counts for no more than that.
    needs = min(flavor.cpu_millis, capacity.cpu_millis)
    if load.cpu_millis + needs > cpu_limit:
        return Refuse(
            "no-capacity",
            f"Not started: needs {needs / 1000:g} CPU; sessions hold "
            f"{load.cpu_millis / 1000:g} of {cpu_limit / 1000:g} that this host may promise "
            "(cpu_overcommit).",
            _WAIT,
        )
    return alone


_WAIT = "Stop a session, wait until somebody stops one, or pick a smaller profile."
