"""What a node is told of a session's place: all of a launch but its secrets, known once it is admitted."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from nbkeep.backends.interface import LaunchSpec
from nbkeep.connections.records import local_ports
from nbkeep.model.errors import NbkeepError
from nbkeep.store.tables import MarkRow
from nbkeep.telemetry import traces

from .view import CAPACITY_MARK

if TYPE_CHECKING:
    from nbkeep.store.database import Tx
    from nbkeep.store.tables import SessionRow, UserRow

    from .interface import Parts

_PIDS_MAX = 4096
# Whoever asks the hub does not wait for the node as well.
_ASIDE = ThreadPoolExecutor(4, thread_name_prefix="prepare")


def place_spec(parts: Parts, tx: Tx, row: SessionRow, owner: UserRow) -> LaunchSpec:
    """Return how a session is launched, with nothing in its environment."""
    profile = row.profile
    mark = tx.get(MarkRow, CAPACITY_MARK)
    host_cpu_millis = int(mark.value["cpu_millis"]) if mark else profile["cpu_millis"]
    home_size_bytes = owner.home_size_bytes
    if row.quarantine:
        home_size_bytes = min(home_size_bytes, parts.settings.quarantine_home_bytes)
    return LaunchSpec(
        session_id=row.id,
        user=owner.name,
        uid_index=owner.uid_index,
        image=profile["image"],
        cpu_millis=min(profile["cpu_millis"], host_cpu_millis),
        memory_bytes=profile["memory_bytes"],
        pids_max=_PIDS_MAX,
        home_size_bytes=home_size_bytes,
        quarantine=row.quarantine,
        # /tmp and /dev/shm live in memory and count towards it: half leaves room for the kernels.
        scratch_bytes=profile["memory_bytes"] // 2,
        gpu_count=profile["gpu_count"],
        gpu_type=profile["gpu_type"],
        preimport=profile.get("preimport", []),  # sessions that were requested before it existed
        local_ports={} if row.quarantine else local_ports(tx),
        server_env={},
        server_args=[],
    )


def prepare(parts: Parts, spec: LaunchSpec) -> None:
    """Have the node build a place while the hub is asked for its server; raises nothing, returns at once.

    Only time depends on it: a launch that finds nothing builds everything.
    """

    def ask() -> None:
        beginning = traces.beginning_of(spec.session_id)
        with (
            contextlib.suppress(NbkeepError),  # the launch that follows says why
            traces.span("session.prepare", beginning, session=spec.session_id),
        ):
            parts.backend.prepare(spec)

    _ASIDE.submit(ask)
