"""The flavors and profiles that a new installation starts with; an admin may change or delete every one.

Prices are defaults in the configured currency: of the order that large clouds ask for such machines, so that
reports show sensible numbers before anybody has set their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from nbkeep.store.tables import FlavorRow, ProfileRow

from .parse import plain
from .values import Flavor, Profile

if TYPE_CHECKING:
    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Tx

_GIB = 1 << 30

FLAVORS: tuple[Flavor, ...] = (
    Flavor("notebook-cpu-small", 2000, 8 * _GIB, price_per_hour_micros=100_000),
    Flavor("notebook-cpu-large", 4000, 32 * _GIB, price_per_hour_micros=300_000),
    Flavor("notebook-gpu-t4", 4000, 16 * _GIB, "t4", 1, 600_000),
    Flavor("notebook-gpu-a100", 8000, 64 * _GIB, "a100", 1, 3_500_000),
    Flavor("nb-gpu-l4", 4000, 16 * _GIB, "l4", 1, 900_000),
    Flavor("nb-gpu-l40s", 8000, 64 * _GIB, "l40s", 1, 1_900_000),
    Flavor("nb-gpu-h100", 16000, 128 * _GIB, "h100", 1, 6_000_000),
)


# One list for all, which one warm parent serves.
_PREIMPORT = ("numpy", "pandas")


def _gpu(name: str, display_name: str, description: str, idle_stop_s: int = 900) -> Profile:
    # A GPU costs while nobody works: it is let go sooner than a CPU.
    return Profile(
        name=name,
        display_name=display_name,
        image="base",
        preimport=_PREIMPORT,
        flavor=name,
        description=description,
        idle_stop_s=idle_stop_s,
    )


PROFILES: tuple[Profile, ...] = (
    Profile(
        name="notebook-cpu-small",
        display_name="CPU small",
        image="base",
        preimport=_PREIMPORT,
        flavor="notebook-cpu-small",
        description="For everyday analysis: tables, plots, small models.",
    ),
    Profile(
        name="notebook-cpu-large",
        display_name="CPU large",
        image="base",
        preimport=_PREIMPORT,
        flavor="notebook-cpu-large",
        description="For data that does not fit the small one.",
    ),
    Profile(
        name="quarantine",
        display_name="Quarantine",
        image="base",
        preimport=_PREIMPORT,
        flavor="notebook-cpu-small",
        description="For what you do not trust yet: an empty home, no network, nothing of yours in reach.",
        classification="public",
        keep_state=False,
        downloads="deny",
        quarantine=True,
    ),
    _gpu("notebook-gpu-t4", "GPU T4", "A small GPU for inference and first trainings."),
    _gpu("notebook-gpu-a100", "GPU A100", "A large GPU for training."),
    _gpu("nb-gpu-l4", "GPU L4", "A GPU for inference and fine-tuning of small models."),
    _gpu("nb-gpu-l40s", "GPU L40S", "A GPU for fine-tuning and rendering."),
    _gpu("nb-gpu-h100", "GPU H100", "The largest GPU, for large models."),
)


def plant(tx: Tx, clock: Clock) -> bool:
    """Put the seeds into a database that has never had a flavor; return whether it did. Twice is safe.

    What an admin deleted does not come back, as long as one flavor is left.
    """
    if tx.scalar(select(FlavorRow.name).limit(1)) is not None:
        return False
    now = clock.now()
    tx.add_all(FlavorRow(**plain(flavor), updated_at=now) for flavor in FLAVORS)
    tx.flush()
    tx.add_all(ProfileRow(**plain(profile), updated_at=now) for profile in PROFILES)
    tx.flush()
    return True
