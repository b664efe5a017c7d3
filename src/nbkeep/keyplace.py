"""Where secrets lie of which keys are made: lines of a file or an environment variable, the newest first."""

from __future__ import annotations

import os
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path

from nbkeep import wholefile
from nbkeep.model.errors import Refused, invalid

SHORTEST = 32  # characters: 24 random bytes in base64
_FILE, _ENV = "file:", "env:"


@dataclass(frozen=True)
class KeyPlace:
    """One such place. `code` begins the codes of its refusals, `what` and `remedy` are words for people."""

    where: Path | str  # a file, or the name of an environment variable
    code: str
    what: str
    remedy: str

    def __str__(self) -> str:
        """Return it for people."""
        return str(self.where) if isinstance(self.where, Path) else f"the environment variable {self.where}"

    @property
    def may_be_made(self) -> bool:
        """Whether it is a file that is not there yet."""
        return isinstance(self.where, Path) and not self.where.exists()

    def read(self) -> list[str]:
        """Return the secrets, the newest first; raise `Refused` (409) where they cannot be used."""
        found = self._file_words(self.where) if isinstance(self.where, Path) else self._environment_words()
        if not found or any(len(one) < SHORTEST for one in found):
            raise self.refused(f"{self.what} is not used: it is empty, or too short to be one.")
        return found

    def read_line(self) -> str:
        """Return the first line as it is: a password that somebody else gave, blanks in it included.

        Raises `Refused` (409) where it cannot be read.
        """
        text = self._file_text(self.where) if isinstance(self.where, Path) else self._variable()
        line = (text.splitlines() or [""])[0].strip()
        if not line:
            raise self.refused(f"{self.what} is not used: it is empty.")
        return line

    def add(self) -> str:
        """Put a new secret in front of the others and return it; the file appears whole, for its owner only.

        It is made where there is none. Raises `Refused` (409) where what is there cannot be used, or not be
        written, or comes from the environment.
        """
        if not isinstance(self.where, Path):
            raise Refused(
                f"{self.code}-elsewhere",
                f"{self.what} comes from {self}.",
                "Put a new line in front there, and restart nbkeep.",
                status=409,
            )
        there = [] if self.may_be_made else self.read()
        fresh = secrets.token_urlsafe(SHORTEST)
        try:
            wholefile.write(self.where, "".join(f"{one}\n" for one in (fresh, *there)), durable=True)
        except OSError as error:
            raise Refused(
                f"{self.code}-not-written",
                f"{self.where} cannot be written: {error.strerror}.",
                "Run this as the user who owns it, or put a line of random characters in front yourself.",
                status=409,
            ) from error
        return fresh

    def refused(self, message: str) -> Refused:
        """Return the refusal (409) of what needs a secret of this place."""
        return Refused(f"{self.code}-missing", message, self.remedy, status=409)

    def _file_words(self, file: Path) -> list[str]:
        return self._file_text(file).split()

    def _file_text(self, file: Path) -> str:
        try:
            mode, found = file.stat().st_mode, file.read_text()
        except (OSError, UnicodeDecodeError) as error:
            why = (error.strerror if isinstance(error, OSError) else None) or "not text"
            raise self.refused(f"{self.what} cannot be read ({why}).") from error
        if stat.S_IMODE(mode) & 0o077:
            raise self.refused(f"{self.what} is not used: others than its owner may read it (mode 0600).")
        return found

    def _environment_words(self) -> list[str]:
        return self._variable().split()

    def _variable(self) -> str:
        found = os.environ.get(str(self.where), "")
        if not found.strip():
            raise self.refused(f"{self.what} cannot be read ({self} is not set).")
        return found


def where_of(text: str, usual: Path) -> Path | str:
    """Return what a setting means: "" the usual file, "file:/PATH" another one, "env:NAME" a variable.

    >>> where_of("", Path("/d/key")), where_of("file:/etc/key", Path("/d/key"))
    (PosixPath('/d/key'), PosixPath('/etc/key'))
    >>> where_of("env:KEY", Path("/d/key"))
    'KEY'
    """
    if text.startswith(_ENV):
        return text.removeprefix(_ENV)
    return Path(text.removeprefix(_FILE)) if text else usual


def check_place(setting: str, text: str, data_dir: Path) -> None:
    """Raise `Refused` (400) naming the setting when its text is no place, or one beside what it protects."""
    code, found = setting.replace("_", "-"), where_of(text, data_dir)
    if not text or (isinstance(found, str) and found.isascii() and found.isidentifier()):
        return
    if not isinstance(found, Path) or not text.startswith(_FILE) or not found.is_absolute():
        example = f"file:/etc/nbkeep/{code} or env:NBKEEP_{setting.upper()}_LINES"
        raise invalid(code, f"{text!r} is not a place of a key.", f"Write it like {example}.")
    if found.is_relative_to(data_dir):
        raise invalid(code, f"{found} lies in the data directory, beside what it is to protect.",
                      "Choose a file outside of it, or leave the setting out.")  # fmt: skip
