"""Keys of AWS and of what speaks like it: from what people write, and from what the vault hands out. Pure."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any, cast

from nbkeep.model.errors import invalid

_ID = re.compile(r"[A-Za-z0-9_.@-]{8,128}")
_SECRET = re.compile(r"[\x21-\x7e]{8,512}")
_TOKEN = re.compile(r"[\x21-\x7e]{8,8192}")
# The names that AWS's API, its configuration files, and vaults give to the same three things.
_NAMES = (
    ("access_key_id", "accesskeyid", "aws_access_key_id", "access_key"),
    ("secret_access_key", "secretaccesskey", "aws_secret_access_key", "secret_key"),
    ("session_token", "sessiontoken", "aws_session_token", "security_token"),
)


@dataclass(frozen=True)
class AwsKeys:
    """Who signs. `session_token`: "" for keys that last. Never logged."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(default="", repr=False)

    @property
    def parts(self) -> set[str]:
        """Each of them that there is."""
        return {self.access_key_id, self.secret_access_key, self.session_token} - {""}

    @property
    def text(self) -> str:
        """It as one line, which `aws_keys` reads."""
        return json.dumps(
            {
                "access_key_id": self.access_key_id,
                "secret_access_key": self.secret_access_key,
                "session_token": self.session_token,
            }
        )


def aws_keys(text: str) -> AwsKeys:
    """Return the keys of `ID:SECRET[:TOKEN]`, or of JSON as AWS and vaults give it.

    Raises `Refused` (400), which repeats nothing of it.
    """
    text = text.strip()
    found = _from_json(text) if text.startswith("{") else [*text.split(":"), "", ""]
    if any(found[3:]):
        raise _wrong("It has more than three parts.")
    for what, form, one in zip(("access key id", "secret access key"), (_ID, _SECRET), found, strict=False):
        if not form.fullmatch(one):
            raise _wrong(f"Its {what} is missing, shorter than 8, or holds what cannot be part of one.")
    if found[2] and not _TOKEN.fullmatch(found[2]):
        raise _wrong("Its session token is shorter than 8, or holds what cannot be part of one.")
    return AwsKeys(*found[:3])


def _from_json(text: str) -> list[str]:
    try:
        told: Any = json.loads(text)
    except ValueError:  # which holds the text
        raise _wrong("It is not valid JSON.") from None
    found: Any = cast("dict[str, Any]", told).get("Credentials", told)
    if not isinstance(found, dict):
        raise _wrong("It is not an object with the keys.")
    lower = {name.lower(): one for name, one in cast("dict[str, Any]", found).items()}
    return [next((str(lower[name]) for name in names if lower.get(name)), "") for names in _NAMES]


def _wrong(why: str) -> Exception:
    remedy = "Give ACCESS_KEY_ID:SECRET_ACCESS_KEY[:SESSION_TOKEN], or JSON as `aws sts` prints it."
    return invalid("value", f"The value is no key of AWS. {why}", remedy)
