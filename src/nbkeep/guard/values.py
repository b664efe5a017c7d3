"""The words of this room: scopes, rules, what they are asked for, and what they answer."""

from __future__ import annotations

from dataclasses import dataclass

from nbkeep.model.gates import Decision, Found, Gate

ADMIN = "admin:releases"  # sets and unsets
READ = "audit:read"  # sees, as `ADMIN` does

# Scopes as they are written: one of these, or one of these with the name behind it.
EVERYWHERE = "everywhere"
PROFILE, PROJECT, CLASS = "profile:", "project:", "class:"
DOWNLOADS = "downloads:"  # the field `downloads` of a profile; tightens the gates `TAKING`
DEFAULT = "default"  # nothing that is set decides

WAYS_OUT = (
    Gate.DOWNLOAD,
    Gate.EXPORT,
    Gate.SHARE,
    Gate.PUBLISH,
)  # of a document that somebody asks to let leave
SENDING = (Gate.UPLOAD, Gate.PUSH)  # a program of a session sends it, and the gateway reads it
TAKING = (Gate.DOWNLOAD, Gate.EXPORT)  # the author takes the file themselves
ALL = "all"  # a word of the doors for all of `WAYS_OUT`
DOWNLOAD_WORDS = (Decision.ALLOW, Decision.REVIEW, Decision.DENY)


@dataclass(frozen=True)
class Context:
    """Where a document comes from: by this, policies apply to it.

    `profile`: of the session that asks, "" for none. `projects`: those that its author is in, by name.
    `classification`: the highest class that the session, or the file, carries; "" for none.
    """

    profile: str = ""
    projects: tuple[str, ...] = ()
    classification: str = ""


@dataclass(frozen=True)
class Rule:
    """One decision that is set: at a scope, for one gate and one thing that may be found."""

    scope: str
    gate: Gate
    found: Found
    decision: Decision


@dataclass(frozen=True)
class Policies:
    """All rules that bear on a context; which of them hold is said by `rules.py`."""

    context: Context = Context()
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True)
class Because:
    """What one thing that was found means, and the scope whose rule says so (`DEFAULT`: nothing is set)."""

    found: Found
    decision: Decision
    scope: str


@dataclass(frozen=True)
class Judgement:
    """What happens at a gate: the strictest of `because`, which has a line for each thing that was found."""

    decision: Decision
    because: tuple[Because, ...]
