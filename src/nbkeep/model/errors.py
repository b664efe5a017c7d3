"""The only two kinds of error that nbkeep raises on purpose; everything else is a bug and crashes."""

from __future__ import annotations


class NbkeepError(Exception):
    """Base of the two: a stable `code`, a sentence for people, and the next step."""

    status = 500

    def __init__(self, code: str, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        """Return message and remedy as one line for terminals and logs."""
        return f"{self.message} {self.remedy}".strip()


class Refused(NbkeepError):
    """Policy or bad input says no; trying again unchanged will not help.

    `status` is the HTTP status that the doors answer with (400 bad input, 401, 403, 404, 409, 429).
    """

    def __init__(self, code: str, message: str, remedy: str = "", *, status: int = 403) -> None:
        super().__init__(code, message, remedy)
        self.status = status


class Unavailable(NbkeepError):
    """Something that is needed does not answer; trying later may help."""

    status = 503


def not_found(noun: str, name: str, verb: str = "", *, remedy: str = "") -> Refused:
    """Return the one answer for both "not there" and "not yours", so that neither can be told apart.

    `verb`: what lists them, where that is not `NOUN list`; `remedy`: where to look, where no command does.
    """
    see = remedy or f"See `nbkeep {verb or f'{noun} list'}`."
    return Refused(f"{noun}-not-found", f"There is no {noun} {name!r}.", see, status=404)


def invalid(field: str, message: str, remedy: str = "") -> Refused:
    """Return the refusal of a malformed value of one field."""
    return Refused(f"invalid-{field}", message, remedy, status=400)
