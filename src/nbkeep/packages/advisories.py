"""Known vulnerabilities as OSV tells them (https://ossf.github.io/osv-schema/): read, and compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

if TYPE_CHECKING:
    from collections.abc import Mapping

_ECOSYSTEM = "PyPI"


def read_advisory(data: object) -> list[dict[str, Any]]:
    """Return what one OSV record says of projects on PyPI: {id, name, versions, ranges} for each.

    Nothing for a record that was withdrawn, or speaks of other ecosystems. Raises ValueError for what is no
    OSV record.
    """
    if not isinstance(data, dict):
        raise ValueError("not an OSV record")
    told = cast("dict[str, Any]", data)
    if not isinstance(told.get("id"), str) or not told["id"]:
        raise ValueError("an OSV record has an id")
    if told.get("withdrawn"):
        return []
    found: list[dict[str, Any]] = []
    for one in _dicts(told.get("affected")):
        package = one.get("package")
        if not isinstance(package, dict):
            continue
        named = cast("dict[str, Any]", package)
        ecosystem, name = named.get("ecosystem"), named.get("name")
        if ecosystem != _ECOSYSTEM or not isinstance(name, str):
            continue
        found.append({
            "id": told["id"][:100],
            "name": str(canonicalize_name(name)),
            "versions": [text for text in one.get("versions") or () if isinstance(text, str)],
            "ranges": [
                [{key: event[key] for key in ("introduced", "fixed", "last_affected") if key in event}
                 for event in _dicts(each.get("events"))]
                for each in _dicts(one.get("ranges")) if each.get("type") == "ECOSYSTEM"
            ],
        })  # fmt: skip
    return found


def affects(advisory: Mapping[str, Any], version: Version) -> bool:
    """Tell whether a version is affected: it is listed, or lies in a range. What cannot be read affects."""
    try:
        if any(_same(text, version) for text in advisory["versions"]):
            return True
        return any(_within(events, version) for events in advisory["ranges"])
    except InvalidVersion:
        return True


def _same(text: str, version: Version) -> bool:
    try:
        return Version(text) == version
    except InvalidVersion:
        return False  # a name from before PEP 440: no version of today is called so


def _within(events: list[dict[str, str]], version: Version) -> bool:
    """Follow the events in the order of their versions, as OSV's evaluation does."""
    inside = False
    for at, kind in sorted((_at(text), kind) for one in events for kind, text in one.items()):
        if kind == "introduced":
            inside = inside or version >= at
        elif version > at or (kind == "fixed" and version == at):
            inside = False
    return inside


def _at(text: str) -> Version:
    return Version("0.dev0" if text == "0" else text)


def _dicts(value: object) -> list[dict[str, Any]]:
    return (
        [one for one in cast("list[Any]", value) if isinstance(one, dict)] if isinstance(value, list) else []
    )
