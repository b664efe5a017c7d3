"""The two nouns of this room as values, and what a host can hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nbkeep.packages.values import PackagePolicy

NETWORKS = ("none",)  # interfaces of their own: sessions have none, the gateway is the only way out


@dataclass(frozen=True)
class Flavor:
    """An amount of compute: CPU in thousandths, memory in bytes, GPUs; price in 10^-6 per hour.

    `needs_approval`: a session of it starts with a live grant for its profile only.
    """

    name: str
    cpu_millis: int
    memory_bytes: int
    gpu_type: str = ""
    gpu_count: int = 0
    price_per_hour_micros: int = 0
    needs_approval: bool = False


@dataclass(frozen=True)
class Profile:
    """What a user picks: an image on a flavor, under limits and policy. Durations in seconds."""

    name: str
    display_name: str
    image: str
    flavor: str
    description: str = ""
    idle_stop_s: int = 1800
    max_session_s: int = 28800
    max_extension_s: int = 14400
    network: str = "none"
    classification: str = "internal"
    record_code: bool = False
    preimport: tuple[str, ...] = ()
    roles: tuple[str, ...] = ("notebook.admin", "notebook.reviewer", "notebook.user")
    enabled: bool = True
    keep_state: bool = True
    state_max_bytes: int = 16 << 30
    state_retention_s: int = 7 * 86400
    state_key: str = ""  # one of the setting state_keys; "" is the platform's
    frozen_s: int | None = None  # how long idle sessions are frozen first; None is the platform's
    egress_allowlist: tuple[str, ...] = ()  # rules as `egress.parse` reads them, in the admin's words
    egress_denylist: tuple[str, ...] = ()
    egress_asklist: tuple[str, ...] = ()  # refused until somebody is granted it for a time
    public_internet: bool = False
    project_hosts: bool = False  # its people's projects may add hosts to the allow-list
    egress_volume_bytes: int = 0  # what a session may send in a day (UTC); 0 is any amount
    packages: PackagePolicy | None = None  # what may be fetched from a package index; None: ungoverned
    downloads: str = "allow"  # or review (what a scan finds needs one), deny; policies may be stricter
    egress_dry_run: bool = False  # nothing of the lists is enforced, what would be refused is recorded
    quarantine: bool = False  # its sessions get nothing of their person; see `quarantine.py`
