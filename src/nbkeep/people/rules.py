"""What people's accounts may be: values in, verdict out (or `Refused`, for bad input)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from nbkeep.model.actor import ROLE_SCOPES, SCOPES, Role
from nbkeep.model.errors import Refused, invalid

from .commonest import is_common

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

NAME = re.compile(r"[a-z][a-z0-9-]*")
NAME_LENGTH = 30
PASSWORD_LENGTH = 12
PASSWORD_LENGTH_MAX = 1024  # argon2 reads it all: a megabyte of password is an attack
TOKEN_VALID_S_MAX = 366 * 86400
MAX_SESSIONS_MAX = 100
_EMAIL = re.compile(r"[^\s@\x00-\x1f<>\"]{1,64}@[a-z0-9.-]{1,189}")
_MIN_PART = 4  # shorter parts of a name occur in good passwords by chance


def check_email(email: str) -> str:
    """Return an e-mail address trimmed and in small letters; raise `Refused` for what is none."""
    clean = email.strip().lower()
    if not _EMAIL.fullmatch(clean) or ".." in clean or clean.endswith((".", "-")):
        raise invalid("email", f"{email[:80]!r} is not an e-mail address.", "Write it like jane@acme.com.")
    return clean


def name_from_email(email: str) -> str:
    """Return the login name that an address suggests.

    >>> name_from_email("Jane.Doe+lab@acme.com"), name_from_email("42@acme.com"), name_from_email("é@x.eu")
    ('jane-doe-lab', 'u-42', 'user')
    """
    local = re.sub(r"[^a-z0-9]+", "-", email.partition("@")[0].lower()).strip("-")
    if not local:
        return "user"
    name = local if local[0].isalpha() else f"u-{local}"
    return name[:NAME_LENGTH].rstrip("-")


def numbered(name: str, number: int) -> str:
    """Return the n-th candidate for a name that is taken.

    >>> numbered("jane", 1), numbered("jane", 2)
    ('jane', 'jane-2')
    """
    suffix = "" if number == 1 else f"-{number}"
    return name[: NAME_LENGTH - len(suffix)].rstrip("-") + suffix


def check_role(role: str) -> Role:
    """Return a role; raise `Refused` that lists those there are."""
    try:
        return Role(role)
    except ValueError as error:
        roles = ", ".join(known.value for known in Role)
        raise invalid("role", f"There is no role {role!r}.", f"One of: {roles}.") from error


def check_max_sessions(count: int) -> int:
    """Return a number of sessions at once; 0 means that the person may start nothing."""
    if not 0 <= count <= MAX_SESSIONS_MAX:
        raise invalid("max-sessions", f"{count} sessions at once is out of range.",
                      f"Choose 0 to {MAX_SESSIONS_MAX}.")  # fmt: skip
    return count


def check_password(password: str, name: str, email: str) -> None:
    """Raise `Refused` for a password that is short, common, or made from the person's own name.

    After NIST SP 800-63B: length and a blocklist, no rules about kinds of characters.
    """
    if len(password) < PASSWORD_LENGTH:
        raise invalid("password", f"The password has {len(password)} characters; it needs {PASSWORD_LENGTH}.",
                      "A sentence of four or five words is long and easy to remember.")  # fmt: skip
    if len(password) > PASSWORD_LENGTH_MAX:
        raise invalid(
            "password", f"The password is longer than {PASSWORD_LENGTH_MAX} characters.", "Shorten it."
        )
    if is_common(password):
        raise invalid("password", "This is one of the passwords that attackers try first.",
                      "Choose words that nobody would put together.")  # fmt: skip
    low = password.lower()
    own = {
        name,
        email,
        email.partition("@")[0],
        *re.split(r"[^a-z0-9]+", name),
        *re.split(r"[^a-z0-9]+", email),
    }
    if any(len(part) >= _MIN_PART and part in low and len(low) - len(part) < PASSWORD_LENGTH for part in own):
        raise invalid("password", "The password contains your own name or address.",
                      "Choose words that have nothing to do with you.")  # fmt: skip


def check_token(name: str, scopes: Sequence[str], valid_s: int, held: Collection[str]) -> None:
    """Raise `Refused` for a token without name or scopes, beyond its maker's, or valid for too long."""
    if not 0 < len(name.strip()) <= 100:  # the column's width
        raise invalid("name", "A token needs a name of 1 to 100 characters.", "Say what it is for.")
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown or not scopes:
        what = f"Unknown scopes: {', '.join(unknown)}." if unknown else "A token needs scopes."
        raise invalid("scopes", what, f"Some of: {', '.join(SCOPES)}.")
    beyond = sorted(set(scopes) - set(held))
    if beyond:
        raise Refused("scope-not-held", f"You do not hold {', '.join(beyond)} yourself.",
                      "Ask for less, or ask an admin to make it.")  # fmt: skip
    if not 0 < valid_s <= TOKEN_VALID_S_MAX:
        raise invalid("valid", "A token works for at most 366 days.", "Choose a shorter time.")


def token_scopes(scopes: Sequence[str], role: Role) -> frozenset[str]:
    """Return what a token may do now: its scopes that its owner's role still has."""
    return frozenset(scopes) & ROLE_SCOPES[role]
