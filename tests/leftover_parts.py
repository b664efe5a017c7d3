"""What nodes without processes do about leftovers: the real scan, over homes in memory."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from nbkeep.backends.interface import LeftFiles
from nbkeep.backends.local.leavings import left_file
from nbkeep.scanning.detect import with_text
from nbkeep.scanning.leftovers import kind_of, leftovers
from nbkeep.scanning.scan import Look, examine

if TYPE_CHECKING:
    from collections.abc import Mapping

Held = dict[tuple[str, str], bytes]


def left_in(held: Held, user: str, rules: str) -> LeftFiles:
    files = {path: data for (owner, path), data in held.items() if owner == user}
    look = Look(with_text(rules))
    found = [one for path, data in files.items() for one in examine(data, path, look).findings]
    left = [left_file(one, _version(files[one.path]), is_whole=True) for one in leftovers(files, found)]
    return LeftFiles(left, len(files), [], is_whole=True)


def delete_in(held: Held, user: str, versions: Mapping[str, str]) -> dict[str, str]:
    paths = {path for owner, path in held if owner == user}
    why: dict[str, str] = {}
    for key, version in versions.items():
        path = bytes.fromhex(key).decode()
        data = held.get((user, path))
        if path.startswith("..") or kind_of(path, paths) is None:
            why[key] = "it is nothing that a tool left behind"
        elif data is not None and _version(data) != version:
            why[key] = "it was changed since it was looked at"
        else:
            held.pop((user, path), None)
    return why


def _version(data: bytes) -> str:
    return sha256(data).hexdigest()
