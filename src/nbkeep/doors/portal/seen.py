"""Sessions as pages show them: the rooms' view, plus address, cost so far, and the steps of a start."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from nbkeep.sessions.view import opening_url, session_line, spent_micros

if TYPE_CHECKING:
    from nbkeep.app import Office
    from nbkeep.store.tables import SessionRow

# The way of every start. A step that a backend adds is shown as the message of the one under way.
_STEPS = (
    ("admitted", "Admission"),
    ("home", "Home folder"),
    ("sandbox", "Sandbox"),
    ("server", "Jupyter server"),
    ("ready", "Ready"),
)


@dataclass(frozen=True)
class Step:
    """A line of the progress page. `look`: done | now | waiting | failed."""

    title: str
    look: str
    message: str = ""
    took: str = ""


def seen(office: Office, row: SessionRow, user: str) -> dict[str, Any]:
    """Return what session cards and pages show."""
    line = session_line(office.clock, office.settings, row, user)
    line["open_url"] = opening_url(office.settings, user, row)
    line["cost"] = cost_words(row, office.clock.now())
    line["extension_left_s"] = max(0, row.profile["max_extension_s"] - row.extended_s)
    return line


def cost_words(row: SessionRow, now: datetime) -> str:
    """Return what a session has cost, in all its runs."""
    currency = row.profile["currency"]
    micros = spent_micros(row, now)
    if not micros and not row.profile["price_per_hour_micros"]:
        return "free of charge"
    cost = micros / 1_000_000
    return f"less than 0.01 {currency}" if 0 < cost < 0.01 else f"{cost:,.2f} {currency}"  # a cent


def steps(row: SessionRow) -> list[Step]:
    """Return the steps of a start: those done, the one under way or failed, those to come."""
    named = [name for name, _ in _STEPS]
    times: dict[str, datetime] = {}
    messages: dict[str, str] = {}
    current = "admitted"
    for entry in row.progress:
        if entry["step"] in named:
            current = entry["step"]
            times.setdefault(current, datetime.fromisoformat(entry["at"]))
        if entry["step"] not in {"ended", "stopping"}:
            messages[current] = str(entry["message"])
    failed = row.state == "failed"
    reached = named.index(current)
    out: list[Step] = []
    for place, (name, title) in enumerate(_STEPS):
        if place < reached or (place == reached and name == "ready"):
            out.append(Step(title, "done", took=_took(times, named, place)))
        elif place == reached and name == "admitted" and not failed:
            # Admission is an answer, not a wait: what is under way is the next step.
            out.append(Step(title, "done", messages.get(name, "")))
        elif place == reached or (place == reached + 1 and current == "admitted"):
            out.append(Step(title, "failed" if failed else "now", messages.get(name, "")))
        else:
            out.append(Step(title, "waiting"))
    return out


def _took(times: dict[str, datetime], named: list[str], place: int) -> str:
    later = [times[name] for name in named[place + 1 :] if name in times]
    start = times.get(named[place])
    if start is None or not later:
        return ""
    return f"{(later[0] - start).total_seconds():.1f} s"
