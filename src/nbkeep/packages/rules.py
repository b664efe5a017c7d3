"""Which projects and which files a policy lets through, and why not. Pure."""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import lru_cache
from typing import TYPE_CHECKING

from packaging.requirements import Requirement

from nbkeep.model.units import format_duration

from .advisories import affects

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from packaging.specifiers import SpecifierSet

    from .values import Facts, IndexFile, PackagePolicy


def refuse_project(policy: PackagePolicy, name: str) -> str:
    """Return why nothing of a project (normalised name) may be fetched, or ""."""
    if pattern := _matching(name, policy.deny):
        return f"{name} is on the deny-list ({pattern})" if pattern != name else f"{name} is on the deny-list"
    if policy.allow and not _matching(name, policy.allow):
        return f"{name} is not on the allow-list"
    return ""


def refuse_file(policy: PackagePolicy, file: IndexFile, facts: Facts, now: datetime) -> str:
    """Return why a file may not be fetched, or ""."""
    return (
        refuse_project(policy, file.name)
        or _refuse_version(policy, file, facts)
        or _refuse_age(policy, file, now)
        or ("the index has no SHA-256 of it" if policy.require_hash and not file.sha256 else "")
    )


def _refuse_version(policy: PackagePolicy, file: IndexFile, facts: Facts) -> str:
    for pin in policy.pins:
        name, allowed = _pin(pin)
        # Pre-releases are the client's to choose: `numpy<2` speaks of them as well.
        if name == file.name and not allowed.contains(file.version, prereleases=True):
            return f"only {pin} is allowed"
    if policy.only_approved and str(file.version) not in facts.approved:
        return f"{file.name} {file.version} is not approved"
    if policy.no_vulnerable and not facts.is_loaded:
        return "no advisories are loaded yet, and versions with known vulnerabilities are to be refused"
    if policy.no_vulnerable:
        for one in facts.advisories:
            if affects(one, file.version):
                return f"{file.name} {file.version} has a known vulnerability ({one['id']})"
    return ""


def _refuse_age(policy: PackagePolicy, file: IndexFile, now: datetime) -> str:
    if not policy.min_age_s:
        return ""
    least = format_duration(policy.min_age_s)
    if file.uploaded_at is None:
        return f"the index does not say when it was uploaded, and {least} of age are required"
    age_s = (now - file.uploaded_at).total_seconds()
    if age_s < policy.min_age_s:
        return f"{file.name} {file.version} is younger than {least}"
    return ""


def _matching(name: str, patterns: Iterable[str]) -> str:
    return next((one for one in patterns if one == name or fnmatchcase(name, one)), "")


@lru_cache(maxsize=4096)
def _pin(text: str) -> tuple[str, SpecifierSet]:
    found = Requirement(text)
    return found.name, found.specifier
