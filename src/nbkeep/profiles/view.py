"""Flavors and profiles as the doors show them: numbers with units in their names, and the same in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nbkeep.packages.words import policy_words

from . import words
from .parse import plain

if TYPE_CHECKING:
    from .values import Flavor, Profile


def network_words(profile: Profile) -> str:
    """Return what sessions of a profile may reach as a sentence."""
    return words.reach_words(
        profile.egress_allowlist,
        profile.egress_denylist,
        profile.egress_asklist,
        internet=profile.public_internet,
        index=profile.packages.index if profile.packages else "",
        dry_run=profile.egress_dry_run,
    )


def flavor_view(flavor: Flavor, currency: str) -> dict[str, Any]:
    """Return a flavor for the doors."""
    return {**plain(flavor), "currency": currency, "words": _flavor_words(flavor, currency)}


def profile_view(profile: Profile, flavor: Flavor, currency: str) -> dict[str, Any]:
    """Return a profile with its flavor's numbers for the doors."""
    return {
        **plain(profile),
        "cpu_millis": flavor.cpu_millis,
        "memory_bytes": flavor.memory_bytes,
        "gpu_type": flavor.gpu_type,
        "gpu_count": flavor.gpu_count,
        "price_per_hour_micros": flavor.price_per_hour_micros,
        "needs_approval": flavor.needs_approval,
        "currency": currency,
        "network_words": network_words(profile),
        "words": {
            **_flavor_words(flavor, currency),
            "idle_stop": words.idle_words(profile.idle_stop_s),
            "max_session": words.max_session_words(profile.max_session_s),
            "state": words.state_words(profile.state_retention_s, keep_state=profile.keep_state),
            "network": network_words(profile),
            "packages": policy_words(profile.packages),
            "downloads": words.downloads_words(profile.downloads),
            "quarantine": words.quarantine_words(quarantine=profile.quarantine),
            "classification": words.classification_words(profile.classification),
        },
    }


def _flavor_words(flavor: Flavor, currency: str) -> dict[str, str]:
    return {
        "cpu": words.cpu_words(flavor.cpu_millis),
        "memory": words.memory_words(flavor.memory_bytes),
        "gpu": words.gpu_words(flavor.gpu_type, flavor.gpu_count),
        "price": words.price_words(flavor.price_per_hour_micros, currency),
    }
