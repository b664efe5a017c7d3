"""What a rule answers: a value, so that it can be shown, stored and tested like any other."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import Refused


@dataclass(frozen=True)
class Allow:
    """Yes. `note` is a sentence that people should see all the same, or ""."""

    note: str = ""


@dataclass(frozen=True)
class Refuse:
    """No: a stable code, a sentence with the numbers, and the next step."""

    code: str
    message: str
    remedy: str = ""

    def as_error(self, status: int = 403) -> Refused:
        """Return the error that carries this refusal to the doors."""
        return Refused(self.code, self.message, self.remedy, status=status)


Verdict = Allow | Refuse
