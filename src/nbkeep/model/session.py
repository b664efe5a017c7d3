"""The states of a session and the reasons for which one ends."""

from __future__ import annotations

from enum import StrEnum


class SessionState(StrEnum):
    """requested → starting → ready → stopping → suspended or stopped; failed when it broke.

    An idle session may become frozen first, and ready again: it holds its memory and computes nothing. A
    suspended session holds no compute but its saved state; a resume is a new request of the same session.
    """

    REQUESTED = "requested"
    STARTING = "starting"
    READY = "ready"
    FROZEN = "frozen"
    STOPPING = "stopping"
    SUSPENDED = "suspended"
    STOPPED = "stopped"
    FAILED = "failed"

    @property
    def is_live(self) -> bool:
        """Whether it holds, or is about to hold, compute."""
        return self in LIVE


LIVE = frozenset(
    {
        SessionState.REQUESTED,
        SessionState.STARTING,
        SessionState.READY,
        SessionState.FROZEN,
        SessionState.STOPPING,
    }
)


class StopReason(StrEnum):
    """Why a session ended; `diagnose` and the portal have a sentence and a remedy for each."""

    USER = "user"
    ADMIN = "admin"
    IDLE = "idle"
    MAX_SESSION = "max-session"
    QUOTA = "quota"
    APPROVAL = "approval"
    START_FAILED = "start-failed"
    START_TIMEOUT = "start-timeout"
    SERVER_DIED = "server-died"
    SANDBOX_DIED = "sandbox-died"
    OUT_OF_MEMORY = "out-of-memory"
    IMAGE_MISSING = "image-missing"
    NO_CAPACITY = "no-capacity"
    VOLUME_OFFLINE = "volume-offline"
    USER_DISABLED = "user-disabled"
    HOST_RESTARTED = "host-restarted"


def fate_words(*, keeps_state: bool, quarantine: bool) -> str:
    """Return what becomes of files and variables of a session that ends, as a sentence or two."""
    if quarantine:
        return "It is in quarantine: its files go with it."
    return "Files and variables are kept." if keeps_state else "Files stay; variables do not."
