"""What may be asked for, who sees and decides, what follows from a judgement: values in, verdict out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from nbkeep.model.errors import invalid
from nbkeep.model.gates import FORMATS, Decision, Found, Gate
from nbkeep.model.units import parse_duration_s
from nbkeep.model.verdict import Allow, Refuse, Verdict

from .values import PLAIN, REDACTED, State

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from nbkeep.model.actor import Actor

ASK, REVIEW, ADMIN = "releases", "reviews", "admin:releases"
MAX_OPEN = 20
MOST_BYTES = 256 << 20
LAPSES = timedelta(days=14)  # of requests that nobody decides
MOST_TRIES = 3
GATES = (Gate.DOWNLOAD, Gate.EXPORT, Gate.SHARE, Gate.PUBLISH)
SHARING = (Gate.SHARE, Gate.PUBLISH)
_SHARE_S = 7 * 86400
_LONGEST_PATH, _LONGEST_NAME = 4096, 255
_LONGEST_TEXT = 2000
MOST_COMMENTS = 200
_NOTEBOOK = ".ipynb"


@dataclass(frozen=True)
class Reach:
    """How somebody stands to a release. `in_project`: it is for a project that they are in."""

    is_author: bool
    needs_review: bool
    has_project: bool
    in_project: bool


@dataclass(frozen=True)
class Outcome:
    """What becomes of a release once it is judged. `variant`: what may leave, "" while nothing may."""

    state: State
    variant: str = ""


def read_gate(text: str) -> Gate:
    """Return a way out by its name; raise `Refused` (400) for anything else."""
    if text not in set(GATES):
        raise invalid("gate", f"{text[:40]!r} is no way out.", f"One of: {', '.join(GATES)}.")
    return Gate(text)


def read_path(text: str) -> str:
    """Return a path in the home, written in one way; raise `Refused` (400) for what cannot be one.

    Signs that cannot be seen are refused: a reviewer decides about the name that they read.

    >>> read_path("./models//churn.ipynb"), read_path("~/a.csv")
    ('models/churn.ipynb', 'a.csv')
    """
    text = text.removeprefix("~/")
    parts = [part for part in text.split("/") if part not in {"", "."}]
    is_long = len(text.encode(errors="replace")) > _LONGEST_PATH or any(
        len(one.encode(errors="replace")) > _LONGEST_NAME for one in parts
    )
    if not parts or text.startswith("/") or ".." in parts or is_long:
        raise invalid("path", f"{text[:80]!r} is no file of a home.",
                      "Give its path from the home on, such as work/churn.ipynb.")  # fmt: skip
    if not text.isprintable():
        raise invalid("path", f"{text[:80]!r} has signs in it that cannot be seen.", "Rename the file first.")
    return "/".join(parts)


def read_form(text: str, path: str, gate: Gate) -> str:
    """Return as what a file leaves, "" meaning what suits it; raise `Refused` (400).

    >>> read_form("", "a.ipynb", Gate.SHARE), read_form("", "a.csv", Gate.SHARE)
    ('html', 'original')
    """
    is_notebook = path.lower().endswith(_NOTEBOOK)
    form = text or ("html" if is_notebook and gate in SHARING else "original")
    if form not in FORMATS:
        raise invalid("form", f"{text[:40]!r} is no form.", f"One of: {', '.join(FORMATS)}.")
    if form != "original" and not is_notebook:
        raise invalid("form", f"{path.rpartition('/')[2]} is no notebook, and {form} is made of one.",
                      "Let it leave as it is: form original.")  # fmt: skip
    return form


def read_lasts_s(gate: Gate, text: str, most_s: int) -> int:
    """Return for how many seconds a share lasts, 0 for other ways out; raise `Refused` (400).

    `most_s`: that the settings allow; whether more is asked for is checked where shares are made.
    """
    if gate not in SHARING:
        if text:
            raise invalid("until", f"A {gate} has no end: it is taken once.", "Leave the end out.")
        return 0
    if not text:
        return min(_SHARE_S, most_s) if gate is Gate.SHARE else most_s
    return parse_duration_s(text, "until")


def read_text(field: str, text: str) -> str:
    """Return text of several lines; raise `Refused` (400) for what is too long or cannot be seen."""
    said = "\n".join(line.rstrip() for line in text.strip().splitlines())
    if len(said) > _LONGEST_TEXT or not said.replace("\n", " ").replace("\t", " ").isprintable():
        raise invalid(field, f"This has at most {_LONGEST_TEXT} characters, all of which can be seen.",
                      "Shorten it.")  # fmt: skip
    return said


def read_comments(comments: Iterable[Mapping[str, object]]) -> list[dict[str, object]]:
    """Return a reviewer's words per cell (from 1; 0 is the document); raise `Refused` (400)."""
    read: list[dict[str, object]] = []
    for one in comments:
        cell, said = one.get("cell", 0), read_text("comment", str(one.get("text", "")))
        if not isinstance(cell, int) or not 0 <= cell <= 1_000_000 or not said:
            raise invalid("comment", "A comment has the number of a cell, and words.", "Write both.")
        read.append({"cell": cell, "text": said})
    if len(read) > MOST_COMMENTS:
        raise invalid("comment", f"{len(read)} comments are too many; {MOST_COMMENTS} are the most.",
                      "Say it in fewer.")  # fmt: skip
    return sorted(read, key=lambda one: int(str(one["cell"])))


def may_open_another(count: int) -> Verdict:
    """Tell whether somebody with that many open requests may make one more."""
    if count < MAX_OPEN:
        return Allow()
    return Refuse(
        "too-many-requests",
        f"You have {count} documents that wait to leave; {MAX_OPEN} are the most.",
        "Take or withdraw some: `nbkeep release list --mine`, `nbkeep release withdraw ID`.",
    )


def may_see(actor: Actor, reach: Reach) -> bool:
    """Tell whether somebody is told of a release: its author, who may review it, and who looks after all.

    What the policies alone decided about is no reviewer's business.
    """
    if actor.may(ADMIN) or (reach.is_author and actor.may(ASK)):
        return True
    return actor.may(REVIEW) and reach.needs_review and (reach.in_project or not reach.has_project)


def may_review(actor: Actor, reach: Reach) -> Verdict:
    """Tell whether somebody who may see a release may decide: two people agree on what leaves."""
    if reach.is_author:
        return Refuse(
            "self-review", "Nobody reviews what they want to let leave themselves.", "Another reviewer does."
        )
    if not actor.may(REVIEW):
        return Refuse("not-a-reviewer", "You cannot decide about this.", "Reviewers do. Wait for one.")
    return Allow()


def still_leaves(
    decision: Decision, gate: Gate, found: Collection[Found], *, variant: str, was_reviewed: bool
) -> bool:
    """Tell whether what was let out before may be taken, by what the policies decide now.

    A reviewer let it out who was asked: then only a denial counts. Else it must be as mild as then.
    """
    if was_reviewed:
        return decision is not Decision.DENY
    now = outcome(decision, gate, found, has_plain=True, has_redacted=variant == REDACTED)
    return now.variant == variant or (now.variant == PLAIN and variant == REDACTED)


def outcome(
    decision: Decision, gate: Gate, found: Collection[Found], *, has_plain: bool, has_redacted: bool
) -> Outcome:
    """Return what follows from the policies' decision.

    Of what could not be read nobody knows what a redaction left in it: that is reviewed. Without anything
    that could leave there is nothing to review.
    """
    if decision is Decision.DENY:
        return Outcome(State.DENIED)
    if not has_plain:
        return Outcome(State.FAILED)
    out = State.RELEASED if gate in SHARING else State.READY
    if decision is Decision.ALLOW:
        return Outcome(out, PLAIN)
    if decision is Decision.REDACT and has_redacted and Found.UNREAD not in found:
        return Outcome(out, REDACTED)
    return Outcome(State.WAITING)
