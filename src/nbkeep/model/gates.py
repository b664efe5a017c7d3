"""The ways by which a document leaves its author, what may be found in one, and what can be decided."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class Gate(StrEnum):
    """A way out. `SAVE` is none: it is where an author is told first.

    By the last two, programs of a session send something out: `UPLOAD` is the body of a request to a host,
    `PUSH` are commits that git sends to a forge. Nothing can be redacted there: it has been signed or hashed.
    """

    SAVE = "save"
    DOWNLOAD = "download"
    EXPORT = "export"
    SHARE = "share"
    PUBLISH = "publish"
    UPLOAD = "upload"
    PUSH = "push"


class Found(StrEnum):
    """What a scan of a document can end with; several at once, but `NOTHING` only alone."""

    SECRET = "secret"  # noqa: S105  the kind of a finding
    PERSONAL = "personal"
    UNREAD = "unread"
    NOTHING = "nothing"


class Decision(StrEnum):
    """What happens at a gate, the mildest first."""

    ALLOW = "allow"
    REDACT = "redact"
    REVIEW = "review"
    DENY = "deny"


FORMATS = ("ipynb", "html", "pdf", "script", "slides", "original")
"""As what a document may leave. `original`: the file as it is; all others are built anew of a notebook."""

_ORDER = tuple(Decision)


def strictest(decisions: Iterable[Decision]) -> Decision:
    """Return the strictest of these; `DENY` for none: no decision means no.

    >>> strictest([Decision.ALLOW, Decision.REVIEW, Decision.REDACT]).value, strictest([]).value
    ('review', 'deny')
    """
    return max(decisions, key=_ORDER.index, default=Decision.DENY)
