"""Which flavors and profiles are valid, and which fit a host. Values in, verdicts out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from nbkeep.egress.policy import check_rules
from nbkeep.guard.values import DOWNLOAD_WORDS
from nbkeep.model.actor import Role
from nbkeep.model.classification import CLASSIFICATIONS
from nbkeep.model.errors import invalid
from nbkeep.model.units import format_duration, format_size
from nbkeep.model.verdict import Allow, Refuse, Verdict

from .quarantine import check_closed
from .values import NETWORKS, Flavor, Profile

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from nbkeep.backends.interface import Capacity

    from .known import Known

NAME = re.compile(r"[a-z0-9-]{1,40}")
IMAGE = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
GPU_TYPE = re.compile(r"[a-z0-9-]{1,40}")

MODULE = re.compile(r"[A-Za-z_]\w{0,99}(\.[A-Za-z_]\w{0,99}){0,9}", re.ASCII)

_MIN_CPU_MILLIS = 100
_MAX_CPU_MILLIS = 1_024_000
_MIN_MEMORY_BYTES = 256 << 20  # less cannot hold one Python kernel with pandas
_MAX_MEMORY_BYTES = 64 << 40
_MAX_GPUS = 64
_MAX_PREIMPORTS = 30
MIN_IDLE_STOP_S = 30  # three heartbeats: less would stop who just had none
_MAX_DURATION_S = 31 * 86400
_MAX_PRICE_MICROS = 10**12
_MIN_STATE_BYTES, _MAX_STATE_BYTES = 1 << 20, 64 << 40
_MIN_VOLUME_BYTES = 1 << 20  # less would stop what programs send to get anything
_MIN_RETENTION_S, _MAX_RETENTION_S = 3600, 366 * 86400


def check_flavor(flavor: Flavor) -> None:
    """Raise `Refused` (400) naming the first field that is not valid."""
    _check_name("flavor", flavor.name)
    if not _MIN_CPU_MILLIS <= flavor.cpu_millis <= _MAX_CPU_MILLIS:
        raise invalid("cpu", f"{flavor.cpu_millis / 1000:g} CPU is out of range.", "Give 0.1 to 1024 CPU.")
    if not _MIN_MEMORY_BYTES <= flavor.memory_bytes <= _MAX_MEMORY_BYTES:
        raise invalid(
            "memory",
            f"{format_size(flavor.memory_bytes)} of memory is out of range.",
            "Give 256 MiB to 64 TiB.",
        )
    if not 0 <= flavor.gpu_count <= _MAX_GPUS:
        raise invalid("gpu_count", f"{flavor.gpu_count} GPUs is out of range.", "Give 0 to 64.")
    if flavor.gpu_type and not GPU_TYPE.fullmatch(flavor.gpu_type):
        raise invalid(
            "gpu_type",
            f"{flavor.gpu_type!r} is not a GPU type.",
            "Write it like t4, l40s or a100: small letters, digits and hyphens.",
        )
    if bool(flavor.gpu_type) != bool(flavor.gpu_count):
        raise invalid(
            "gpu_type", "GPU type and GPU count belong together.", "Give both (a100 and 1), or neither."
        )
    if not 0 <= flavor.price_per_hour_micros <= _MAX_PRICE_MICROS:
        raise invalid("price_per_hour", "The price per hour is out of range.", "Give 0 to 1,000,000.")


def check_profile(profile: Profile, flavors: Collection[str], known: Known) -> None:
    """Raise `Refused` (400) naming the first field that is not valid, with what exists where that helps."""
    _check_name("profile", profile.name)
    _check_text("display_name", profile.display_name, 1, 80)
    _check_text("description", profile.description, 0, 400)
    if profile.flavor not in flavors:
        raise invalid("flavor", f"There is no flavor {profile.flavor!r}.", _list("Flavors", flavors))
    if not IMAGE.fullmatch(profile.image) or profile.image not in known.images:
        raise invalid("image", f"There is no image {profile.image!r}.", _list("Images", known.images))
    _check_durations(profile)
    _check_state(profile, known)
    if profile.network not in NETWORKS:
        raise invalid(
            "network",
            f"The network policy {profile.network!r} cannot be enforced here.",
            "Only 'none' exists: code reaches nothing outside its sandbox.",
        )
    if profile.classification not in CLASSIFICATIONS:
        raise invalid(
            "classification",
            f"{profile.classification!r} is not a classification.",
            f"It is one of {', '.join(CLASSIFICATIONS)}.",
        )
    _check_preimport(profile.preimport)
    check_rules("egress_allowlist", profile.egress_allowlist)
    check_rules("egress_denylist", profile.egress_denylist)
    check_rules("egress_asklist", profile.egress_asklist)
    _check_volume(profile)
    if profile.downloads not in DOWNLOAD_WORDS:
        raise invalid(
            "downloads",
            f"{profile.downloads[:60]!r} says nothing of downloads.",
            f"It is one of {', '.join(DOWNLOAD_WORDS)}.",
        )
    check_closed(profile)
    roles = [role.value for role in Role]
    for role in profile.roles:
        if role not in roles:
            raise invalid("roles", f"There is no role {role!r}.", _list("Roles", roles))
    if len(set(profile.roles)) != len(profile.roles):
        raise invalid("roles", "A role is named twice.")


def _check_preimport(modules: tuple[str, ...]) -> None:
    for name in modules:
        if not MODULE.fullmatch(name):
            raise invalid(
                "preimport",
                f"{name[:60]!r} is not the name of a module.",
                "Write what stands after `import`, such as pandas or sklearn.linear_model.",
            )
    if len(modules) > _MAX_PREIMPORTS:
        raise invalid(
            "preimport", f"{len(modules)} modules are too many.", f"Give at most {_MAX_PREIMPORTS}."
        )


_MEMORY_TOLERANCE = 1.25


def fits_host(flavor: Flavor, capacity: Capacity, *, cpu_overcommit: float) -> Verdict:
    """Tell whether an empty host could run this flavor.

    GPUs cannot be stretched. A memory limit may lie a little above what the host has, because a machine sold
    with 8 GB shows its system less than 8 GiB; far above it, the limit would be an empty promise. CPU can be
    stretched: with an overcommit of 1 or more, a flavor with more CPU than the host runs on what there is.
    The notes say so.
    """
    name = flavor.name
    notes: list[str] = []
    if flavor.gpu_count:
        have = capacity.gpus.get(flavor.gpu_type, 0)
        if have < flavor.gpu_count:
            return Refuse(
                "no-capacity",
                f"No capacity here: {name} needs {_gpus(flavor.gpu_count)} of type "
                f"{flavor.gpu_type}; this host has {have or 'none'}.",
                "Pick a profile without that GPU, or ask an admin for a host that has it.",
            )
    if flavor.memory_bytes > capacity.memory_bytes * _MEMORY_TOLERANCE:
        return Refuse(
            "no-capacity",
            f"No capacity here: {name} needs {format_size(flavor.memory_bytes)} of "
            f"memory; this host has {format_size(capacity.memory_bytes)}.",
            "Pick a smaller profile, or ask an admin for a larger host.",
        )
    if flavor.memory_bytes > capacity.memory_bytes:
        notes.append(
            f"This host has {format_size(capacity.memory_bytes)} of memory: no session can use more."
        )
    if flavor.cpu_millis > capacity.cpu_millis:
        host = f"{capacity.cpu_millis / 1000:g} CPU"
        if cpu_overcommit < 1:
            return Refuse(
                "no-capacity",
                f"No capacity here: {name} needs {flavor.cpu_millis / 1000:g} CPU; "
                f"this host has {host} and may not be overcommitted.",
                "Pick a smaller profile, or ask an admin to raise cpu_overcommit.",
            )
        notes.append(f"This host has {host}: the session gets at most those.")
    return Allow(note=" ".join(notes))


def _gpus(count: int) -> str:
    return "1 GPU" if count == 1 else f"{count} GPUs"


def _check_name(noun: str, name: str) -> None:
    if not NAME.fullmatch(name):
        raise invalid(
            "name", f"{name!r} is not a name for a {noun}.", "Use 1 to 40 small letters, digits and hyphens."
        )


def _check_text(field: str, text: str, shortest: int, longest: int) -> None:
    if not shortest <= len(text.strip()) <= longest or not text.isprintable():
        raise invalid(field, f"{field} must be one line of {shortest} to {longest} characters.")


def _check_durations(profile: Profile) -> None:
    for field, value, least in (
        ("idle_stop", profile.idle_stop_s, MIN_IDLE_STOP_S),
        ("max_session", profile.max_session_s, MIN_IDLE_STOP_S),
        ("max_extension", profile.max_extension_s, 0),
    ):
        if not least <= value <= _MAX_DURATION_S:
            raise invalid(
                field,
                f"{field} of {format_duration(value)} is out of range.",
                f"Give {format_duration(least)} to 31d.",
            )
    if profile.max_session_s < profile.idle_stop_s:
        raise invalid(
            "max_session",
            f"A session would end after {format_duration(profile.max_session_s)}, "
            f"before the idle stop of {format_duration(profile.idle_stop_s)} can come.",
            "Make max_session at least as long as idle_stop.",
        )


def _check_volume(profile: Profile) -> None:
    least = _MIN_VOLUME_BYTES
    if profile.egress_volume_bytes and not least <= profile.egress_volume_bytes <= _MAX_STATE_BYTES:
        raise invalid(
            "egress_volume",
            f"{format_size(profile.egress_volume_bytes)} a day is out of range.",
            "Give 1 MiB to 64 TiB, or none for any amount.",
        )


def _check_state(profile: Profile, known: Known) -> None:
    if profile.state_key and profile.state_key not in known.state_keys:
        raise invalid(
            "state_key",
            f"There is no key {profile.state_key!r} for saved variables.",
            f"{_list('Keys', known.state_keys)} The setting state_keys says; `platform` is the platform's.",
        )
    if profile.frozen_s is not None and not 0 <= profile.frozen_s <= _MAX_DURATION_S:
        raise invalid(
            "frozen",
            f"Freezing for {format_duration(profile.frozen_s)} is out of range.",
            "Give 0 to 31d, or `platform` for what the setting frozen_s says.",
        )
    if not _MIN_STATE_BYTES <= profile.state_max_bytes <= _MAX_STATE_BYTES:
        raise invalid(
            "state_limit",
            f"A limit of {format_size(profile.state_max_bytes)} for saved state is out of range.",
            "Give 1 MiB to 64 TiB; to keep no state, switch keep_state off.",
        )
    if not _MIN_RETENTION_S <= profile.state_retention_s <= _MAX_RETENTION_S:
        raise invalid(
            "state_retention",
            f"Keeping state for {format_duration(profile.state_retention_s)} is out of range.",
            "Give 1h to 366d.",
        )


def _list(noun: str, names: Collection[str]) -> str:
    return f"{noun}: {', '.join(sorted(names))}." if names else f"There are no {noun.lower()} yet."


def changed(before: Mapping[str, object], after: Mapping[str, object]) -> dict[str, list[object]]:
    """Return {field: [old, new]} of what differs: what the audit keeps and a dry run shows."""
    return {key: [before.get(key), value] for key, value in after.items() if before.get(key) != value}
