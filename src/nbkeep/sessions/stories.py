"""Why a session ended, in one line, and what to do about it: one entry for every reason there is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from nbkeep.model.session import SessionState, StopReason
from nbkeep.model.units import format_size
from nbkeep.profiles.words import duration_words

if TYPE_CHECKING:
    from nbkeep.backends.interface import Exit
    from nbkeep.store.tables import SessionRow

_R = StopReason


@dataclass(frozen=True)
class Story:
    """`cause` and `remedy` may name fields in braces; `is_news`: the user did not ask for it, so is told."""

    cause: str
    remedy: str
    is_news: bool = True


STORIES: dict[StopReason, Story] = {
    _R.USER: Story("{ended} by its user.", "Start it again; files are kept.", is_news=False),
    _R.ADMIN: Story(
        "{ended} by the admin {stopped_by}.", "Ask them if the reason is unclear; files are kept."
    ),
    _R.IDLE: Story(
        "{ended} after {idle_stop} without work (idle stop of its profile).",
        "Start it again; files are kept. Press “keep working” when warned, or leave a cell running.",
    ),
    _R.MAX_SESSION: Story(
        "{finished} after its maximum length of {max_session}.",
        "Start it again; files are kept. Save results to files during long work.",
    ),
    _R.QUOTA: Story(
        "{ended} because a quota is used up.",
        "Start it again when the quota is back, or ask for more: the portal's page Quotas, or an admin. "
        "Files are kept.",
    ),
    _R.APPROVAL: Story(
        "{ended} because the approval for it was over.",
        "Ask for another one, on the portal's start page or with `nbkeep grant request`, and start it again. "
        "Files are kept.",
    ),
    _R.START_FAILED: Story(
        "It could not be started.",
        "Try again. If it fails again, send an admin this line and the session's id.",
    ),
    _R.START_TIMEOUT: Story(
        "It did not get ready in time.",
        "Try again. If it fails again, the host is overloaded or the image is broken: tell an admin.",
    ),
    _R.SERVER_DIED: Story(
        "Its Jupyter server ended unexpectedly.",
        "Start it again; files are kept. Send an admin the session's id: the log is in logs/sessions.",
    ),
    _R.SANDBOX_DIED: Story(
        "Its sandbox, where kernels and terminals run, ended unexpectedly.",
        "Start it again; files are kept. If it happens again, send an admin the session's id.",
    ),
    _R.OUT_OF_MEMORY: Story(
        "It needed more memory than the {memory} of its profile.",
        "Load less at a time, or start a profile with more memory.",
    ),
    _R.IMAGE_MISSING: Story(
        "Its image {image} is not on this host.", "An admin builds it with `nbkeep image build {image}`."
    ),
    _R.NO_CAPACITY: Story(
        "The host has no room for its profile.", "Try again later, or start a smaller profile."
    ),
    _R.VOLUME_OFFLINE: Story(
        "Its home volume could not be opened.",
        "Tell an admin: `nbkeep doctor` and `nbkeep volume list` show what is wrong. No file was changed.",
    ),
    _R.USER_DISABLED: Story(
        "{ended} because the account was disabled.", "Ask an admin; files are kept.", is_news=False
    ),
    _R.HOST_RESTARTED: Story("The host was restarted.", "Start it again; files are kept, variables are not."),
}
if set(STORIES) != set(StopReason):
    raise AssertionError("every StopReason needs its entry in sessions/stories.py")


def reason_of(exit_: Exit) -> StopReason:
    """Return why processes ended; a reason that a newer node made up counts as the death of its half."""
    try:
        return StopReason(exit_.reason)
    except ValueError:
        return StopReason.SANDBOX_DIED if exit_.half == "sandbox" else StopReason.SERVER_DIED


NOTHING_KEPT = "It was in quarantine: its files went with it. Start another one to try again."


def sentence(reason: StopReason, row: SessionRow, detail: str = "") -> str:
    """Return the cause in one line, with what is known beyond it."""
    cause = _fill(STORIES[reason].cause, row)
    extra = " ".join(detail.split())
    return f"{cause} {extra}".strip() if extra and extra not in cause else cause


def remedy(reason: StopReason, row: SessionRow) -> str:
    """Return what to do next."""
    if row.quarantine:
        return NOTHING_KEPT
    if row.state != SessionState.SUSPENDED:
        return _fill(STORIES[reason].remedy, row)
    saved_at = _day(str((row.kept or {}).get("saved_at", "")))
    until = f" until {row.kept_until.day} {row.kept_until:%B}" if row.kept_until else ""
    kept = f"files are there, and the variables{saved_at} are kept{until}."
    if reason == StopReason.QUOTA:
        return (
            "Resume it when the quota is back. To go on before, ask for more on the portal's page Quotas, "
            f"or ask an admin: {kept}"
        )
    if reason == StopReason.APPROVAL:
        return (
            "Resume it once you have another approval; ask for one on the portal's start page or with "
            f"`nbkeep grant request`: {kept}"
        )
    return f"Resume it: {kept}"


def notice_about(reason: StopReason, row: SessionRow, detail: str) -> str:
    """Return what the user is told in the portal, or "" when they asked for the end themselves."""
    if not STORIES[reason].is_news:
        return ""
    return f"Session {row.name}: {sentence(reason, row, detail)} {remedy(reason, row)}"


def _day(saved_at: str) -> str:
    """Return "" or " of 21 November, 14:05 UTC": which moment's variables those are."""
    try:
        moment = datetime.fromisoformat(saved_at).astimezone(UTC)
    except ValueError:
        return ""
    return f" of {moment.day} {moment:%B, %H:%M} UTC"


def _fill(text: str, row: SessionRow) -> str:
    is_suspended = row.state == SessionState.SUSPENDED
    return text.format(
        ended="Suspended" if is_suspended else "Stopped",
        finished="Suspended" if is_suspended else "Ended",
        stopped_by=row.stopped_by or "in charge",
        idle_stop=duration_words(row.profile["idle_stop_s"]),
        max_session=duration_words(row.profile["max_session_s"] + (row.extended_s or 0)),
        memory=format_size(row.profile["memory_bytes"]),
        image=row.profile["image"],
    )
