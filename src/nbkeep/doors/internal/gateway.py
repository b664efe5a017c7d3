"""/internal/v1/gateway: what a node's gateway asks (who may reach what) and reports (who reached what)."""

from __future__ import annotations

import asyncio
import contextlib
import math
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from nbkeep.app import Office
from nbkeep.audit import journal
from nbkeep.connections.records import live_connections
from nbkeep.data.records import live_readers
from nbkeep.detection.records import own_rules, own_rules_sha256, told
from nbkeep.doors.api.auth import OfficeDep, require_gateway
from nbkeep.egress.alarms import Thresholds
from nbkeep.egress.records import take_records
from nbkeep.egress.reports import MAX_BATCH
from nbkeep.egress.watch import sent_by_all, watch
from nbkeep.grants.records import live_datasets
from nbkeep.guard.uploads import told_places
from nbkeep.inference.budgets import gateway_view
from nbkeep.model.errors import Unavailable
from nbkeep.packages.records import facts_of, take_packages
from nbkeep.sessions.policies import live_policies, tag_of
from nbkeep.telemetry.instruments import CONNECTIONS, GATEWAY_BYTES
from nbkeep.vault.change import source_of
from nbkeep.vault.hand_out import give, hand_out, is_use_noted, note_use
from nbkeep.vault.leases import live_leases
from nbkeep.vault.records import People

router = APIRouter(prefix="/gateway", dependencies=[Depends(require_gateway)])
_LONGEST_WAIT_S = 20.0
_LOOK_EVERY_S = 0.25  # a change of a profile must reach running sessions within a second
_LOOK_ALL_THE_SAME_S = (
    5.0  # where nothing was committed: moments and months go by (grants end at the gateway)
)


class Wanted(BaseModel):
    """Whose lease it is."""

    session_id: str = Field(max_length=24)


class Records(BaseModel):
    """Records of connections, in any order."""

    records: list[dict[str, Any]] = Field(max_length=MAX_BATCH)


@router.get("/policies")
async def policies(
    office: OfficeDep, known: Annotated[str | None, Query(max_length=64)] = None
) -> dict[str, Any]:
    """Return policies and leases of all live sessions once they differ from what is known, or after 20 s.

    Both are of one moment: no session is let out to a host before it is known which secret is added there.
    An office that is asked to end answers at once: it is not to wait for who only waits for it.
    Looks into the database rather than waiting for a signal: whatever changes it, by whichever door, is seen.
    """
    loop = asyncio.get_running_loop()
    until_s, version, looked_s = loop.time() + _LONGEST_WAIT_S, -1, -math.inf
    while True:
        now_s, before, version = loop.time(), version, await asyncio.to_thread(office.store.version)
        is_over = now_s >= until_s or office.ending.is_set()
        is_due = is_over or now_s - looked_s >= _LOOK_ALL_THE_SAME_S
        if is_due or version is None or version != before:
            looked_s = now_s
            found = await asyncio.to_thread(_look, office, None if is_over else known)
            if found is not None:
                return found
        await asyncio.sleep(_LOOK_EVERY_S)


@router.post("/connections")
def connections(body: Records, office: OfficeDep) -> dict[str, Any]:
    """Take records. One that can never be taken is named with why, and is not to be sent again."""
    thresholds = Thresholds(office.settings.alarm_volume_bytes, office.settings.alarm_upload_bytes)
    with office.store.write() as tx:
        taken = take_records(tx, office.clock, body.records)
        watch(tx, office.clock, [row for row, _ in taken.fresh], thresholds)
    for row, _ in taken.fresh:
        CONNECTIONS.labels(row.protocol, "allowed" if row.allowed else "refused").inc()
        GATEWAY_BYTES.labels("out").inc(row.bytes_out)
        GATEWAY_BYTES.labels("in").inc(row.bytes_in)
    return {"accepted": taken.accepted, "refused": taken.refused}


@router.post("/packages")
def packages(body: Records, office: OfficeDep) -> dict[str, Any]:
    """Take records of what sessions fetched of packages, in the same way."""
    with office.store.write() as tx:
        taken = take_packages(tx, office.clock, body.records)
    return {"accepted": taken.accepted, "refused": taken.refused}


@router.get("/packages/{name}")
def package(name: str, office: OfficeDep) -> dict[str, Any]:
    """Return what is known of a package: advisories, and approved versions."""
    with office.store.read() as tx:
        return facts_of(tx, name)


@router.get("/rules")
def rules(office: OfficeDep) -> dict[str, str]:
    """Return the organisation's own rules; with the policies goes their hash, and they are fetched for it."""
    with office.store.read() as tx:
        return told(own_rules(tx))


@router.post("/leases/{lease_id}")
def value_of(lease_id: str, body: Wanted, office: OfficeDep) -> dict[str, Any]:
    """Hand out the value of a live lease, the only way by which one leaves the vault."""
    with office.store.read() as tx:
        now = office.clock.now()
        found = hand_out(tx, source_of(office.settings), now, body.session_id, lease_id)
        is_noted = is_use_noted(tx, office.clock, lease_id)
    version, value = give(office, found)
    if not is_noted:
        with contextlib.suppress(Unavailable), office.store.write() as tx:
            note_use(tx, office.clock, lease_id)
    return {"version": version, "value": value}


def _look(office: Office, known: str | None) -> dict[str, Any] | None:
    with office.store.read() as tx:
        now, seq = office.clock.now(), journal.last_seq(tx)
        found = live_policies(tx, office.settings, now)
        people = People(tx)
        leased = live_leases(tx, people, now)
        models = gateway_view(tx, office.clock, office.settings.currency)
        connections = live_connections(tx, people, now).as_json()
        datasets = live_readers(tx, live_datasets(tx, now)).as_json()
        uploads, rules_sha256 = told_places(tx), own_rules_sha256(tx)
        tag = tag_of(found, leased, models, connections, datasets, uploads, rules_sha256)
        if tag == known:
            return None
        limited = [policy.session_id for policy in found if policy.volume_bytes]
        sent = sent_by_all(tx, limited, now) if limited else {}
    return {
        "tag": tag,
        "seq": seq,
        "policies": [policy.as_json() for policy in found],
        "leases": [lease.as_json() for lease in leased],
        "sent_today": {session_id: sent.get(session_id, 0) for session_id in limited},
        "models": models,
        "connections": connections,
        "datasets": datasets,
        "uploads": uploads,
        "own_rules": rules_sha256,
    }
