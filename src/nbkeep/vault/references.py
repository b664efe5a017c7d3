"""Where a value lies that is not in nbkeep: `vault:MOUNT/data/PATH#FIELD@VERSION`.

Or who makes one for each session: `vault:MOUNT/creds/ROLE`, of a database engine.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from nbkeep.model.errors import invalid

_SEGMENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_FIELD = re.compile(r"[A-Za-z0-9._-]{1,100}")
_FORM = re.compile(r"vault:(?P<path>[^#@]{1,300})(#(?P<field>[^#@]*))?(@(?P<version>[1-9][0-9]{0,8}))?")
_SHORTEST = 3  # MOUNT/data/NAME


@dataclass(frozen=True)
class Reference:
    """A place in a KV engine (version 2).

    `field`: "" for all of them, as JSON. `version`: None for the newest.
    """

    path: str
    field: str
    version: int | None

    def __str__(self) -> str:
        """Return it as it is written."""
        field = f"#{self.field}" if self.field else ""
        return f"vault:{self.path}{field}" + (f"@{self.version}" if self.version else "")


def parse_reference(text: str) -> Reference:
    """Return the place; raise `Refused` (400) for anything else."""
    found = _FORM.fullmatch(text.strip())
    parts = found["path"].split("/") if found else []
    if not found or not all(_SEGMENT.fullmatch(one) for one in parts) or (
        found["field"] is not None and not _FIELD.fullmatch(found["field"])
    ):  # fmt: skip
        remedy = "Write it like vault:secret/data/db#password, with @3 for a certain version."
        raise invalid("source", f"{text[:300]!r} is no place of a value.", remedy)
    if len(parts) < _SHORTEST or "data" not in parts[1:-1]:
        raise invalid("source", f"{found['path']!r} is no path of a KV engine of version 2.",
                      "Write MOUNT/data/PATH, as its API has it: vault:secret/data/db#password.")  # fmt: skip
    version = int(found["version"]) if found["version"] else None
    return Reference(found["path"], found["field"] or "", version)


_SCHEME, _CREDS, _MOUNT = "vault:", "creds", "database"
_LONGEST_ROLE = 300


def parse_role(text: str) -> str:
    """Return the source `vault:MOUNT/creds/ROLE` of ROLE, MOUNT/ROLE or MOUNT/creds/ROLE.

    Without a mount it is `database`, as Vault has it. Raises `Refused` (400) for anything else.
    """
    parts = text.strip().removeprefix(_SCHEME).split("/")
    if len(parts) > 2 and parts[-2] == _CREDS:  # a mount, creds, a role
        del parts[-2]
    mount, role = parts[:-1] or [_MOUNT], parts[-1]
    source = f"{_SCHEME}{'/'.join(mount)}/{_CREDS}/{role}"
    if not all(_SEGMENT.fullmatch(one) for one in (*mount, role)) or role_path(source) is None:
        raise invalid("vault-role", f"{text[:100]!r} is no role of a database engine.",
                      "Write the role's name, or MOUNT/ROLE where the engine is elsewhere.")  # fmt: skip
    return source


def role_path(source: str) -> str | None:
    """Return the path of the role, MOUNT/creds/ROLE; None where a source is a place of a value, or none.

    A place in a KV engine has `data` in its middle, and may have a folder `creds`.
    """
    path = source.removeprefix(_SCHEME)
    parts = path.split("/")
    if not source.startswith(_SCHEME) or len(path) > _LONGEST_ROLE or "#" in path or "@" in path:
        return None
    return path if parts[-2:-1] == [_CREDS] and "data" not in parts[1:-1] else None
