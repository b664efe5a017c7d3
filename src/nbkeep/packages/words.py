"""A package policy in words: the same in portal, command line and JupyterLab."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbkeep.model.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .values import PackagePolicy

_MOST_LISTED = 6


def policy_words(policy: PackagePolicy | None) -> str:
    """Return what may be installed as a sentence.

    >>> from nbkeep.packages.parse import policy_from
    >>> policy_words(policy_from({"allow": "numpy,scikit-*", "pins": "numpy<2", "min_age": "7d"}))
    'From https://pypi.org/simple: only numpy, scikit-*; numpy<2; at least 7d old'
    >>> policy_words(policy_from({"deny": "evil", "require_hash": True, "no_vulnerable": True}))
    'From https://pypi.org/simple: all but evil; with a SHA-256; without known vulnerabilities'
    >>> policy_words(None)
    ''
    """
    if policy is None:
        return ""
    said = [f"only {_listed(policy.allow)}" if policy.allow else "all"]
    if policy.deny:
        said[0] += f" but {'not ' if policy.allow else ''}{_listed(policy.deny)}"
    said += policy.pins[:_MOST_LISTED]
    if len(policy.pins) > _MOST_LISTED:
        said.append(f"{len(policy.pins) - _MOST_LISTED} more pins")
    if policy.licences:
        said.append(f"under {_listed(policy.licences)}")
    if policy.only_approved:
        said.append("only approved versions")
    if policy.min_age_s:
        said.append(f"at least {format_duration(policy.min_age_s)} old")
    if policy.require_hash:
        said.append("with a SHA-256")
    if policy.no_vulnerable:
        said.append("without known vulnerabilities")
    return f"From {policy.index}: {'; '.join(said)}"


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _MOST_LISTED
    return ", ".join(names[:_MOST_LISTED]) + (f" and {more} more" if more > 0 else "")
